"""Tests of the notes of a process: what the launcher reads after a process has died, and nothing without the launcher."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from decaygate.launcher import process, verdict
from decaygate.launcher.verdict import Note
from harness.environment import session_notes
from harness.subject import loading


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for notes, and a process that has noted nothing yet."""
    monkeypatch.setattr(session_notes, "_notes", session_notes._Notes())
    return tmp_path


def noted(folder: Path, name: str = session_notes.CONTROLLER) -> Note:
    """Return the note of a process, as the launcher reads it."""
    return Note(**json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))


def test_the_launcher_reads_what_the_process_notes(folder: Path) -> None:
    """The two sides have the same names."""
    assert session_notes.VARIABLE == process.NOTES
    assert f"{session_notes.CONTROLLER}.json" == verdict.CONTROLLER

    session_notes.begin(session_notes.CONTROLLER, {session_notes.VARIABLE: str(folder)})
    started = verdict.read(folder)
    session_notes.note_test("test_claim[a.b]")
    session_notes.note_subject("mine:A")
    session_notes.note_crash()
    running = noted(folder)
    session_notes.end()

    assert started == (Note(), [])
    assert running == Note("mine:A", "test_claim[a.b]", ended=False, crashes=1)
    assert noted(folder) == Note("mine:A", "test_claim[a.b]", ended=True, crashes=1)


def test_the_optimizer_that_is_stepped_is_noted(folder: Path) -> None:
    """Two optimizers are built, and then stepped in turn."""
    import torch

    session_notes.begin("gw0", {session_notes.VARIABLE: str(folder)})
    weight = torch.nn.Parameter(torch.ones(2, 2))
    weight.grad = torch.ones(2, 2)
    paths = ("torch.optim:SGD", "torch.optim:Adam")
    optimizers = [loading.make_factory(path, {}, training=False)([weight], lr=0.1, weight_decay=0.1) for path in paths]

    seen = []
    for optimizer in optimizers:
        optimizer.step()
        seen.append(noted(folder, "gw0").subject)

    assert seen == list(paths)


def test_without_the_launcher_nothing_is_noted(folder: Path) -> None:
    session_notes.begin(session_notes.CONTROLLER, {})
    session_notes.note_subject("mine:A")
    session_notes.end()

    assert list(folder.iterdir()) == []
