"""`python -m harness`: list the claims, or check that an environment has what the suite needs."""

from __future__ import annotations

import sys

from harness.cli import main

sys.exit(main(sys.argv[1:]))
