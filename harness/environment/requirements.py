"""The packages that the suite needs, and whether this environment has them."""

from __future__ import annotations

import importlib.util
import sys

from harness.environment.paths import ROOT

NEEDED = {
    "torch": "torch",
    "numpy": "numpy",
    "pytest": "pytest",
    "xdist": "pytest-xdist",
    "syrupy": "syrupy",
    "yaml": "pyyaml",
    "filelock": "filelock",
}


def check_requirements() -> int:
    """Print which packages are missing and how to install them; return 1 if any is, else 0. Installs nothing."""
    pins = ROOT / "constraints.txt"
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        print(f"{sys.executable} lacks {', '.join(missing)}", file=sys.stderr)
        print(f"install them there: {sys.executable} -m pip install -c {pins} {' '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0
