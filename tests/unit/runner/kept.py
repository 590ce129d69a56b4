"""A keeper for tests of where keepers come from: it says who it is, and stays."""

import os
import signal
import sys
from pathlib import Path


def main() -> None:
    """Keep the folder that is named until somebody ends us; a file there tells to fail at once."""
    folder = Path(sys.argv[1])
    print("kept", flush=True)
    if (folder / "fail").exists():
        raise RuntimeError("nothing to keep")
    (folder / "pid.new").write_text(f"{os.getpid()} {os.getsid(0)} {os.environ['OF_TESTS']}")
    (folder / "pid.new").rename(folder / "pid")
    signal.pause()
