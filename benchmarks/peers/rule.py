"""What is a rule, on whom is it run, and when is it red?"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch

from benchmarks.peers.planted import Maker, Planted

Test = Callable[[Maker, Maker], bool]  # (the optimizer under test, the same without fault) -> is the test red?
CAUGHT, MISSED, ROUNDED, APART = "X", "-", "r", ""  # what a rule says of a planted bug


@dataclass(frozen=True)
class Rule:
    """A project's pass/fail rule: red when one of its tests is. `home` is where the project lives.

    `steps` are the steps of the optimizers that the project holds to it. `where_able` are tests that only the
    optimizers face whose twin passes them: the project excludes those that cannot (complex weights, refused options).
    `in_double` asks whether the run moves in float64 at all: what it passes moved by rounding alone.
    """

    column: str
    home: str
    steps: tuple[str, ...]
    tests: tuple[Test, ...]
    where_able: tuple[Test, ...] = ()
    in_double: Test | None = None

    @property
    def source(self) -> str:
        """What was taken, from where, and what to hold in its favour: the docstrings of its tests."""
        return "\n\n".join(inspect.getdoc(test) or "" for test in (*self.tests, *self.where_able))


def says(rule: Rule, one: Planted) -> str:
    """Return what a rule says of a planted bug; APART: it is not meant for such an optimizer, or is red for the twin too.

    ROUNDED: it is red, but only because the mutant rounds otherwise than its twin.
    """
    fitting = [test for test in (*rule.tests, *rule.where_able) if one.step in rule.steps and not red(test, one.twin, one.twin)]
    if not fitting:
        return APART
    if not any(red(test, one.mutant, one.twin) for test in fitting):
        return MISSED
    return ROUNDED if rule.in_double and not red(rule.in_double, one.mutant, one.twin) else CAUGHT


def false_alarms(rule: Rule, one: Planted) -> tuple[str, ...]:
    """Return the tests of a rule that are red for the optimizer without the bug, of those that it should pass."""
    return tuple(test.__name__ for test in rule.tests if one.step in rule.steps and red(test, one.twin, one.twin))


@functools.cache
def red(test: Test, make: Maker, twin: Maker) -> bool:
    """Run a test on an optimizer; one that raises is red, as it would be in a test run."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        try:
            return test(make, twin)
        except Exception:
            return True
