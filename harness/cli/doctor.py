"""Command `doctor`: what this environment lacks, and where files are written."""

from __future__ import annotations

import os
import platform
import signal
import sys
from pathlib import Path

from harness.environment.paths import ROOT, state_folder
from harness.environment.requirements import how_to_install, report, requirements
from harness.tables import text_table


def doctor() -> int:
    """Print the versions of Python and of each package with the declared range, and the folders. Return 0, or 1 for a problem."""
    lacking = [one for one in requirements() if one.problem]
    print(f"decaygate in {ROOT}")
    python = ("python", platform.python_version(), ">=3.11", "ok")  # an older Python cannot start this command
    for line in text_table([python, *report()], "llll"):
        print(f"  {line}")
    print(f"python is {sys.executable}")
    for line in _folders():
        print(line)
    notes = _notes()
    for line in notes:
        print(line)
    if lacking:
        print(f"NOT READY: {', '.join(f'{one.package} is {one.problem}' for one in lacking)}; {how_to_install(lacking)}")
    elif not notes:
        print("All is well: this environment has what the suite needs.")
    else:
        print("Ready, with the limits above.")
    return 1 if lacking else 0


def _folders() -> list[str]:
    """Return lines that say where a run writes."""
    return [
        f"a run keeps its state (pytest's cache, trained chunks) in {state_folder()}; --state DIR names another folder",
        "nothing else is written, except what you ask for: --report, --golden-dir when recording, --write-contract",
    ]


def _notes() -> list[str]:
    """Return a line for each limit of this system, and for a state folder that needs --state."""
    lines = []
    if not hasattr(signal, "setitimer"):
        lines.append("this system has no timer for signals: an optimizer that does not return is not stopped")
    state = state_folder()
    existing = next(folder for folder in (state, *state.parents) if folder.exists())
    if not os.access(existing, os.W_OK):
        lines.append(f"{_shown(existing)} is not writable: name another folder with --state DIR")
    return lines


def _shown(folder: Path) -> str:
    return "the working directory" if folder == Path.cwd() else str(folder)
