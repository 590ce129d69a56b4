"""Runs an installer to its end: clean environment, bounded time, nothing left alive."""

import asyncio
import os
import re
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from infrastructure.local.parentage import follow_parent
from infrastructure.local.runner.executor import ToolsUnavailable

_LAST_LINES = 6
_SECONDS = 600.0
# A registry's address may hold a password.
_USER_INFO = re.compile(r"(?<=://)[^/\s@]+@")
_BOILERPLATE = ("A complete log of this run", "npm error     ")


async def run(
    what: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    seconds: float = _SECONDS,
) -> str:
    """What it printed; ToolsUnavailable with its last lines where it fails or takes too long."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
            preexec_fn=follow_parent(signal.SIGKILL),
        )
    except OSError as error:
        raise ToolsUnavailable(f"{what} cannot be run: {error.strerror or error}.") from error
    try:
        said, _ = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        raise ToolsUnavailable(
            f"{what} was not ready after {seconds:.0f} s."
            " Next: check the network and the package registry, then deploy again."
        ) from None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    text = said.decode("utf-8", "replace")
    if process.returncode:
        raise ToolsUnavailable(_failed(what, process.returncode, text))
    return text


def _failed(what: str, code: int, text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    wanted = [line for line in lines if not any(word in line for word in _BOILERPLATE)]
    last = "\n".join(deque(wanted, _LAST_LINES)) or f"it ended with code {code}"
    return (
        f"{what} could not be installed:\n{_USER_INFO.sub('', last)}\n"
        "Next: check that this version exists and that the package registry can be reached."
    )
