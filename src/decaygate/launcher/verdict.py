"""Verdict about a run of pytest: its exit code, unless the notes of the run show that a process did not end as it should.

An optimizer can end the process that steps it (`os._exit(0)`), and the exit code would then be that of a green run. The suite's
plugin writes a note for each process of the run (harness/environment/session_notes.py), and marks it at the end.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from decaygate.launcher.exit_codes import INTERRUPTED, MISTAKE, NOTHING_SELECTED, RED
from decaygate.launcher.process import Ended

CONTROLLER = "controller.json"  # the process that pytest was started in; without workers it runs the tests
WITHOUT_A_RUN = ("-h", "--help", "-V", "--version")  # options for which pytest prints something and runs no test


@dataclass(frozen=True)
class Note:
    """The note of a process: the optimizer in use, what was done with it, and if the process ended as it should."""

    subject: str = ""
    doing: str = ""
    ended: bool = False
    crashes: int = 0


def judge(ended: Ended, notes: Path, for_pytest: Sequence[str] = ()) -> tuple[int, str]:
    """Return the exit code of a run, and a line to print, or "". `for_pytest` are the user's arguments for pytest."""
    if ended.interrupted:
        return INTERRUPTED, ""
    own, workers = read(notes)
    if own is not None and not own.ended:
        return RED, f"RED: {_died(own, ended.code)}: the run has no result"
    if own is None and ended.code == 0 and not set(WITHOUT_A_RUN) & set(for_pytest):
        return RED, "RED: pytest ended before the suite's plugin started: the run has no result"
    if own is not None and own.crashes:
        lost = [worker for worker in workers if not worker.ended]
        return RED, f"RED: {_died(lost[0], 0) if lost else 'a worker process died'}; tests without a result: {own.crashes}"
    if ended.code in (0, RED, INTERRUPTED, MISTAKE, NOTHING_SELECTED):
        return ended.code, ""
    how = f"was killed by signal {-ended.code}" if ended.code < 0 else f"ended with exit code {ended.code}"
    return RED, f"RED: the process of pytest {how}: the run has no result"


def read(folder: Path) -> tuple[Note | None, list[Note]]:
    """Return the notes of a run: of the process that pytest was started in, or None, and of its workers."""
    notes = {path.name: _note(path) for path in sorted(folder.glob("*.json"))}
    own = notes.pop(CONTROLLER, None)
    return own, list(notes.values())


def _note(path: Path) -> Note:
    """Return a note. One that cannot be read was being written when its process died."""
    try:
        return Note(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        return Note()


def _died(note: Note, code: int) -> str:
    """Return which optimizer was in use when a process died."""
    subject = note.subject or "an optimizer"
    doing = f"in {note.doing}" if note.doing else "before the first test"
    signalled = f", killed by signal {-code}" if code < 0 else ""
    return f"{subject} ended the Python process {doing}{signalled}"
