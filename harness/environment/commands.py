"""Which command runs the suite from where the reader stands? Messages print it, so it has to work as it is."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from harness.environment.paths import ROOT


def pytest_command(arguments: str, folder: Path | None = None) -> str:
    """Return the command that runs tests/claims from `folder` (default: the working directory)."""
    here = folder or Path.cwd()
    if here == ROOT:
        return f"pytest tests/claims {arguments}"
    root = _shown(here)
    return f"python -P -m pytest -c {root}/pyproject.toml --rootdir={root} {root}/tests/claims {arguments}"


def harness_command(arguments: str, folder: Path | None = None) -> str:
    """Return the command that runs the harness's own command line from `folder`."""
    here = folder or Path.cwd()
    return f"python -m harness {arguments}" if here == ROOT else f"python {_shown(here)}/harness {arguments}"


def _shown(here: Path) -> str:
    """Return the suite's folder from `here`: the shorter of its relative and its whole path."""
    return shlex.quote(min(os.path.relpath(ROOT, here), str(ROOT), key=len))
