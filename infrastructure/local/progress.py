"""Shows on the terminal what is under way and what is done, with durations.

Standard library only: it is used before anything is installed.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO

WIDTH = 26
TICK = 0.1


class Progress:
    """One line for each thing that is done; on a terminal, a last line with what runs now."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._terminal = self._out.isatty()
        self._colour = self._terminal and "NO_COLOR" not in os.environ
        self._unicode = "utf" in (self._out.encoding or "").lower()
        self._running: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._ticker: threading.Thread | None = None

    def __enter__(self) -> "Progress":
        if self._terminal:
            self._ticker = threading.Thread(target=self._tick, daemon=True)
            self._ticker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        if self._ticker:
            self._ticker.join()
        with self._lock:
            self._clear()

    def started(self, name: str) -> None:
        """Something is under way."""
        with self._lock:
            self._running[name] = time.monotonic()

    def finished(self, name: str, detail: str = "", seconds: float | None = None) -> None:
        """It is done; its duration is what was told, else since its start."""
        self._end(name, self.mark("ok"), detail, seconds)

    def failed(self, name: str, detail: str = "") -> None:
        """It went wrong."""
        self._end(name, self.mark("bad"), detail, None)

    def say(self, text: str = "") -> None:
        """A line of its own."""
        with self._lock:
            self._clear()
            print(text, file=self._out, flush=True)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a piece of work from its start to its end."""
        self.started(name)
        if not self._terminal:
            self.say(f"  … {name}" if self._unicode else f"  .. {name}")
        try:
            yield
        except BaseException:
            self.failed(name)
            raise
        self.finished(name)

    def mark(self, kind: str) -> str:
        """A coloured sign for ``ok``, ``warn`` or ``bad``."""
        colour, sign, plain = {
            "ok": ("32", "✓", "ok"),
            "warn": ("33", "!", "! "),
            "bad": ("31", "✗", "no"),
        }[kind]
        text = sign if self._unicode else plain
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour else text

    def _end(self, name: str, mark: str, detail: str, seconds: float | None) -> None:
        with self._lock:
            begun = self._running.pop(name, time.monotonic())
            took = time.monotonic() - begun if seconds is None else seconds
            self._clear()
            line = f"  {mark} {name:<{WIDTH}} {took:6.1f} s  {detail}"
            print(line.rstrip(), file=self._out, flush=True)

    def _tick(self) -> None:
        while not self._stopped.wait(TICK):
            with self._lock:
                self._clear()
                if self._running:
                    longest = time.monotonic() - min(self._running.values())
                    text = f"    {', '.join(self._running)} … {longest:.0f} s"
                    columns = os.get_terminal_size(self._out.fileno()).columns or 80
                    self._out.write(text[: columns - 1])
                    self._out.flush()

    def _clear(self) -> None:
        if self._terminal:
            self._out.write("\r\x1b[K")
