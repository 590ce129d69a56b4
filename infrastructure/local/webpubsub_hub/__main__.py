"""``python -m infrastructure.local.webpubsub_hub``: one hub on 127.0.0.1 until it is stopped."""

import argparse
import sys
from pathlib import Path

from infrastructure.local.webpubsub_hub.app import create_server


def main() -> int:
    parser = argparse.ArgumentParser(prog="webpubsub_hub", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--access-key-file", type=Path, required=True)
    parser.add_argument("--hub", default="astrocloud")
    parser.add_argument("--allowed-origin", action="append", default=[], metavar="URL")
    options = parser.parse_args()
    try:
        access_key = options.access_key_file.read_text().strip()
    except OSError as error:
        print(f"The access key cannot be read: {error}.", file=sys.stderr)
        return 1
    if not access_key:
        print(f"The file of the access key is empty: {options.access_key_file}.", file=sys.stderr)
        return 1
    create_server(options.port, access_key, options.hub, options.allowed_origin).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
