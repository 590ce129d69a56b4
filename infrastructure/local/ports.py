"""Which ports an installation uses: a range of twenty on 127.0.0.1, below the ephemeral ones.

The last port of a range is its guard: whoever listens there owns the range. So two stacks
that start at the same moment cannot choose the same one.
"""

import errno
import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from infrastructure.local.errors import StackError

DEFAULT_BASE = 8080
TEST_BASE = 21080
STEP = 20
CEILING = 32768
APPS, APPS_STEP, _APPS_RANGES = 26_000, 500, 12
"""Where the servers of projects listen: a range of their own for installations side by side."""
NAMES = (
    "gateway",
    "api",
    "admin",
    "worker",
    "postgres",
    "valkey",
    "kafka",
    "blob",
    "queue",
    "table",
    "webpubsub",
)


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one installation, by service."""

    base: int

    def __getitem__(self, name: str) -> int:
        return self.base + NAMES.index(name)

    @property
    def guard(self) -> int:
        return self.base + STEP - 1

    @property
    def apps(self) -> range:
        """For the servers of projects. Installations far from each other may share one: a port
        that is taken is never given to a server."""
        index = abs(self.base - DEFAULT_BASE) // STEP % _APPS_RANGES
        first = APPS + index * APPS_STEP
        return range(first, first + APPS_STEP)

    def all(self) -> list[int]:
        """Every port that the services take."""
        return [self[name] for name in NAMES]


class Reservation:
    """A range that is ours as long as its guard listens."""

    def __init__(self, ports: Ports, guard: socket.socket) -> None:
        self.ports = ports
        self._guard = guard

    def release(self) -> None:
        self._guard.close()


def reserve(memory: Path, environment: Mapping[str, str], start: int = DEFAULT_BASE) -> Reservation:
    """Take the fixed base, else the remembered one if it is free, else the first free one."""
    fixed = environment.get("ASTROCLOUD_PORT_BASE", "")
    if fixed:
        return _reserve_fixed(fixed)
    for base in _candidates(memory, start):
        if reservation := _try(Ports(base)):
            memory.write_text(json.dumps({"base": base}))
            return reservation
    raise StackError(
        f"No {STEP} free ports in a row between {start} and {CEILING}: "
        "stop a program that listens there, or name a base in ASTROCLOUD_PORT_BASE."
    )


def is_base(number: int) -> bool:
    """Whether a range may begin here."""
    return 1024 <= number <= CEILING - STEP


def remembered(memory: Path) -> int | None:
    """The base of the last time."""
    try:
        base = int(json.loads(memory.read_text())["base"])
        return base if is_base(base) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def taken(ports: Ports) -> list[int]:
    """Those ports that another program listens on."""
    return [port for port in (*ports.all(), ports.guard) if not is_free(port)]


def is_free(port: int) -> bool:
    """Whether a service could listen there: neither 127.0.0.1 nor ::1 is taken."""
    return all(
        _can_bind(family, address, port)
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
    )


def owner_of(port: int) -> str:
    """Who listens there, as far as the system tells: `` (nginx, process 812)`` or nothing."""
    try:
        import psutil
    except ImportError:
        return ""  # asked before anything is installed
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr and connection.laddr.port == port and connection.pid:
                return f" ({psutil.Process(connection.pid).name()}, process {connection.pid})"
    except (psutil.Error, OSError):
        return ""
    return ""


def _candidates(memory: Path, start: int) -> Iterable[int]:
    known = remembered(memory)
    if known is not None:
        yield known
    yield from (base for base in range(start, CEILING - STEP, STEP) if base != known)


def _reserve_fixed(text: str) -> Reservation:
    if not text.isdecimal() or not is_base(int(text)):
        raise StackError(
            f"ASTROCLOUD_PORT_BASE is {text!r}: give a number from 1024 to {CEILING - STEP}."
        )
    ports = Ports(int(text))
    if reservation := _try(ports):
        return reservation
    busy = [f"{port}{owner_of(port)}" for port in taken(ports)]
    raise StackError(
        f"ASTROCLOUD_PORT_BASE={text} cannot be used, taken: {', '.join(busy) or ports.guard}. "
        "Stop that program, or choose another base."
    )


def _try(ports: Ports) -> Reservation | None:
    guard = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        guard.bind(("127.0.0.1", ports.guard))
        guard.listen(1)
    except OSError:
        guard.close()
        return None
    if all(is_free(port) for port in ports.all()):
        return Reservation(ports, guard)
    guard.close()
    return None


def _can_bind(family: int, address: str, port: int) -> bool:
    try:
        probe = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return True  # a machine without IPv6 has nobody listening there
    with probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.errno == errno.EADDRNOTAVAIL
        return True
