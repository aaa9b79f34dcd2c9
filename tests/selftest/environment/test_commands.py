"""Tests of printed commands: they work from the folder of the reader."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from decaygate.launcher.arguments import parse
from harness.environment import commands
from harness.environment.paths import ROOT, STATE_VARIABLE, state_folder


def test_in_the_suites_folder_the_commands_are_short() -> None:
    """They are the commands of the README."""
    assert commands.pytest_command("-m probe", ROOT) == "pytest tests/claims -m probe"
    assert commands.harness_command("list", ROOT) == "python -m harness list"


def test_commands_for_another_folder_work_there(tmp_path: Path) -> None:
    """The folder may even contain a package called harness."""
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "__init__.py").write_text("raise RuntimeError", encoding="utf-8")
    words = shlex.split(commands.harness_command("list --kind arithmetic", tmp_path))

    done = subprocess.run([sys.executable, *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(" claims")
    assert commands.pytest_command("-k x", tmp_path).startswith("python -P -m pytest -c ")
    assert f"{ROOT}/tests/claims" in str((tmp_path / shlex.split(commands.pytest_command("-k x", tmp_path))[7]).resolve())


@pytest.fixture
def launched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user in which the launcher started this run, with the usual state folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(commands.LAUNCHER_VARIABLE, "decaygate")
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / ".decaygate"))
    return tmp_path


def test_commands_of_a_launched_run_are_those_of_the_launcher(launched: Path) -> None:
    """The user has no clone, and need not have make."""
    assert commands.pytest_command("--claim=x --optimizer=a:A") == "decaygate claims --claim=x --optimizer=a:A"
    assert commands.record_command("ball") == "decaygate record -- -k ball"
    assert commands.record_command("ball or net") == "decaygate record -- -k 'ball or net'"
    assert commands.harness_command("list --kind probe") == "decaygate list --kind probe"
    assert commands.program() == "decaygate"
    assert state_folder() == launched / ".decaygate"


def test_a_launched_run_repeats_another_state_folder(launched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that write no state do not need it."""
    monkeypatch.setenv(STATE_VARIABLE, str(launched / "a b"))

    assert commands.pytest_command("--claim=x") == "decaygate claims --state='a b' --claim=x"
    assert commands.record_command("ball") == "decaygate record --state='a b' -- -k ball"
    assert commands.harness_command("list") == "decaygate list"


def test_printed_commands_of_a_launched_run_are_accepted(launched: Path) -> None:
    """The launcher's parser reads them as they are meant."""
    again = parse(shlex.split(commands.pytest_command("--claim=x --optimizer=sgd=a:A --contract=c.yaml"))[1:])
    record = parse(shlex.split(commands.record_command("ball or net"))[1:])

    assert again.arguments == ("--optimizer=sgd=a:A", "--claim=x", "--contract=c.yaml")
    assert (record.command, record.for_pytest) == ("record", ("-k", "ball or net"))


def test_without_the_launcher_the_state_lies_in_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STATE_VARIABLE, raising=False)
    monkeypatch.delenv(commands.LAUNCHER_VARIABLE, raising=False)

    assert state_folder() == ROOT / ".decaygate"
    assert commands.record_command("ball") == 'make record ARGS="-k ball"'
    assert commands.program() == "python -m harness"
