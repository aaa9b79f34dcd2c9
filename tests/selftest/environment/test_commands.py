"""Tests of printed commands: they work from the folder of the reader."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from harness.environment import commands
from harness.environment.paths import ROOT


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
