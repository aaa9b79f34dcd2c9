"""Time limit of a subject: a step that hangs ends as a red claim, and not as a session that never ends."""

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
_late: list[str] = []  # subjects that exceeded the limit in this process; they are refused at once after that


class _LateError(BaseException):
    """The end of the time limit. It is not an Exception, so that an optimizer that catches every Exception does not catch it."""


@contextlib.contextmanager
def time_limit(subject: str, doing: str, times: float = 1.0) -> Iterator[None]:
    """End the block after `times` x the time limit. Raises RunError in one line.

    `subject` is an import path, `doing` names the action in the block. A subject that exceeded the limit once is refused at once.
    The limit works only on the main thread of a system with timers; elsewhere the block runs without it.
    """
    if subject in _late:
        raise RunError(f"{subject} did not come back before, and is not tried again")
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    seconds = times * float(os.environ.get(VARIABLE) or STEP_SECONDS)
    outer_handler = signal.signal(signal.SIGALRM, _raise_late)
    outer_timer = signal.setitimer(signal.ITIMER_REAL, seconds)  # restored afterwards, if the caller has set one
    try:
        yield
    except _LateError:
        _late.append(subject)
        raise RunError(f"{subject}: {doing} did not come back within {seconds:g} s") from None
    finally:
        signal.signal(signal.SIGALRM, outer_handler)
        signal.setitimer(signal.ITIMER_REAL, *outer_timer)


def _raise_late(*_: Any) -> None:
    raise _LateError
