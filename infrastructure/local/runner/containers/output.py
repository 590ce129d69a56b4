"""Tells the words of an engine from those of the commands that it runs.

Buildah and Podman are quiet but for a last word on a failure, which is held back until it is
known to be the last one. Docker puts a number and a time before every line of a command, and
nothing before its own. So a command's output can imitate neither.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import Protocol

# The text of the step stands in the last word, newlines and all: it goes on to the very end.
_LAST_WORD = re.compile(rb"(?:Error: |error )building at STEP \"", re.IGNORECASE)
# A line of a child of the engine's, before that word.
_PRELUDE = re.compile(rb"subprocess exited with status \d{1,3}\n\Z")
_CODE = re.compile(r"exit (?:status|code:?) (\d{1,3})\W*\Z")
_SIGNAL = re.compile(r"signal: (\w+)\W*\Z")
_NUMBERED = re.compile(rb"#\d+ \d+\.\d+ ?")
_MAX_HELD = 64 * 1024
_PATIENCE = 40
_LAST_LINES = 5


class Splitter(Protocol):
    """Takes what an engine writes; ``own`` is what it said itself, at the end."""

    own: list[str]

    def feed(self, data: bytes) -> None:
        """Bytes as they came."""
        ...

    def close(self, *, failed: bool) -> None:
        """That was all."""
        ...


class QuietSplitter:
    """For Buildah and Podman."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.own: list[str] = []
        self._write = write
        self._held: list[bytes] = []
        self._has_last_word = False
        self._last: deque[bytes] = deque(maxlen=_LAST_LINES)
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Hand on all that cannot be the engine's last words."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        passed: list[bytes] = []
        for line in lines:
            passed += self._take(line + b"\n")
        # A line without an end, such as of a progress bar, is not waited for long.
        if len(self._rest) > _PATIENCE and not self._held and not _LAST_WORD.match(self._rest):
            passed.append(self._rest)
            self._rest = b""
        if passed:
            self._write(b"".join(passed))

    def _take(self, line: bytes) -> list[bytes]:
        self._last.append(line)
        if _LAST_WORD.match(line):
            # A command that printed the same before is not the last one to do so.
            passed = self._release() if self._has_last_word else []
            self._held.append(line)
            self._has_last_word = True
            return passed
        if self._has_last_word or _PRELUDE.match(line):
            self._held.append(line)
            return self._release() if sum(map(len, self._held)) > _MAX_HELD else []
        return [*self._release(), line]

    def _release(self) -> list[bytes]:
        passed, self._held, self._has_last_word = self._held, [], False
        return passed

    def close(self, *, failed: bool) -> None:
        """What is held back now was the engine's where it has failed."""
        passed = self._take(self._rest) if self._rest else []
        if failed:
            said = self._held if self._has_last_word else self._last
            self.own = b"".join(said).decode("utf-8", "replace").splitlines()
        else:
            passed += self._release()
        if passed:
            self._write(b"".join(passed))


class PlainSplitter:
    """For Docker with ``--progress=plain``."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.own: list[str] = []
        self._write = write
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Hand on the commands' lines without what stands before them."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)

    def close(self, *, failed: bool) -> None:
        """A last line without an end."""
        if self._rest:
            self._take(self._rest)

    def _take(self, line: bytes) -> None:
        if match := _NUMBERED.match(line):
            self._write(line[match.end() :] + b"\n")
        else:
            self.own = [*self.own[-20:], line.decode("utf-8", "replace")]


def command_code(own: list[str]) -> int | None:
    """The exit code of the command that failed; None where the engine itself did."""
    said = "\n".join(own).rstrip()
    if not ("building at STEP" in said or "did not complete successfully" in said):
        return None
    if match := _CODE.search(said):
        return int(match[1])
    return 137 if _SIGNAL.search(said) else None


def last_words(own: list[str]) -> str:
    """What an engine said of its own failure, short."""
    lines = [line.strip() for line in own if line.strip()]
    wanted = [line for line in lines if "error" in line.lower()] or lines
    return wanted[-1][:500] if wanted else "it said nothing"
