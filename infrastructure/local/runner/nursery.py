"""Where keepers come from: one process that has imported what they need, and forks.

An interpreter of its own with the same modules takes a third of a second of work, which each build,
server and task would wait for. The process has one thread and does nothing else, so its forks are
as good as new ones. It ends with the daemon; its forks stay.
"""

import asyncio
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

_MODULE = "infrastructure.local.runner.nursery"
_REQUEST_BYTES = 16 * 1024
_REPLY_BYTES = 32
_ANSWER_SECONDS = 30.0


class Nursery:
    """The daemon's side; the process is started with the first keeper, or by ``open``."""

    def __init__(self, environment: Mapping[str, str], modules: tuple[str, ...] = ()) -> None:
        self._environment = dict(environment)
        self._modules = modules
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._one_at_a_time = asyncio.Lock()

    def open(self) -> None:
        """Start the process, unless it is there."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MODULE, str(theirs.fileno()), *self._modules],
                stdin=subprocess.DEVNULL,
                env=self._environment,
                pass_fds=(theirs.fileno(),),
            )
        ours.setblocking(False)
        self._socket = ours

    async def keep(self, module: str, folder: Path, lock: int) -> None:
        """Have a module's ``main`` keep a folder whose lock is held by this descriptor.

        It writes to the folder's ``keeper.log`` and leads a session. Raises OSError where nobody
        knows whether it runs: the lock tells.
        """
        async with self._one_at_a_time:
            self.open()
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await self._ask(module, folder, lock)
            except BaseException:
                # Its answer would be taken for the next one's.
                self.close()
                raise

    async def _ask(self, module: str, folder: Path, lock: int) -> None:
        assert self._socket is not None
        request = json.dumps([module, str(folder)]).encode()
        with (folder / "keeper.log").open("wb") as output:
            socket.send_fds(self._socket, [request], [lock, output.fileno()])
        if not await asyncio.get_running_loop().sock_recv(self._socket, _REPLY_BYTES):
            raise OSError(f"What starts keepers has ended before {folder.name} was kept")

    def close(self) -> None:
        """End the process; what it forked goes on."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._socket = self._process = None


def main() -> None:
    """Fork for whoever holds the other end of the socket, until it is closed."""
    parent = socket.socket(fileno=int(sys.argv[1]))
    for module in sys.argv[2:]:
        importlib.import_module(module)
    gc.freeze()  # pages of what is imported stay shared
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a keeper
    while True:
        request, descriptors, _, _ = socket.recv_fds(parent, _REQUEST_BYTES, 2)
        if not request:
            return
        module, folder = json.loads(request)
        pid = os.fork()
        if pid == 0:
            parent.close()
            _become(module, folder, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        with suppress(BrokenPipeError):
            parent.sendall(str(pid).encode())


def _become(module: str, folder: str, lock: int, output: int) -> NoReturn:
    """Be a keeper, as if started by itself; the lock stays open and so held."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.set_inheritable(lock, False)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.close(output)
        sys.argv = [module, folder]
        importlib.import_module(module).main()
        code = 0
    except BaseException:  # noqa: BLE001  told in its log, as an interpreter does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
