"""Is an optimizer that hangs ended, named, and not waited for again?"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from harness.errors import RunError
from harness.subject import time_limit as module
from harness.subject.time_limit import deadline


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A limit that a test can wait for, and no memory of who was late elsewhere."""
    monkeypatch.setenv(module.VARIABLE, "0.05")
    monkeypatch.setattr(module, "_late", [])
    yield
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0


def test_a_block_that_hangs_is_ended_and_named() -> None:
    """Also when it catches every Exception."""

    def hang() -> None:
        while True:
            try:
                time.sleep(1.0)
            except Exception:
                continue

    with pytest.raises(RunError, match=r"mine:Hangs: step 3 did not come back within 0\.05 s"), deadline("mine:Hangs", "step 3"):
        hang()


def test_nobody_is_waited_for_twice() -> None:
    """The second time it is refused at once; others are not."""
    with pytest.raises(RunError, match="within"), deadline("mine:Hangs", "step 3"):
        time.sleep(5.0)

    entered = []
    with (
        pytest.raises(RunError, match="mine:Hangs did not come back before, and is not tried again"),
        deadline("mine:Hangs", "step 1"),
    ):
        entered.append("hangs")
    with deadline("mine:Quick", "step 1"):
        entered.append("quick")

    assert entered == ["quick"]


def test_what_comes_back_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exception is its own, and the timer of somebody else goes on."""
    monkeypatch.setenv(module.VARIABLE, "60")
    signal.setitimer(signal.ITIMER_REAL, 1000.0)
    try:
        with pytest.raises(KeyError), deadline("mine:Quick", "step 1"):
            raise KeyError("its own")
        assert 900.0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1000.0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def test_beside_the_main_thread_there_is_no_timer() -> None:
    """Signals reach the main thread only; the block runs without a limit there."""
    ran = []

    def beside() -> None:
        with deadline("mine:Slow", "step 1"):
            time.sleep(0.1)
            ran.append(True)

    thread = threading.Thread(target=beside)
    thread.start()
    thread.join()

    assert ran == [True]
