"""Does a subject come back? A step that hangs must end as a red claim, and not as a run that never ends."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

from harness.errors import RunError
from harness.policy import STEP_SECONDS

VARIABLE = "DECAYGATE_TIME_LIMIT"
_late: list[str] = []  # who did not come back in this process: nobody waits for it twice


class _LateError(BaseException):
    """Not an Exception, so that an optimizer that catches everything does not catch this."""


@contextlib.contextmanager
def deadline(subject: str, doing: str, times: float = 1.0) -> Iterator[None]:
    """Give the block `times` its seconds, on the main thread of a system that has timers. Raises RunError in one line.

    `subject` is an import path, `doing` what it does in the block; a subject that was late once is not waited for again.
    """
    if subject in _late:
        raise RunError(f"{subject} did not come back before, and is not tried again")
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    seconds = times * float(os.environ.get(VARIABLE) or STEP_SECONDS)
    before = signal.signal(signal.SIGALRM, _ring)
    others = signal.setitimer(signal.ITIMER_REAL, seconds)  # a timer that somebody else had set goes on afterwards
    try:
        yield
    except _LateError:
        _late.append(subject)
        raise RunError(f"{subject}: {doing} did not come back within {seconds:g} s") from None
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *others)


def _ring(*_: Any) -> None:
    raise _LateError
