"""What keeps an experiment from seeing anything: do weights move, and do they stay finite?

A path of NaN differs from nothing, and one that stands still is every rule's: what is read from it says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from harness.fingerprint.measuring.gradient_sequence import usual
from harness.fingerprint.measuring.self_comparison import STEPS, alone, waits
from harness.fingerprint.measuring.subject_runner import Lab
from harness.fingerprint.question import FEW_STEPS, FINITE, MOVES, Precondition, Question

NOT_FINITE = "unknown: weights stop being finite"
STILL = "unknown: no weight moves at weight_decay 0"


def unmet(lab: Lab, question: Question) -> str:
    """Return why a question cannot be answered of an optimizer, or nothing. Raises what the optimizer raises."""
    check: Mapping[Precondition, Callable[[Lab], str]] = {
        MOVES: _on_the_walk,
        FINITE: _finite_with_decay,
        FEW_STEPS: _in_a_few_steps,
    }
    return next((reason for needed in question.needs if (reason := check[needed](lab))), "")


def _finite_with_decay(lab: Lab) -> str:
    met = not lab.takes_decay or (_finite(lab, 0.0) and _finite(lab, usual(lab).weight_decay))
    return "" if met else NOT_FINITE


def _on_the_walk(lab: Lab) -> str:
    if not _finite(lab, 0.0):
        return NOT_FINITE
    return "" if _moves(lab) else STILL


@lru_cache(maxsize=8)
def _moves(lab: Lab) -> bool:
    return any(bool((path != path[0]).any()) for path in usual(lab).run(lab, 0.0))


@lru_cache(maxsize=8)
def _finite(lab: Lab, weight_decay: float) -> bool:
    return all(bool(path.isfinite().all()) for path in usual(lab).run(lab, weight_decay))


@lru_cache(maxsize=8)
def _in_a_few_steps(lab: Lab) -> str:
    if waits(lab):
        return f"not known, because no weight moves in the first {STEPS} steps"
    return "" if all(bool(weight.isfinite().all()) for weight in alone(lab).path) else NOT_FINITE
