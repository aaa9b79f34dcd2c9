"""Notes of a process of a session: which optimizer is in use, in which test, and if the process ended as it should.

An optimizer can end the process that steps it (`os._exit(0)`), and nothing of that process can report this. The launcher reads
the notes after the end of pytest (src/decaygate/launcher/verdict.py). Without the launcher nothing is noted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "DECAYGATE_NOTES"  # the folder of the notes of one session; set by the launcher
CONTROLLER = "controller"  # name of the process that pytest was started in


class _Notes:
    """The note of this process, and its file; `path` is None until `begin`, and without the launcher."""

    path: Path | None = None
    subject: str = ""
    doing: str = ""
    ended: bool = False
    crashes: int = 0

    def write(self) -> None:
        if self.path:
            content = {"subject": self.subject, "doing": self.doing, "ended": self.ended, "crashes": self.crashes}
            self.path.write_text(json.dumps(content), encoding="utf-8")


_notes = _Notes()


def begin(process: str, environment: Mapping[str, str] = os.environ) -> None:
    """Begin the note of this process: CONTROLLER, or the name of a worker. Only processes that run tests begin one."""
    folder = environment.get(VARIABLE)
    _notes.path = Path(folder) / f"{process}.json" if folder else None
    _notes.write()


def note_subject(path: str) -> None:
    """Note the import path of the optimizer that is now built or stepped. It costs a comparison if it is the same as before."""
    if path != _notes.subject:
        _notes.subject = path
        _notes.write()


def note_test(name: str) -> None:
    """Note the test that now runs."""
    _notes.doing = name
    _notes.write()


def note_crash() -> None:
    """Note that a worker process died in a test."""
    _notes.crashes += 1
    _notes.write()


def end() -> None:
    """Note that this process ends as it should."""
    _notes.ended = True
    _notes.write()
