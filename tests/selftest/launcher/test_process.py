"""Tests of the child process: its environment, its exit code, and an interrupt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from decaygate.launcher.process import Ended, environment, run
from harness.environment import commands, paths, session_notes
from harness.environment.paths import ROOT

# Starts a child that prints a line, and then waits; prints how the child ended.
STARTS_A_CHILD = """
import os, sys
from decaygate.launcher import process
process.PATIENCE = 0.3
print(process.run([sys.executable, "-c", sys.argv[1]], os.environ), flush=True)
"""
WAITS = "import time; print('started', flush=True); time.sleep(60)"
IGNORES = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {WAITS}"


def test_settings_of_the_users_shell_are_removed() -> None:
    """The Makefile removes the same variables."""
    inherited = {"PYTEST_ADDOPTS": "-x", "PYTHONWARNINGS": "error", session_notes.VARIABLE: "/old", "HOME": "/home"}

    variables = environment(inherited, command="decaygate", state=Path("here"))

    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"unexport {name}" in makefile for name in ("PYTEST_ADDOPTS", "PYTHONWARNINGS"))
    assert variables == {
        "HOME": "/home",
        "PYTHONDONTWRITEBYTECODE": "1",
        commands.LAUNCHER_VARIABLE: "decaygate",
        paths.STATE_VARIABLE: os.path.abspath("here"),
    }


@pytest.mark.parametrize(("code", "expected"), [("raise SystemExit(5)", 5), ("import os; os.kill(os.getpid(), 9)", -9)])
def test_the_exit_code_of_the_child_is_returned(code: str, expected: int) -> None:
    """A child that a signal killed has the negative number of the signal."""
    assert run([sys.executable, "-c", code], os.environ) == Ended(expected)


@pytest.mark.parametrize(
    ("child", "sent", "code"),
    [
        (WAITS, signal.SIGINT, -signal.SIGINT),
        (WAITS, signal.SIGTERM, -signal.SIGINT),
        (IGNORES, signal.SIGINT, -signal.SIGKILL),
    ],
)
def test_an_interrupted_child_ends(child: str, sent: signal.Signals, code: int) -> None:
    """Only the launcher gets the signal. It passes it on, and kills a child that ignores it."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_A_CHILD, child], env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == "started\n"
        launcher.send_signal(sent)
        last = launcher.stdout.read()

    assert last.strip() == repr(Ended(int(code), interrupted=True))
