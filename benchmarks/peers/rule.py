"""Rule of another project: its tests, the optimizers to which it applies, and its mark for a planted bug."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch

from benchmarks.peers.planted import Maker, Planted

Test = Callable[[Maker, Maker], bool]  # (the optimizer under test, the same without fault) -> is the test red?
CAUGHT, MISSED, ROUNDED, APART = "X", "-", "r", ""  # marks of a rule for a planted bug


@dataclass(frozen=True)
class Rule:
    """Pass/fail rule of a project: it is red if one of its tests is red.

    - `column`: the heading of its column on the page.
    - `home`: the address of the project.
    - `steps`: the kinds of optimizers that the project tests with this rule.
    - `tests`: the tests that every such optimizer must pass.
    - `where_able`: tests that are run only if the twin passes them. The project excludes optimizers that cannot pass
      (complex weights, refused options).
    - `in_double`: the run in float64. If it is green while the rule is red, the mutant differs only by rounding.
    """

    column: str
    home: str
    steps: tuple[str, ...]
    tests: tuple[Test, ...]
    where_able: tuple[Test, ...] = ()
    in_double: Test | None = None

    @property
    def source(self) -> str:
        """The docstrings of the tests: their origin in the project, their constants, and their merits."""
        return "\n\n".join(inspect.getdoc(test) or "" for test in (*self.tests, *self.where_able))


def mark_of(rule: Rule, bug: Planted) -> str:
    """Return the mark of a rule for a planted bug.

    - CAUGHT: the rule is red.
    - MISSED: the rule is green.
    - ROUNDED: the rule is red, but only because the mutant rounds differently from its twin.
    - APART: the rule is not meant for such an optimizer, or all of its tests are red for the twin too.
    """
    applicable = [
        test for test in (*rule.tests, *rule.where_able) if bug.step in rule.steps and not red(test, bug.twin, bug.twin)
    ]
    if not applicable:
        return APART
    if not any(red(test, bug.mutant, bug.twin) for test in applicable):
        return MISSED
    return ROUNDED if rule.in_double and not red(rule.in_double, bug.mutant, bug.twin) else CAUGHT


def false_alarms(rule: Rule, bug: Planted) -> tuple[str, ...]:
    """Return the names of the tests of a rule that are red for the twin, the optimizer without the bug."""
    return tuple(test.__name__ for test in rule.tests if bug.step in rule.steps and red(test, bug.twin, bug.twin))


@functools.cache
def red(test: Test, make: Maker, twin: Maker) -> bool:
    """Return True if a test is red for an optimizer; an exception is red, as in pytest."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        try:
            return test(make, twin)
        except Exception:
            return True
