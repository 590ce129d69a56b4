"""The environment of a build's commands: what a CI user expects, and nothing of this machine."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from infrastructure.local.runner.executor import Work
from shared.builders.dockerfiles.environment import QUIET
from shared.builders.dockerfiles.environment import SYSTEM_PATH as SYSTEM_PATH


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
        **QUIET,
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
