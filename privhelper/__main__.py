"""`python3 -m privhelper` from a checkout, and the entry of the installed file."""

from __future__ import annotations

import sys

from privhelper.main import main

sys.exit(main(sys.argv[1:]))
