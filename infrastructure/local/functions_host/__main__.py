"""``python -m infrastructure.local.functions_host --app .build/api --port 8081``."""

import argparse
import asyncio
import gc
import io
import logging
import os
import sys
from pathlib import Path

from infrastructure.local.functions_host import host_json, settings
from infrastructure.local.functions_host.errors import HostError


def main() -> int:
    """Run one staged app until a signal; the exit code is 0 only after a clean drain."""
    options = _arguments()
    # What functions print appears at once, also where standard output is a file.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    logging.basicConfig(
        stream=sys.stdout,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    # These tell every request, every start and stop at this level.
    for chatty in ("azure", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Nothing that the start creates is garbage: collecting it only delays the first answer.
    gc.disable()
    try:
        return _run(options)
    except HostError as error:
        print(f"functions host: {error}", file=sys.stderr)
        return 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="functions_host", description=__doc__)
    parser.add_argument("--app", type=Path, required=True, help="folder of the staged app")
    parser.add_argument("--port", type=int, required=True, help="0 chooses a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument(
        "--invisibility",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="how long a received queue message stays hidden (Azure: ten minutes)",
    )
    parser.add_argument(
        "--drain",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how long running invocations may go on after a signal",
    )
    parser.add_argument(
        "--kafka-session",
        type=float,
        default=6.0,
        metavar="SECONDS",
        help="after which silence a group gives up a consumer (Apache Kafka: 6 or more)",
    )
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> int:
    # Resolved once: a staging beside us swaps the link, not the folder that we import from.
    app = arguments.app.resolve()
    if not (app / "function_app.py").is_file():
        raise HostError(f"{app} holds no function_app.py; run python -m infrastructure.packaging")
    configuration = host_json.load(app)
    settings.load(app, os.environ)
    # First, so that functions and shared are those of the staged app, not of the checkout.
    sys.path.insert(0, str(app))
    from infrastructure.local.functions_host import declarations, host

    functions = declarations.load()
    options = host.Options(
        name=arguments.app.name,
        address=arguments.host,
        port=arguments.port,
        invisibility=arguments.invisibility,
        drain=arguments.drain,
        kafka_session=arguments.kafka_session,
    )

    async def serve() -> bool:
        hosted = host.Host(functions, configuration, os.environ, options)
        server_socket = host.listen(options.address, options.port)
        host.drain_on_signals(hosted)
        port = server_socket.getsockname()[1]
        logging.info("%s: %d functions, port %d", options.name, len(functions), port)
        gc.freeze()
        gc.enable()
        return await hosted.run(server_socket)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        clean = runner.run(serve())
    if not clean:
        # A thread that does not end must not hold up the exit.
        logging.shutdown()
        os._exit(1)
    return 0


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: type[asyncio.AbstractEventLoop] = uvloop.Loop
    return factory


if __name__ == "__main__":
    sys.exit(main())
