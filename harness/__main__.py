"""The command line `python -m harness`, also started as `python path/to/decaygate/harness` from any folder."""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    # Started by its path, Python puts harness/ first on the import path, where its modules would hide
    # those of the standard library. The suite's folder takes this place.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

if tuple(sys.version_info[:2]) < (3, 11):
    # The modules below use the syntax of Python 3.11.
    sys.exit("expected Python 3.11 or newer, got " + sys.version.split()[0] + " (" + sys.executable + ")")

from harness.cli.main import main

sys.exit(main(sys.argv[1:]))
