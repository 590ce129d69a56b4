"""``python -m infrastructure.local.runner --socket PATH --state DIR``: the runner's daemon."""

import argparse
import os
import socket
from pathlib import Path

import uvicorn

from infrastructure.local.paths import short
from infrastructure.local.runner.app import make_app
from infrastructure.local.runner.runs import Runs
from infrastructure.local.runner.setup import Setup

_GRACE_SECONDS = 2


def main() -> None:
    """Serve until SIGTERM."""
    options = _parser().parse_args()
    os.umask(0o077)
    setup = Setup(
        state=os.path.abspath(options.state),  # noqa: PTH100  keepers run elsewhere
        toolchains=os.path.abspath(options.toolchains),  # noqa: PTH100
        executor=options.executor,
        engine=options.engine,
        is_local=options.environment == "local",
    )
    listener = _listen(Path(options.socket))
    config = uvicorn.Config(
        make_app(Runs(setup)),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="runner", description="Build sources on this machine.")
    parser.add_argument("--socket", required=True, help="where to listen")
    parser.add_argument("--state", required=True, help="folder of runs and caches")
    parser.add_argument("--toolchains", required=True, help="folder of languages and managers")
    parser.add_argument("--executor", choices=("sandbox", "containers"), default="sandbox")
    parser.add_argument("--engine", help="buildah, podman or docker, instead of the first found")
    parser.add_argument("--environment", default="production", help="local allows no sandbox")
    return parser


def _listen(path: Path) -> socket.socket:
    """A socket in a folder that only we can enter; one that a killed daemon left is replaced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(short(path))
    except OSError as error:
        raise SystemExit(
            f"The runner cannot listen on {path}: {error}. A socket's path has at most about 100"
            " characters: give a shorter one."
        ) from error
    path.chmod(0o600)
    listener.listen(64)
    return listener


if __name__ == "__main__":
    main()
