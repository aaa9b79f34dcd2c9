"""`python -m harness`, or `python path/to/decaygate/harness` from any folder: what can be asked without a run."""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    # Started by its path: the suite's folder takes the place of harness/ itself, whose modules would hide Python's own.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from harness.cli.main import main

sys.exit(main(sys.argv[1:]))
