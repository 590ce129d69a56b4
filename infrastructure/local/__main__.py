"""``python -m infrastructure.local``: what ``./dev`` hands over to."""

import sys

from infrastructure.local.cli import main

sys.exit(main(sys.argv[1:]))
