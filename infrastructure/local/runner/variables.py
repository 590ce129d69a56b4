"""The environment of a build's commands: what a CI user expects, and nothing of this machine."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from infrastructure.local.runner.executor import Work

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_QUIET = {
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


def of_commands(
    work: Work,
    *,
    home: PurePosixPath,
    temporary: PurePosixPath,
    caches: Mapping[str, str],
) -> dict[str, str]:
    """For every command; the project's own variables beat ours, but for the ones of the system."""
    job = work.job
    path = [*map(str, work.tools.path), SYSTEM_PATH]
    return {
        **_QUIET,
        **work.tools.environment,
        **caches,
        **job.environment,
        **job.secrets,
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PATH": ":".join(path),
    }


def with_own_programs(
    environment: Mapping[str, str], work: Work, source: PurePosixPath
) -> dict[str, str]:
    """For the build command: programs that the install brought can be called by their names."""
    spec = work.job.spec
    folders = dict.fromkeys(
        str(source / folder / "node_modules/.bin") for folder in (spec.root, spec.install_directory)
    )
    return {**environment, "PATH": ":".join([*folders, environment["PATH"]])}
