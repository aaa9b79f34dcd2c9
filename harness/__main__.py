"""The command line `python -m harness`, also started as `python path/to/decaygate/harness` from any folder."""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    # Started by its path, Python puts harness/ first on the import path, where its modules would hide
    # those of the standard library. The suite's folder takes this place.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from harness.cli.main import main

sys.exit(main(sys.argv[1:]))
