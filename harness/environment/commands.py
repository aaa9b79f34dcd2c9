"""Commands that run the suite from the reader's folder. Messages print them, so they must work as printed."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from harness.environment.paths import ROOT


def pytest_command(arguments: str, folder: Path | None = None) -> str:
    """Return the command that runs tests/claims from `folder` (default: the working directory)."""
    start = folder or Path.cwd()
    if start == ROOT:
        return f"pytest tests/claims {arguments}"
    root = _suite_folder(start)
    return f"python -P -m pytest -c {root}/pyproject.toml --rootdir={root} {root}/tests/claims {arguments}"


def harness_command(arguments: str, folder: Path | None = None) -> str:
    """Return the command that runs the harness's own command line from `folder`."""
    start = folder or Path.cwd()
    return f"python -m harness {arguments}" if start == ROOT else f"python {_suite_folder(start)}/harness {arguments}"


def _suite_folder(start: Path) -> str:
    """Return the suite's folder, quoted for a shell: its path from `start` or its absolute path, whichever is shorter."""
    return shlex.quote(min(os.path.relpath(ROOT, start), str(ROOT), key=len))
