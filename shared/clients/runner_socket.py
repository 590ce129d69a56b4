"""Requests to a runner over its Unix socket; what they mean stands in builders and clusters."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from shared.errors import AstroCloudError, NotFound, Unavailable

if TYPE_CHECKING:
    from aiohttp import ClientResponse

SECONDS = 60.0
LONG_SECONDS = 600.0


class RunnerRefused(AstroCloudError):
    """The runner refuses a request; ``told`` is its own code for why, where it has one.

    Without one it does not understand us: it is of another version than we are.
    """

    code, title = "runner_refused", "The runner refused a request"

    def __init__(self, detail: str, told: str = "") -> None:
        super().__init__(detail)
        self.told = told


class RunnerSocket:
    """One runner; opens a connection a request, which costs nothing on this machine."""

    def __init__(self, path: str) -> None:
        self._path = path

    @asynccontextmanager
    async def request(
        self, method: str, path: str, data: Any = None, seconds: float = SECONDS
    ) -> AsyncIterator["ClientResponse"]:
        """The answer to a request that went well.

        Raises NotFound, RunnerRefused for any other refusal, and Unavailable.
        """
        import aiohttp

        connector = aiohttp.UnixConnector(path=_short(self._path))
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.request(method, f"http://runner{path}", data=data) as answer,
            ):
                await _check(answer)
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = type(error).__name__
            raise Unavailable(
                f"The runner does not answer ({reason}): it is asked again; see whether it runs"
            ) from error


async def _check(answer: "ClientResponse") -> None:
    if answer.status == 404:
        raise NotFound((await answer.json())["detail"])
    if answer.status >= 500:
        raise Unavailable(f"The runner failed with status {answer.status}: it is asked again")
    if answer.status >= 400:
        told = await answer.json()
        raise RunnerRefused(told["detail"], told.get("code", ""))


def _short(path: str) -> str:
    """The shorter way to write a path: a Unix socket's must fit into about 100 bytes."""
    return min(path, os.path.relpath(path), key=len)
