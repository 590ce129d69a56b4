"""``python -m infrastructure.packaging [--target DIR] [api admin worker]``."""

import argparse
import sys
from pathlib import Path

from infrastructure.packaging import APPS, StagingError, stage

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Stage the named apps, or all, and say which had changed."""
    parser = argparse.ArgumentParser(prog="packaging", description="Stage the function apps")
    parser.add_argument("--target", type=Path, default=ROOT / ".build", help="default: .build")
    parser.add_argument("apps", nargs="*", metavar="app", help=f"of {', '.join(APPS)}")
    arguments = parser.parse_args()
    for app in arguments.apps or APPS:
        try:
            changed = stage(app, ROOT, arguments.target / app)
        except StagingError as error:
            print(f"packaging: {error}", file=sys.stderr)
            return 1
        print(f"{app}: {'staged' if changed else 'unchanged'} in {arguments.target / app}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
