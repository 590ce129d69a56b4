"""The app that clusters run under contract: a server of the standard library alone.

How it behaves is told by variables: LATE (seconds before it listens), LISTEN (a port instead of
PORT), HOST (an address instead of all), EXIT (ends at once with this code), EAT (MiB to take),
HEALTH (status of /health), HOST_ALONE (the only Host that /health takes).
"""

import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from urllib.parse import parse_qs, urlsplit

TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


def say(text: str) -> None:
    """A line of the log, at once."""
    print(text, flush=True)


def burn(seconds: float) -> None:
    """Use a processor."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


class App(BaseHTTPRequestHandler):
    """Answers GET requests."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """One request; each path does one thing."""
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/health":
            is_known = self.headers["Host"] == os.environ.get("HOST_ALONE", self.headers["Host"])
            self._answer(int(os.environ.get("HEALTH", "200")) if is_known else 400, "health")
        elif url.path == "/variable":
            self._answer(200, os.environ.get(query["name"], "(none)"))
        elif url.path == "/who":
            self._answer(200, f"uid={os.getuid()} token={TOKEN.exists()}")
        elif url.path == "/exit":
            say("asked to exit")
            os._exit(int(query["code"]))
        elif url.path == "/burn":
            burn(float(query["seconds"]))
            self._answer(200, "burnt")
        else:
            self._answer(200, f"hello {os.environ.get('GREETING', 'you')}")

    def _answer(self, status: int, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-App", "contract")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *values: object) -> None:
        """Requests are not written down."""


class Server(ThreadingHTTPServer):
    """Ends its open requests before it ends itself."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128


def main() -> None:
    """Behave as the variables say."""
    say(f"starting with {' '.join(sys.argv[1:]) or 'no words'}")
    if sys.argv[1:] == ["worker"]:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        signal.pause()
    if "EXIT" in os.environ:
        say("cannot go on: the database is not configured")
        sys.exit(int(os.environ["EXIT"]))
    kept = bytearray(int(os.environ.get("EAT", "0")) * 1024 * 1024)
    for place in range(0, len(kept), 4096):
        kept[place] = 1
    time.sleep(float(os.environ.get("LATE", "0")))
    port = int(os.environ.get("LISTEN", os.environ["PORT"]))
    server = Server((os.environ.get("HOST", "0.0.0.0"), port), App)

    def stop(number: int, frame: FrameType | None) -> None:
        say("asked to stop")
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    say(f"listening at {port}")
    server.serve_forever(0.1)
    server.server_close()


if __name__ == "__main__":
    main()
