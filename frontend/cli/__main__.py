"""``python -m frontend.cli``: the same as ``astrocloud``."""

import sys

from frontend.cli.main import main

sys.exit(main())
