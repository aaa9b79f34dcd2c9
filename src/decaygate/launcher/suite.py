"""Location of the suite, and commands of a child process that runs a part of it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from shlex import quote

PACKAGE = Path(__file__).resolve().parents[1]


def root_of(package: Path) -> Path:
    """Return the folder that holds harness/ and tests/: the installed package itself, or the clone around src/."""
    return package if (package / "harness").is_dir() else package.parents[1]


def harness_command(root: Path, *arguments: str) -> list[str]:
    """Return the command that runs the harness's own command line."""
    return [sys.executable, str(root / "harness"), *arguments]


def pytest_command(root: Path, cache: Path, *arguments: str) -> list[str]:
    """Return the command that runs pytest with the suite's settings. Its cache lies in the folder `cache`.

    -P, -c and --rootdir: the user's own pytest settings, conftest.py, tests and harness folders are not read.
    """
    settings = ["-c", str(root / "pyproject.toml"), f"--rootdir={root}", "-o", f"cache_dir={cache}"]
    return [sys.executable, "-P", "-m", "pytest", *settings, *arguments]


def own_command(program: str) -> str:
    """Return how the launcher is started from a shell; `program` is sys.argv[0]. Messages print it before a command.

    The short name is used only if the shell finds this launcher by it.
    """
    if Path(program).name == "__main__.py":
        return f"{_word(sys.executable, 'python')} -m decaygate"
    return _word(program, "decaygate")


def _word(path: str, name: str) -> str:
    """Return `name` if the shell's search for it finds `path`, else the path, quoted for a shell."""
    found = shutil.which(name)
    if found and os.path.abspath(found) == os.path.abspath(path):
        return name
    return quote(os.path.abspath(path))
