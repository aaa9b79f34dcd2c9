"""The packages that the suite needs, the ranges of their versions, and what this environment has."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

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
_RANGE = re.compile(r"(?P<package>[\w-]+)>=(?P<least>[\d.]+),<(?P<below>[\d.]+)")


@dataclass(frozen=True)
class Requirement:
    """A package that the suite needs: the declared range of its version, and the installed version, or "" if it is missing."""

    package: str
    least: str
    below: str
    installed: str

    @property
    def declared(self) -> str:
        """The range as pip reads it."""
        return f"{self.package}>={self.least},<{self.below}"

    @property
    def problem(self) -> str:
        """The reason why the installed version does not do, or ""."""
        if not self.installed:
            return "missing"
        return "" if _numbers(self.least) <= _numbers(self.installed) < _numbers(self.below) else "outside of the range"


def requirements(project: Path = ROOT / "pyproject.toml") -> list[Requirement]:
    """Return every package that the suite needs, in the order of pyproject.toml."""
    modules = {package: module for module, package in NEEDED.items()}
    declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
    matches = [_RANGE.fullmatch(text) for text in declared]
    assert all(matches), "pyproject.toml declares each package as NAME>=VERSION,<VERSION"
    return [Requirement(**match.groupdict(), installed=_installed(match["package"], modules)) for match in matches if match]


def check_requirements() -> int:
    """Print which packages are missing and how to install them; return 1 if any is, else 0. Installs nothing."""
    missing = [one for one in requirements() if one.problem == "missing"]
    if missing:
        print(f"{sys.executable} lacks {', '.join(one.package for one in missing)}", file=sys.stderr)
        print(how_to_install(missing), file=sys.stderr)
    return 1 if missing else 0


def how_to_install(needed: Sequence[Requirement]) -> str:
    """Return the command that installs packages within their ranges; it leaves every other package as it is."""
    names = " ".join(shlex.quote(one.declared) for one in needed)
    hint = "; without a GPU, first: pip install torch --index-url https://download.pytorch.org/whl/cpu"
    torch = any(one.package == "torch" for one in needed)
    return f"install them there: {sys.executable} -m pip install {names}{hint if torch else ''}"


def report() -> Iterator[tuple[str, str, str, str]]:
    """Yield one row for each package: its name, the installed version, the declared range, and `ok` or the problem."""
    for one in requirements():
        yield one.package, one.installed or "-", f">={one.least},<{one.below}", one.problem or "ok"


def _installed(package: str, modules: dict[str, str]) -> str:
    """Return the version of a package, "0" if it has no version, or "" if its module cannot be found."""
    if importlib.util.find_spec(modules[package]) is None:
        return ""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "0"


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a release, without what follows them, such as +cpu or rc1."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(number) for number in found[0].split(".")) if found else ()
