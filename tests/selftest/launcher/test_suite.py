"""Tests of the location of the suite and of the commands of a child: from a clone, installed, with and without a short name."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from decaygate.launcher import suite
from harness.environment.paths import ROOT


def test_in_a_clone_the_suite_lies_around_src() -> None:
    assert suite.root_of(ROOT / "src" / "decaygate") == ROOT


def test_an_installed_suite_lies_in_its_package(tmp_path: Path) -> None:
    (tmp_path / "decaygate" / "harness").mkdir(parents=True)

    assert suite.root_of(tmp_path / "decaygate") == tmp_path / "decaygate"


def test_pytest_reads_no_settings_of_the_users_folder() -> None:
    """This is the long line of the README, with a cache outside of the suite."""
    command = suite.pytest_command(Path("/suite"), Path("/state/cache"), "/suite/tests/claims", "-m", "probe")

    settings = ["-c", "/suite/pyproject.toml", "--rootdir=/suite", "-o", "cache_dir=/state/cache"]
    assert command == [sys.executable, "-P", "-m", "pytest", *settings, "/suite/tests/claims", "-m", "probe"]


def test_the_short_name_is_used_if_the_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a printed command has the path that the user gave, so that it works as printed."""
    program = tmp_path / "a b" / "decaygate"
    program.parent.mkdir()
    program.write_text("", encoding="utf-8")
    program.chmod(0o755)

    monkeypatch.setenv("PATH", str(program.parent))
    found = suite.own_command(str(program))
    monkeypatch.setenv("PATH", str(tmp_path))
    not_found = suite.own_command(str(program))

    assert (found, not_found) == ("decaygate", f"'{program}'")


def test_started_as_a_module_it_is_a_command_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name `python` is used if it is this one."""
    monkeypatch.setenv("PATH", "")
    assert suite.own_command("/x/decaygate/__main__.py") == f"{sys.executable} -m decaygate"

    monkeypatch.setattr("shutil.which", lambda name: sys.executable if name == "python" else None)
    assert suite.own_command(os.path.join("x", "__main__.py")) == "python -m decaygate"
