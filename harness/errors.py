"""What can go wrong through no fault of ours: the user's mistakes and the subject's failures.

A `UsageError` is one line that says what was expected, what came, what is available and what to run next.
Our own broken invariants are `assert`s, never one of these.
"""

from __future__ import annotations


class UsageError(ValueError):
    """Something the user wrote (an option, a path, a file) cannot be used."""


class ScenarioError(UsageError):
    """A scenario file does not say what a scenario must say."""


class SubjectError(UsageError):
    """The optimizer under test cannot be found or built."""


class RunError(ValueError):
    """The subject broke while it ran: it raised, or a number stopped being finite."""


def one_line(text: object) -> str:
    """Return a text, or an exception's message, as one line."""
    return " ".join(str(text).split())


def error_line(error: BaseException) -> str:
    """Return an exception as one line that begins with its type."""
    return one_line(f"{type(error).__name__}: {error}")
