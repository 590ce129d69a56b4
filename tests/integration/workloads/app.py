"""An app that misbehaves as it is asked to: MODE names how, each by the standard library alone."""

import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class App(BaseHTTPRequestHandler):
    """Tells what it finds around itself."""

    def do_GET(self) -> None:
        """/read?PATH, /write?PATH, or who it is."""
        path, _, query = self.path.partition("?")
        try:
            if path == "/read":
                text = Path(query).read_text(errors="replace")
            elif path == "/list":
                text = "\n".join(sorted(one.name for one in Path(query).iterdir()))
            elif path == "/write":
                Path(query).write_text("written")
                text = "written"
            elif path == "/environment":
                text = "\n".join(f"{name}={value}" for name, value in os.environ.items())
            else:
                text = f"pid {os.getpid()}"
            status = 200
        except OSError as error:
            status, text = 403, type(error).__name__
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *values: object) -> None:
        """Requests are not written down."""


def bomb() -> None:
    """Processes without end."""
    while True:
        subprocess.Popen(["sleep", "300"])
        time.sleep(0.005)


def flood() -> None:
    """A gigabyte of output."""
    line = b"x" * 999 + b"\n"
    for _ in range(1000):
        sys.stdout.buffer.write(line * 1000)
    sys.stdout.buffer.write(b"the last words\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Behave."""
    mode = os.environ.get("MODE", "")
    if mode == "bomb":
        bomb()
    if mode == "disk":
        with Path("filled").open("wb") as file:
            while True:
                file.write(b"\1" * 1_000_000)
    if mode == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 300"])
    if mode == "orphan":
        subprocess.Popen(["sleep", "300"], start_new_session=True)
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), App)
    if mode == "flood":
        flood()
    print("listening", flush=True)
    server.serve_forever(0.1)


if __name__ == "__main__":
    main()
