"""Exceptions for the user's mistakes and the subject's failures.

The message of a `UsageError` has one line a problem: what was expected, what came, what is known and what to run next.
Broken invariants of decaygate itself are `assert`s, never one of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

MAX_PROBLEMS = 30  # a mistake that is made everywhere does not need more lines


class UsageError(ValueError):
    """Something the user wrote (an option, a path, a file) cannot be used."""


class ScenarioError(UsageError):
    """YAML files cannot be read, or their content is not what this kind of file must contain. One line a problem."""


class Problems:
    """Problems of YAML files, collected so that one run reports all of them."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Collect the ScenarioError that ends the block."""
        try:
            yield
        except ScenarioError as error:
            self.add(error)

    def add(self, error: ScenarioError) -> None:
        """Add the lines of an error."""
        self.lines += [line for line in str(error).splitlines() if line not in self.lines]

    def raise_all(self, max_lines: int | None = None) -> None:
        """Raise one ScenarioError with a line for each problem: at most `max_lines` lines, then the number of the others."""
        if self.lines:
            shown = self.lines[:max_lines]
            more = [f"... and {len(self.lines) - len(shown)} more problems"] if len(shown) < len(self.lines) else []
            raise ScenarioError("\n".join([*shown, *more]))


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
