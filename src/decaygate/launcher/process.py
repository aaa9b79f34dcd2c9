"""Child process of a command: its environment, its end, and what happens at Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 15.0  # seconds that an interrupted child has to end by itself (workers take 10), and again after a second signal
# Settings of the user's shell that would change those of the suite; the Makefile removes them too.
REMOVED = ("PYTEST_ADDOPTS", "PYTHONWARNINGS")
# Variables of a child that harness/environment reads: how the launcher is started, the state
# folder, and the folder of this run.
COMMAND, STATE, NOTES = "DECAYGATE_COMMAND", "DECAYGATE_STATE", "DECAYGATE_NOTES"


@dataclass(frozen=True)
class Ended:
    """The end of a child: its exit code (below 0: the number of the signal that killed it), and if it was interrupted."""

    code: int
    interrupted: bool = False


def environment(inherited: Mapping[str, str], *, command: str, state: Path) -> dict[str, str]:
    """Return the environment of a child. `command` starts the launcher in a shell."""
    kept = {name: value for name, value in inherited.items() if name not in (*REMOVED, NOTES)}
    # No bytecode file is written: neither into site-packages nor beside the user's optimizer.
    kept.update({"PYTHONDONTWRITEBYTECODE": "1", COMMAND: command, STATE: os.path.abspath(str(state))})
    return kept


def run(command: Sequence[str], variables: Mapping[str, str]) -> Ended:
    """Run a child until it ends.

    At Ctrl-C the terminal interrupts the child too. A child that does not end by itself gets the signal once more, and is then
    killed.
    """
    interrupted = False
    child = subprocess.Popen(list(command), env=dict(variables))

    def stop(*_: Any) -> None:
        child.send_signal(signal.SIGINT)
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, stop)  # from a CI service that stops a job
    signals = [lambda: child.send_signal(signal.SIGINT), child.kill]
    try:
        while True:
            try:
                return Ended(child.wait(PATIENCE if interrupted else None), interrupted)
            except KeyboardInterrupt:
                interrupted = True
            except subprocess.TimeoutExpired:
                signals.pop(0)()
    finally:
        signal.signal(signal.SIGTERM, previous)
