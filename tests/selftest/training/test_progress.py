"""Tests of progress lines: at most one in ten seconds for all workers, with the predicted remaining time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.training import progress
from harness.training.progress import SECONDS_BETWEEN_LINES, Progress


class Clock:
    """The clocks of `progress` (monotonic time and wall time), moved by hand, and the time stamp in a session's folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.stamp = 1_000_000.0, folder / "heartbeat"
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(progress.time, "time", lambda: self.now)

    def tick(self, seconds: float) -> None:
        """Let time pass. If the stamp was touched since the last tick, give it the time of this clock first."""
        if self.stamp.exists() and self.stamp.stat().st_mtime > self.now + 1e6:
            os.utime(self.stamp, (self.now, self.now))
        self.now += seconds


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that only `tick` moves."""
    return Clock(tmp_path, monkeypatch)


def test_a_line_has_the_label_the_step_and_the_time_left(tmp_path: Path, clock: Clock) -> None:
    """The time left is predicted from the mean time of the steps that are done."""
    lines: list[str] = []
    progress = Progress(tmp_path, lines.append).start("verbs, chunk 1 of 2")
    progress(10, 100)
    clock.tick(20)

    progress(40, 100)

    assert lines == ["verbs, chunk 1 of 2: step 40 of 100, 30 s left"]


def test_a_run_shorter_than_the_interval_prints_no_line(tmp_path: Path, clock: Clock) -> None:
    """There is no line in the first ten seconds, and none at step 0, where the time left is unknown."""
    lines: list[str] = []
    progress = Progress(tmp_path, lines.append).start("x")

    for step in range(10):
        progress(step, 10)
        clock.tick(0.99 * SECONDS_BETWEEN_LINES / 10)
    clock.tick(100)
    progress(0, 10)

    assert lines == []


def test_workers_share_one_line_in_ten_seconds(tmp_path: Path, clock: Clock) -> None:
    """The first worker that reports after the interval prints the line."""
    lines: list[str] = []
    workers = [Progress(tmp_path, lines.append).start(f"worker {index}") for index in range(3)]

    for second in range(1, 36):
        clock.tick(1)
        for report in workers:
            report(second, 100)

    assert [line.split(":")[0] for line in lines] == ["worker 0"] * 3
    assert [line.split()[3] for line in lines] == ["11", "21", "31"]
