"""Sockets that end in time: each read looks whether it is too late, or not wanted any more."""

import io
import socket
import threading
import time

from shared.sources.errors import OutgoingTimeout, Stopped

_SLICE = 0.25


class Watch:
    """How long a piece of work may take, and whether it is still wanted."""

    def __init__(self, seconds: float, stop: threading.Event | None = None) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._stop = stop

    def check(self) -> None:
        """Raise Stopped or OutgoingTimeout where it has to end now."""
        if self._stop is not None and self._stop.is_set():
            raise Stopped("It was asked to stop")
        if time.monotonic() >= self._end:
            raise OutgoingTimeout(
                f"It was not done after {self._seconds:g} seconds: try again, or make it smaller"
            )

    def slice(self) -> float:
        """How long to wait before the next check."""
        return self.within(_SLICE)

    def within(self, seconds: float) -> float:
        """So many seconds, but not past the end."""
        return max(0.001, min(seconds, self._end - time.monotonic()))


class _Raw(io.RawIOBase):
    """Reads of a socket that look at the watch."""

    def __init__(self, sock: socket.socket, watch: Watch) -> None:
        self._sock, self._watch = sock, watch

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        while True:
            self._watch.check()
            self._sock.settimeout(self._watch.slice())
            try:
                return self._sock.recv_into(buffer)
            except TimeoutError:
                continue


class Stream:
    """What ``http.client`` needs of a socket; it closes when it is told to end, not before."""

    def __init__(self, sock: socket.socket, watch: Watch) -> None:
        self._sock, self._watch = sock, watch
        self.raw = _Raw(sock, watch)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """The one reader of the answer."""
        return io.BufferedReader(self.raw, 64 * 1024)

    def sendall(self, data: bytes) -> None:
        """Send all of it, within the time that is left."""
        self._watch.check()
        self._sock.settimeout(self._watch.within(60))
        self._sock.sendall(data)

    def close(self) -> None:
        """Nothing: the answer is still read when ``http.client`` is done with the connection."""

    def end(self) -> None:
        """Close the socket."""
        self._sock.close()
