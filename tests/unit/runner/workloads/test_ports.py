"""Ports of servers: one's own, resting after use, and never a stranger's."""

from pathlib import Path

import pytest

from infrastructure.local.ports import CEILING
from infrastructure.local.ports import Ports as Installed
from infrastructure.local.runner.workloads.ports import REST_SECONDS, Ports, parsed
from shared.clusters.errors import ClusterRefused

NUMBERS = range(22_300, 22_310)


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _no_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    """No port is anybody's: unit tests open no socket."""
    monkeypatch.setattr(
        "infrastructure.local.runner.workloads.ports.is_free", lambda port: port != 22_301
    )


def test_each_gets_ports_that_nobody_has(tmp_path: Path) -> None:
    ports = Ports(NUMBERS, tmp_path / "resting.json")
    assert ports.take(2) == (22_300, 22_302)
    assert ports.take(1) == (22_303,)


def test_a_port_rests_before_another_gets_it_whoever_asks(tmp_path: Path) -> None:
    clock = Clock()
    ports = Ports(NUMBERS, tmp_path / "resting.json", clock)
    ports.give_back(ports.take(1))
    clock.now += REST_SECONDS - 1
    again = Ports(NUMBERS, tmp_path / "resting.json", clock)
    assert again.take(1) == (22_302,)
    clock.now += 2
    assert again.take(1) == (22_300,)


def test_ports_of_workloads_that_were_there_before_are_known(tmp_path: Path) -> None:
    ports = Ports(NUMBERS, tmp_path / "resting.json")
    ports.know((22_300, 22_302))
    assert ports.take(1) == (22_303,)


def test_none_left_is_told_and_takes_none(tmp_path: Path) -> None:
    ports = Ports(NUMBERS, tmp_path / "resting.json")
    with pytest.raises(ClusterRefused, match="no 10 free ports between 22300 and 22309"):
        ports.take(10)
    assert len(ports.take(9)) == 9


@pytest.mark.parametrize("text", ["80-90", "32000-40000", "5000", "26100-26000", "a-b"])
def test_a_range_that_cannot_be(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed(text)


def test_installations_side_by_side_have_ranges_of_their_own() -> None:
    ranges = [Installed(8080 + 20 * number).apps for number in range(12)]
    numbers = [port for one in ranges for port in one]
    assert len(numbers) == len(set(numbers))
    assert max(numbers) < CEILING
