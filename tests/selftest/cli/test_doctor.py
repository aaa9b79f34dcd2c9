"""Tests of the command `doctor`: a clear line if all is well, each problem by its name, and where files are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import doctor
from harness.cli.main import main
from harness.environment.paths import STATE_VARIABLE
from harness.environment.requirements import Requirement


def test_a_good_environment_has_a_clear_last_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The lines before it have the versions, and the state folder, which is not made."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "there"))

    code = main(["doctor"])

    lines = capsys.readouterr().out.splitlines()
    assert (code, lines[-1]) == (0, "All is well: this environment has what the suite needs.")
    assert any(line.split()[:1] == ["torch"] and line.endswith("ok") for line in lines)
    assert any(str(tmp_path / "there") in line for line in lines)
    assert not (tmp_path / "there").exists()


def test_missing_and_old_packages_are_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line has the command that installs both."""
    found = [Requirement("numpy", "2", "3", "1.26.4"), Requirement("syrupy", "7", "8", ""), Requirement("torch", "2", "3", "2.9")]
    monkeypatch.setattr(doctor, "requirements", lambda: found)

    code = main(["doctor"])

    last = capsys.readouterr().out.splitlines()[-1]
    assert code == 1
    assert last.startswith("NOT READY: numpy is outside of the range, syrupy is missing; ")
    assert last.endswith("pip install 'numpy>=2,<3' 'syrupy>=7,<8'")


def test_a_folder_that_cannot_be_written_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """This is a limit and not a problem, because --state names another folder."""
    monkeypatch.setattr(doctor.os, "access", lambda folder, mode: False)

    code = main(["doctor"])

    out = capsys.readouterr().out
    assert code == 0
    assert "is not writable: name another folder with --state DIR" in out
    assert out.endswith("Ready, with the limits above.\n")
