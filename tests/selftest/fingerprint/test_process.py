"""Does an optimizer that hangs, crashes or talks keep its fingerprint up to there? It is measured by a worker process."""

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

class Raises(torch.optim.AdamW):
    def step(self, closure=None):
        raise ValueError("no\\nstep")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the module, in which the measurement is started."""
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def measured(path: str, *questions: str) -> Fingerprint:
    """Return the fingerprint with a limit that a test can wait for."""
    return measure(path, {}, limit=0.5, questions=questions)


def test_what_an_optimizer_prints_is_no_finding(project: Path) -> None:
    """Not from Python nor from below; what Python heard is told, and nothing is written to the folder."""
    found = measured("mine:Loud", "precision", "coupling")

    assert [line.question for line in found.lines] == ["precision", "coupling"]
    assert found.line("coupling").values == ("decoupled",)
    assert found.heard == ("prints: a line of Python",)
    assert found.broken == ""
    assert [path.name for path in project.iterdir()] == ["mine.py"]


def test_an_optimizer_that_hangs_is_known_up_to_there(project: Path) -> None:
    """Every later line says why it is not known."""
    found = measured("mine:Sleeps", "precision", "coupling", "scale")

    assert found.line("coupling").values == ()
    assert "mine:Sleeps" in found.line("scale").says
    assert any("did not come back" in line.says for line in found.lines)


def test_an_optimizer_that_crashes_is_known_up_to_there(project: Path) -> None:
    """The end is told as what it is."""
    found = measured("mine:Crashes")

    assert found.lines
    assert found.broken == "the process died (exit code 139): a crash below Python"
    assert found.line("state_dict") is None


def test_an_optimizer_that_raises_is_unknown_in_every_line(project: Path) -> None:
    """Nothing is guessed."""
    found = measured("mine:Raises", "coupling", "scale", "order")

    assert [line.values for line in found.lines] == [(), (), ()]
    assert all("ValueError" in line.says and "\n" not in line.says for line in found.lines)


def test_an_optimizer_that_cannot_be_found_is_refused(project: Path) -> None:
    """As everywhere, with what there is."""
    with pytest.raises(SubjectError, match=r"mine:Quiet: mine has no 'Quiet' \(there is: "):
        measured("mine:Quiet")
