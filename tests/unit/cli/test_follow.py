"""A deployment is followed to its end and its log to its last line, also without push."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from frontend.cli import follow
from frontend.cli.api import Api
from frontend.cli.errors import UnreachableError
from frontend.cli.follow import Follower
from frontend.cli.progress import Reporter

FAILURE = {"code": "empty_site", "title": "No index.html", "detail": "No index.html in dist."}


class Platform:
    """Gives a state an answer, the last one for ever; the log grows by a line each time."""

    def __init__(self, *states: str, lines: int = 3, ends: bool = True) -> None:
        self.states, self._lines, self._ends, self.read = list(states), lines, ends, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/negotiate":
            return httpx.Response(404, json={"code": "not_found", "detail": "No push here."})
        if request.url.path == "/api/v1/deployments/d":
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return httpx.Response(200, json=deployment(state))
        after = int(request.url.params["after"])
        self.read = min(self.read + 1, self._lines)
        lines = [_line(n) for n in range(after + 1, self.read + 1)]
        ended = self._ends and self.read == self._lines
        return httpx.Response(200, json={"lines": lines, "next_after": self.read, "ended": ended})

    def follower(self, reporter: Reporter) -> Follower:
        return Follower(
            Api("http://test", httpx.MockTransport(self)), deployment("queued"), reporter
        )


def deployment(state: str) -> dict[str, Any]:
    failure = FAILURE if state == "failed" else None
    return {"id": "d", "state": state, "project_slug": "shop", "number": 1, "failure": failure}


def _line(n: int) -> Mapping[str, Any]:
    return {"n": n, "time": "2026-11-24T07:00:00.123Z", "text": f"line {n}", "source": "build"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(follow, "LOG_SECONDS", 0.2)
    monkeypatch.setattr(follow, "PUSH_SECONDS", 0.0)


@pytest.mark.parametrize("end", ["ready", "failed", "canceled", "superseded"])
async def test_it_ends_with_the_state_and_the_whole_log(
    capsys: pytest.CaptureFixture[str], end: str
) -> None:
    """The log goes on after the state is terminal; its last line is still shown."""
    platform = Platform("queued", "publishing", end, lines=6)
    last = await platform.follower(Reporter(json=False)).run()
    shown = capsys.readouterr().out
    assert last["state"] == end
    assert [f"line {n}" in shown for n in range(1, 8)] == [True] * 6 + [False]
    assert shown.index("Queued…") < shown.index("Publishing…")
    assert "Live messages are not reachable" in shown


async def test_a_log_that_never_ends_is_not_waited_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is said that lines may be missing."""
    last = await Platform("ready", ends=False).follower(Reporter(json=False)).run()
    assert last["state"] == "ready"
    assert "The log did not end" in capsys.readouterr().out


async def test_a_platform_that_goes_away_leaves_the_last_state() -> None:
    """So that the command can still say which deployment it was."""
    platform = Platform("publishing")

    def gone(request: httpx.Request) -> httpx.Response:
        if platform.read:
            raise httpx.ReadError("gone")
        return platform(request)

    async def no_pause(seconds: float) -> None:
        assert seconds > 0

    api = Api("http://test", httpx.MockTransport(gone), no_pause)
    follower = Follower(api, deployment("queued"), Reporter(json=True))
    with pytest.raises(UnreachableError):
        await follower.run()
    assert follower.deployment["state"] == "publishing"
    assert json.dumps(follower.deployment)
