"""Tests of the time limit: a subject that hangs is ended, reported, and not tried again."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from harness.errors import RunError
from harness.subject import time_limit as module
from harness.subject.time_limit import time_limit


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A short limit, and an empty list of late subjects; no timer may be left after a test."""
    monkeypatch.setenv(module.VARIABLE, "0.05")
    monkeypatch.setattr(module, "_late", [])
    yield
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0


def test_a_block_that_hangs_is_ended_and_reported() -> None:
    """This works even if the block catches every Exception."""

    def hang() -> None:
        while True:
            try:
                time.sleep(1.0)
            except Exception:
                continue

    with (
        pytest.raises(RunError, match=r"mine:Hangs: step 3 did not come back within 0\.05 s"),
        time_limit("mine:Hangs", "step 3"),
    ):
        hang()


def test_a_subject_that_was_late_is_not_tried_again() -> None:
    """It is refused at once, and other subjects are not."""
    with pytest.raises(RunError, match="within"), time_limit("mine:Hangs", "step 3"):
        time.sleep(5.0)

    entered = []
    with (
        pytest.raises(RunError, match="mine:Hangs did not come back before, and is not tried again"),
        time_limit("mine:Hangs", "step 1"),
    ):
        entered.append("hangs")
    with time_limit("mine:Quick", "step 1"):
        entered.append("quick")

    assert entered == ["quick"]


def test_a_block_in_time_keeps_its_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer of the caller goes on as well."""
    monkeypatch.setenv(module.VARIABLE, "60")
    signal.setitimer(signal.ITIMER_REAL, 1000.0)
    try:
        with pytest.raises(KeyError), time_limit("mine:Quick", "step 1"):
            raise KeyError("its own")
        assert 900.0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1000.0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def test_outside_the_main_thread_there_is_no_limit() -> None:
    """Signals reach only the main thread."""
    ran = []

    def run_slowly() -> None:
        with time_limit("mine:Slow", "step 1"):
            time.sleep(0.1)
            ran.append(True)

    thread = threading.Thread(target=run_slowly)
    thread.start()
    thread.join()

    assert ran == [True]
