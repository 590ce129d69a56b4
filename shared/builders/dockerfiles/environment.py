"""The environment of a build's commands, wherever they run: what a CI user expects."""

from collections.abc import Mapping

from shared.detection.build_spec import BuildSpec
from shared.detection.tree import join

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
QUIET = {
    "CI": "true",
    "TERM": "dumb",
    "LANG": "C.UTF-8",
    "SHELL": "/bin/sh",
    "USER": "build",
    "LOGNAME": "build",
    "DEBIAN_FRONTEND": "noninteractive",
    "GIT_TERMINAL_PROMPT": "0",
    "PYTHONUNBUFFERED": "1",
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "NO_UPDATE_NOTIFIER": "1",
    "npm_config_update_notifier": "false",
    "npm_config_fund": "false",
    "npm_config_audit": "false",
    "COREPACK_ENABLE_DOWNLOAD_PROMPT": "0",
    # Builds report to nobody.
    "DO_NOT_TRACK": "1",
    "ASTRO_TELEMETRY_DISABLED": "1",
    "GATSBY_TELEMETRY_DISABLED": "1",
    "NEXT_TELEMETRY_DISABLED": "1",
    "NUXT_TELEMETRY_DISABLED": "1",
    "STORYBOOK_DISABLE_TELEMETRY": "1",
    "NG_CLI_ANALYTICS": "false",
}


def in_container(
    spec: BuildSpec, environment: Mapping[str, str], secrets: Mapping[str, str], source: str
) -> dict[str, str]:
    """For commands in a container; the project's own variables beat ours, but for the system's.

    Programs that the install brought are found after those of the image.
    """
    folders = dict.fromkeys((join("", spec.root) or "", join("", spec.install_directory) or ""))
    own = (f"{source}/{folder}/node_modules/.bin".replace("//", "/") for folder in folders)
    return {
        **QUIET,
        **environment,
        **secrets,
        # Root is who the commands are: a name without a user would only confuse.
        "USER": "root",
        "LOGNAME": "root",
        "HOME": "/root",
        "TMPDIR": "/tmp",  # noqa: S108 - the container's
        "PATH": ":".join([SYSTEM_PATH, *own]),
    }
