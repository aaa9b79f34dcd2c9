"""Tests of the verdict about a run: the exit code of pytest counts only if the notes show that every process ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from decaygate.launcher.process import Ended
from decaygate.launcher.verdict import judge

ENDED = {"subject": "torch.optim:SGD", "doing": "test_claim[a.b]", "ended": True, "crashes": 0}
DIED = ENDED | {"subject": "mine:Ends", "ended": False}


def notes(folder: Path, **processes: dict[str, Any]) -> Path:
    """Write a note for each process, and return their folder."""
    for name, note in processes.items():
        (folder / f"{name}.json").write_text(json.dumps(note), encoding="utf-8")
    return folder


@pytest.mark.parametrize("code", [0, 1, 2, 4, 5])
def test_the_code_of_a_run_that_ended_is_kept(tmp_path: Path, code: int) -> None:
    """A worker that pytest stopped, as after -x, has no end."""
    assert judge(Ended(code), notes(tmp_path, controller=ENDED, gw0=DIED)) == (code, "")


@pytest.mark.parametrize("code", [0, 2, 4, 5, 7])
def test_an_optimizer_that_ends_the_process_is_red(tmp_path: Path, code: int) -> None:
    """Whatever code it gives."""
    line = "RED: mine:Ends ended the Python process in test_claim[a.b]: the run has no result"

    assert judge(Ended(code), notes(tmp_path, controller=DIED)) == (1, line)


def test_an_optimizer_that_ends_its_worker_is_red(tmp_path: Path) -> None:
    """pytest ends with 2 after several such workers."""
    code, line = judge(Ended(2), notes(tmp_path, controller=ENDED | {"crashes": 3}, gw0=ENDED, gw1=DIED))

    assert (code, line) == (1, "RED: mine:Ends ended the Python process in test_claim[a.b]; tests without a result: 3")


def test_a_death_before_the_first_test_is_red(tmp_path: Path) -> None:
    """The constructor is called before the first test. A signal is named."""
    code, line = judge(Ended(-11), notes(tmp_path, controller=DIED | {"doing": ""}))

    assert code == 1
    assert "mine:Ends ended the Python process before the first test, killed by signal 11" in line


def test_a_note_that_was_being_written_is_red(tmp_path: Path) -> None:
    (tmp_path / "controller.json").write_text('{"subject": "mi', encoding="utf-8")

    assert judge(Ended(0), tmp_path)[0] == 1


def test_a_green_run_without_a_note_is_red(tmp_path: Path) -> None:
    """The plugin was not loaded. With --version or --help pytest runs nothing, and that is green."""
    assert judge(Ended(0), tmp_path, ["-p", "no:x"])[0] == 1
    assert judge(Ended(0), tmp_path, ["--version"]) == (0, "")
    assert judge(Ended(4), tmp_path) == (4, "")


@pytest.mark.parametrize(("code", "how"), [(3, "ended with exit code 3"), (-9, "was killed by signal 9")])
def test_any_other_end_is_red(tmp_path: Path, code: int, how: str) -> None:
    """3 is an internal error of pytest."""
    assert judge(Ended(code), tmp_path) == (1, f"RED: the process of pytest {how}: the run has no result")


def test_an_interrupted_run_is_not_judged(tmp_path: Path) -> None:
    assert judge(Ended(-2, interrupted=True), notes(tmp_path, controller=DIED)) == (2, "")
