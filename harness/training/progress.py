"""Progress lines of long training: at most one line in ten seconds, for all workers of a session together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SECONDS_BETWEEN_LINES = 10.0


@dataclass(frozen=True)
class Progress:
    """Progress lines, each given to `write`. All workers of a session share the time stamp of the last line, in `folder`."""

    folder: Path
    write: Callable[[str], None]

    def start(self, label: str) -> Callable[[int, int], None]:
        """Return the function `progress(step, steps)` for a training that starts at this moment; `label` begins its lines.

        The remaining time is predicted from the steps that are done.
        """
        start = time.monotonic()

        def progress(step: int, steps: int) -> None:
            if step and self._due():
                left = (time.monotonic() - start) / step * (steps - step)
                self.write(f"{label}: step {step} of {steps}, {left:.0f} s left")

        return progress

    def _due(self) -> bool:
        """Return True if the last line of any worker is ten seconds old, and then renew the time stamp.

        Without a time stamp the session has just begun: set it and return False.
        """
        stamp = self.folder / "heartbeat"
        try:
            if time.time() - stamp.stat().st_mtime < SECONDS_BETWEEN_LINES:
                return False
        except FileNotFoundError:
            stamp.touch()
            return False
        stamp.touch()
        return True
