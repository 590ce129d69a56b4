"""The SDK is imported on first use, which may be several calls at once."""

import subprocess
import sys

# One call imports the SDK; others come when half of it is there. All have to end in the same way.
SCRIPT = """
import asyncio, sys, threading, time
from shared.clusters.kubernetes.api import Api

half = threading.Event()

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "kubernetes.config":
            half.set()
            time.sleep(0.5)

def load():
    from kubernetes.client import Configuration
    config = Configuration()
    config.host = "http://127.0.0.1:1"
    return config

async def main():
    api = Api(load)
    first = asyncio.create_task(api.find("Pod", "space"))
    await asyncio.to_thread(half.wait)
    calls = [first, *(api.find("Pod", "space") for _ in range(4))]
    for found in await asyncio.gather(*calls, return_exceptions=True):
        print(type(found).__name__)

sys.meta_path.insert(0, Slow())
asyncio.run(main())
"""


def test_calls_that_come_while_the_sdk_is_imported_find_it_whole() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["Unavailable"] * 5, done.stderr
