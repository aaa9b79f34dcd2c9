"""Is it still running, and how long will it take? At most one line in ten seconds, whatever the number of workers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SECONDS_BETWEEN_LINES = 10.0


@dataclass(frozen=True)
class Progress:
    """Write progress lines with `write`; all workers of a session share the time stamp in `folder`."""

    folder: Path
    write: Callable[[str], None]

    def start(self, what: str) -> Callable[[int, int], None]:
        """Return the `progress(step, steps)` function of one piece of work that begins now."""
        began = time.monotonic()

        def progress(step: int, steps: int) -> None:
            if step and self._due():
                left = (time.monotonic() - began) / step * (steps - step)
                self.write(f"{what}: step {step} of {steps}, {left:.0f} s left")

        return progress

    def _due(self) -> bool:
        stamp = self.folder / "heartbeat"
        try:
            if time.time() - stamp.stat().st_mtime < SECONDS_BETWEEN_LINES:
                return False
        except FileNotFoundError:
            stamp.touch()
            return False
        stamp.touch()
        return True
