"""Tests of the worker process: optimizers that hang, crash, raise or print still get a fingerprint."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SubjectError
from harness.fingerprint.process import Fingerprint, measure

MODULE = """
import ctypes, os, time
import torch

class Loud(torch.optim.AdamW):
    def step(self, closure=None):
        print("a line of Python")
        os.write(1, b"a line from below\\n")
        return super().step(closure)

class Sleeps(torch.optim.AdamW):
    taken = 0
    def step(self, closure=None):
        Sleeps.taken += 1
        while Sleeps.taken > 3:
            time.sleep(0.01)
        return super().step(closure)

class Crashes(torch.optim.AdamW):
    taken = 0
    def step(self, closure=None):
        Crashes.taken += 1
        if Crashes.taken > 100:
            os._exit(139)
        return super().step(closure)

class Casts(torch.optim.AdamW):
    def __init__(self, params, lr, weight_decay, keep=None):
        assert keep is torch.float32, keep
        super().__init__(params, lr=lr, weight_decay=weight_decay)

class Raises(torch.optim.AdamW):
    def step(self, closure=None):
        raise ValueError("no\\nstep")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with the module, and change to it."""
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def measured(path: str, *questions: str) -> Fingerprint:
    """Return the fingerprint, measured with a time limit that is short enough for a test."""
    return measure(path, {}, limit=0.5, questions=questions)


def test_output_of_the_optimizer_is_no_finding(project: Path) -> None:
    """Output from Python is reported, output from C is dropped, and no file is written to the folder."""
    fingerprint = measured("mine:Loud", "precision", "coupling")

    assert [line.question for line in fingerprint.lines] == ["precision", "coupling"]
    assert fingerprint.line("coupling").values == ("decoupled",)
    assert fingerprint.heard == ("prints: a line of Python",)
    assert fingerprint.broken == ""
    assert [path.name for path in project.iterdir()] == ["mine.py"]


def test_an_option_that_names_an_object_is_given_as_the_object(project: Path) -> None:
    measured = measure("mine:Casts", {"keep": "torch:float32"}, limit=10.0, questions=["coupling"])

    assert measured.line("coupling").values == ("decoupled",)
    assert measured.options == {"keep": "torch:float32"}


def test_lines_after_a_hang_have_no_values_and_a_reason(project: Path) -> None:
    fingerprint = measured("mine:Sleeps", "precision", "coupling", "scale")

    assert fingerprint.line("coupling").values == ()
    assert "mine:Sleeps" in fingerprint.line("scale").text
    assert any("did not come back" in line.text for line in fingerprint.lines)


def test_the_lines_before_a_crash_are_kept(project: Path) -> None:
    """The fingerprint gives the exit code, and has no line for questions after the crash."""
    fingerprint = measured("mine:Crashes")

    assert fingerprint.lines
    assert fingerprint.broken == "the process died (exit code 139): a crash outside Python"
    assert fingerprint.line("state_dict") is None


def test_every_line_gives_the_error_of_a_step_that_raises(project: Path) -> None:
    """The error message has two lines, and the finding has one."""
    fingerprint = measured("mine:Raises", "coupling", "scale", "order")

    assert [line.values for line in fingerprint.lines] == [(), (), ()]
    assert all("ValueError" in line.text and "\n" not in line.text for line in fingerprint.lines)


def test_an_optimizer_that_cannot_be_found_is_refused(project: Path) -> None:
    """The message lists the names of the module."""
    with pytest.raises(SubjectError, match=r"mine:Quiet: mine has no 'Quiet' \(there is: "):
        measured("mine:Quiet")
