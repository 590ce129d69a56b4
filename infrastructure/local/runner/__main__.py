"""``python -m infrastructure.local.runner --socket PATH --state DIR``: the runner's daemon."""

import argparse
import os
import socket
from pathlib import Path

import uvicorn

from infrastructure.local.paths import short
from infrastructure.local.ports import APPS, APPS_STEP
from infrastructure.local.runner import runs
from infrastructure.local.runner.app import make_app
from infrastructure.local.runner.folders import KeptFolder
from infrastructure.local.runner.nursery import Nursery
from infrastructure.local.runner.setup import Setup
from infrastructure.local.runner.workloads import service, tasks
from infrastructure.local.runner.workloads.ports import parsed
from infrastructure.local.runner.workloads.shipping import Shipping

_GRACE_SECONDS = 2
DEFAULT_PORTS = f"{APPS}-{APPS + APPS_STEP - 1}"


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
        registry=_registry(options.registry),
    )
    listener = _listen(Path(options.socket))
    # Keepers of servers look whether somebody holds it: one who could end them is there then.
    present = _present(Path(options.state))
    nursery = Nursery(
        setup.environment(), (runs.KEEPER, service.KEEPER, tasks.KEEPER, setup.parts_module)
    )
    nursery.open()
    workloads = service.Workloads(setup, options.ports, nursery)
    config = uvicorn.Config(
        make_app(
            runs.Runs(setup, nursery),
            workloads,
            tasks.Tasks(setup, nursery),
            _shipping(options.kafka, workloads),
        ),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener])
    nursery.close()
    os.close(present)


def _shipping(brokers: str | None, workloads: service.Workloads) -> Shipping | None:
    if not brokers:
        return None
    from shared.clients.kafka import Producer

    # Nobody waits for a line to be taken: what is not can be tried again soon.
    shipping = Shipping(Producer(brokers, rest_seconds=1), workloads.path, workloads.all)
    workloads.farewell = shipping.settle
    return shipping


def _present(state: Path) -> int:
    """The descriptor that locks the state; another daemon of the same state is refused."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return KeptFolder(state).take()
    except RuntimeError as error:
        raise SystemExit(f"Another runner is at work in {state}: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="runner", description="Build sources and run servers here."
    )
    parser.add_argument("--socket", required=True, help="where to listen")
    parser.add_argument("--state", required=True, help="folder of runs and caches")
    parser.add_argument("--toolchains", required=True, help="folder of languages and managers")
    parser.add_argument("--executor", choices=("sandbox", "containers"), default="sandbox")
    parser.add_argument("--engine", help="buildah, podman or docker, instead of the first found")
    parser.add_argument("--registry", help="HOST[:PORT][/prefix] that containers push images to")
    parser.add_argument(
        "--ports", type=parsed, default=parsed(DEFAULT_PORTS), help="for servers: FIRST-LAST"
    )
    parser.add_argument("--kafka", help="brokers that take the lines of servers")
    parser.add_argument("--environment", default="production", help="local allows no sandbox")
    return parser


def _registry(address: str | None) -> str | None:
    from infrastructure.local.runner.containers import Registry, WrongRegistry

    try:
        return address if address and Registry.parse(address) else None
    except WrongRegistry as error:
        raise SystemExit(str(error)) from None


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
