"""Is a long run heard of, at most once in ten seconds, and does the rest take as long as it says?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.training import progress
from harness.training.progress import SECONDS_BETWEEN_LINES, Progress


class Clock:
    """Both clocks of a session, and the time stamp in its folder, moved by hand."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.stamp = 1_000_000.0, folder / "heartbeat"
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(progress.time, "time", lambda: self.now)

    def tick(self, seconds: float) -> None:
        """Let time pass; a stamp that was touched just now was touched at the old time."""
        if self.stamp.exists() and self.stamp.stat().st_mtime > self.now + 1e6:
            os.utime(self.stamp, (self.now, self.now))
        self.now += seconds


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still."""
    return Clock(tmp_path, monkeypatch)


def test_a_line_says_what_runs_how_far_and_how_long(tmp_path: Path, clock: Clock) -> None:
    """The rest is taken to go as fast as what is done."""
    lines: list[str] = []
    progress = Progress(tmp_path, lines.append).start("verbs, chunk 1 of 2")
    progress(10, 100)
    clock.tick(20)

    progress(40, 100)

    assert lines == ["verbs, chunk 1 of 2: step 40 of 100, 30 s left"]


def test_a_run_shorter_than_the_interval_says_nothing(tmp_path: Path, clock: Clock) -> None:
    """The first ten seconds are quiet, and so is step 0, whose rest is unknown."""
    lines: list[str] = []
    progress = Progress(tmp_path, lines.append).start("x")

    for step in range(10):
        progress(step, 10)
        clock.tick(0.99 * SECONDS_BETWEEN_LINES / 10)
    clock.tick(100)
    progress(0, 10)

    assert lines == []


def test_workers_share_one_line_in_ten_seconds(tmp_path: Path, clock: Clock) -> None:
    """Whichever of them comes first."""
    lines: list[str] = []
    workers = [Progress(tmp_path, lines.append).start(f"worker {index}") for index in range(3)]

    for second in range(1, 36):
        clock.tick(1)
        for work in workers:
            work(second, 100)

    assert [line.split(":")[0] for line in lines] == ["worker 0"] * 3
    assert [line.split()[3] for line in lines] == ["11", "21", "31"]
