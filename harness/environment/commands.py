"""Commands that run the suite from the reader's folder. Messages print them, so they must work as printed.

In a run that the launcher started they are commands of the launcher, else commands of the clone.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from harness.environment.paths import ROOT, STATE_VARIABLE

LAUNCHER_VARIABLE = "DECAYGATE_COMMAND"  # how a shell starts the launcher; set by the launcher


def is_launched() -> bool:
    """Return True if the launcher started this run."""
    return bool(os.environ.get(LAUNCHER_VARIABLE))


def pytest_command(options: str, folder: Path | None = None) -> str:
    """Return the command that runs tests/claims with options of the suite, from `folder` (default: the working directory)."""
    if is_launched():
        return _launcher_command(f"claims{_state_option()} {options}")
    start = folder or Path.cwd()
    if start == ROOT:
        return f"pytest tests/claims {options}"
    root = _suite_folder(start)
    return f"python -P -m pytest -c {root}/pyproject.toml --rootdir={root} {root}/tests/claims {options}"


def record_command(selection: str) -> str:
    """Return the command that records the selected goldens (an expression of pytest's option -k)."""
    if is_launched():
        return _launcher_command(f"record{_state_option()} -- -k {shlex.quote(selection)}")
    return f'make record ARGS="-k {selection}"'


def harness_command(arguments: str, folder: Path | None = None) -> str:
    """Return the command that runs the harness's own command line from `folder`."""
    if is_launched():
        return _launcher_command(arguments)
    start = folder or Path.cwd()
    return f"python -m harness {arguments}" if start == ROOT else f"python {_suite_folder(start)}/harness {arguments}"


def program() -> str:
    """Return how the harness's own command line is started in the suite's folder, for its help."""
    return harness_command("", ROOT).strip()


def _launcher_command(arguments: str) -> str:
    return f"{os.environ[LAUNCHER_VARIABLE]} {arguments}"


def _state_option() -> str:
    """Return the launcher's option --state if this run has another state folder than the usual one, else ""."""
    folder = os.environ.get(STATE_VARIABLE, "")
    usual = not folder or Path(folder) == Path.cwd() / ".decaygate"
    return "" if usual else f" --state={shlex.quote(min(os.path.relpath(folder), folder, key=len))}"


def _suite_folder(start: Path) -> str:
    """Return the suite's folder, quoted for a shell: its path from `start` or its absolute path, whichever is shorter."""
    return shlex.quote(min(os.path.relpath(ROOT, start), str(ROOT), key=len))
