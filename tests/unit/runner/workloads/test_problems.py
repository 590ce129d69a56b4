"""Why a replica does not get ready: a reason, and what a person can do about it."""

import pytest

from infrastructure.local.runner.workloads import problems
from shared.clusters.port import ReplicaBounds
from shared.detection.run_settings import HealthCheck
from shared.sites.models import MIB

CHECK = HealthCheck(grace_seconds=7)


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (0, "exited", "exit code 0"),
        (1, "crashing", "exit code 1"),
        (127, "start_failed", "exit code 127"),
        (126, "start_failed", "exit code 126"),
        (139, "crashing", "signal 11"),
        (255, "crashing", "exit code 255"),
    ],
)
def test_an_end_says_its_reason_and_the_next_step(code: int, reason: str, words: str) -> None:
    end = problems.exited(code, "npm start", is_server=True)
    assert (end.reason, end.words, end.exit_code) == (reason, words, code)
    assert "Next:" in end.detail


def test_the_bound_on_memory_is_told() -> None:
    end = problems.out_of_memory(ReplicaBounds(memory_bytes=64 * MIB))
    assert end.words == "out of memory (64 MiB)"
    assert "64 MiB" in end.detail


def test_a_server_that_listens_elsewhere_is_told_where() -> None:
    told = problems.not_ready(CHECK, "nothing listens at port 26001", {3000}, 26001)
    assert told.reason == "not_listening"
    assert "listens at port 3000 instead" in told.detail
    assert "PORT (26001) after 7 s" in told.detail


def test_a_server_that_listens_nowhere_is_told_so() -> None:
    told = problems.not_ready(CHECK, "nothing listens at port 26001", set(), 26001)
    assert told.reason == "not_listening"
    assert "listens nowhere" in told.detail


def test_a_server_that_answers_badly_is_unhealthy() -> None:
    told = problems.not_ready(CHECK, "/health answered with status 503", {26001}, 26001)
    assert told.reason == "unhealthy"
    assert "/health answered with status 503" in told.detail
