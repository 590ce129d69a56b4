"""Ranges of ports: remembered, skipped when taken, fixed by a setting, owned by one stack."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infrastructure.local.doctor import check_ports
from infrastructure.local.errors import StackError
from infrastructure.local.ports import CEILING, NAMES, STEP, Ports, Reservation, reserve

START = 25080


@contextmanager
def _listener(port: int, address: str = "127.0.0.1") -> Iterator[None]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen()
        yield


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "ports.json"


@contextmanager
def _reserved(memory: Path, environment: dict[str, str] | None = None) -> Iterator[Reservation]:
    reservation = reserve(memory, environment or {}, start=START)
    try:
        yield reservation
    finally:
        reservation.release()


def test_every_service_has_its_own_port_within_the_range() -> None:
    ports = Ports(8080)
    assert [ports[name] for name in NAMES] == list(range(8080, 8091))
    assert ports.guard == 8080 + STEP - 1


def test_two_stacks_get_ranges_of_their_own(tmp_path: Path) -> None:
    with _reserved(tmp_path / "a.json") as one, _reserved(tmp_path / "b.json") as two:
        assert one.ports.base != two.ports.base


def test_the_base_is_remembered_while_it_is_free(memory: Path) -> None:
    memory.write_text(json.dumps({"base": START + 100 * STEP}))
    with _reserved(memory) as again:
        assert again.ports.base == START + 100 * STEP


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_moves_the_stack_to_the_next_range(memory: Path, address: str) -> None:
    with _reserved(memory) as first:
        base = first.ports.base
    with _listener(Ports(base)["valkey"], address), _reserved(memory) as second:
        assert second.ports.base > base
        assert json.loads(memory.read_text()) == {"base": second.ports.base}


def test_a_fixed_base_whose_port_is_taken_is_an_error_that_names_port_and_owner(
    memory: Path,
) -> None:
    with _reserved(memory) as first:
        base = first.ports.base
    port = Ports(base)["kafka"]
    fixed = {"ASTROCLOUD_PORT_BASE": str(base)}
    with _listener(port), pytest.raises(StackError, match=rf"{port}.*process {os.getpid()}"):
        reserve(memory, fixed)
    assert check_ports(memory, fixed).state == "ok"


@pytest.mark.parametrize("text", ["x", "80", str(CEILING)])
def test_a_fixed_base_out_of_range_is_refused(memory: Path, text: str) -> None:
    fixed = {"ASTROCLOUD_PORT_BASE": text}
    with pytest.raises(StackError, match="ASTROCLOUD_PORT_BASE"):
        reserve(memory, fixed)
    assert text == "x" or check_ports(memory, fixed).state == "bad"


def test_a_damaged_memory_is_forgotten(memory: Path) -> None:
    for text in ("{", '{"base": 99999}', '{"base": "x"}', "[]"):
        memory.write_text(text)
        with _reserved(memory) as found:
            assert found.ports.base >= START


def test_the_doctor_names_a_taken_port(memory: Path) -> None:
    with _reserved(memory) as first:
        base = first.ports.base
    with _listener(base):
        found = check_ports(memory, {"ASTROCLOUD_PORT_BASE": str(base)})
    assert found.state == "bad"
    assert f"{base} is taken" in found.found
