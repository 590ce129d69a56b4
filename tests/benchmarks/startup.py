"""P9 and P9b: how long ``./dev up`` takes, with everything installed and from a fresh clone.

The clone has a home of its own, so nothing that was downloaded before is found again; its ports are
its own as well, and it is taken down and removed in the end.
"""

import asyncio
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

from infrastructure.local import ports
from tests.benchmarks import Goal, Result
from tests.services.stack import Stack

NAME = "P9"
TEXT = "./dev up, everything installed → ready, seconds"
GOAL = Goal(10)
ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 600
ROUNDS = 3


async def measure() -> list[Result]:
    """A new installation's first start a few times; then one from a fresh clone."""
    begins = [await asyncio.to_thread(_start) for _ in range(ROUNDS)]
    installed = Result(
        sorted(begins)[ROUNDS // 2],
        "s",
        [f"of {ROUNDS} first starts, each with initdb and both sites: slowest {max(begins):.1f} s"],
    )
    return [installed, *await asyncio.to_thread(_from_clone)]


def _start() -> float:
    begun = time.monotonic()
    stack = Stack()
    took = time.monotonic() - begun
    stack.close()
    return took


def _from_clone() -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="astrocloud-bench-") as scratch:
        clone, home = Path(scratch, "clone"), Path(scratch, "home")
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        base = _free_base()
        environment = {**os.environ, "HOME": str(home), "ASTROCLOUD_PORT_BASE": str(base)}
        environment.pop("VIRTUAL_ENV", None)
        begun = time.monotonic()
        up = subprocess.Popen([str(clone / "dev"), "up"], env=environment, stdout=subprocess.PIPE)
        try:
            first = _until_online(base, up) - begun
            output = up.communicate(timeout=LIMIT_SECONDS)[0].decode()
            everything = time.monotonic() - begun
        finally:
            if up.poll() is None:
                up.send_signal(signal.SIGINT)
            subprocess.run([str(clone / "dev"), "down"], env=environment, capture_output=True)
    steps = [line.strip() for line in output.splitlines() if line.rstrip().endswith(" s")]
    return [
        Result(
            first,
            "s",
            steps,
            name="P9b",
            text="from a fresh clone: first site live, seconds",
            goal=Goal(60),
        ),
        Result(
            everything,
            "s",
            name="P9b",
            text="from a fresh clone: everything, seconds (goal: 4 minutes)",
            goal=Goal(240),
        ),
    ]


def _until_online(base: int, up: "subprocess.Popen[bytes]") -> float:
    """When the sample site answered a visitor."""
    host = {"Host": f"hello.apps.localhost:{base}"}
    until = time.monotonic() + LIMIT_SECONDS
    with httpx.Client(trust_env=False, headers=host) as visitor:
        while time.monotonic() < until and up.poll() in (None, 0):
            try:
                if visitor.get(f"http://127.0.0.1:{base}/").status_code == 200:
                    return time.monotonic()
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    raise RuntimeError("the sample site did not come online: see the output of ./dev up")


def _free_base() -> int:
    """A base whose whole range is free."""
    with tempfile.TemporaryDirectory() as folder:
        reservation = ports.reserve(Path(folder, "ports.json"), {}, start=ports.TEST_BASE)
        reservation.release()
        return int(reservation.ports["gateway"])
