"""Preconditions of a question: weights must move and stay finite, else it has no answer.

A comparison with NaN never shows a difference, and a path that does not move fits every rule. No answer can be read from either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from harness.fingerprint.measuring.gradient_sequence import default_sequence
from harness.fingerprint.measuring.self_comparison import STEPS, has_warmup, run_alone
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import FEW_STEPS, FINITE, MOVES, Precondition, Question

NOT_FINITE = "unknown: weights become NaN or infinite"
NOT_MOVING = "unknown: no weight moves at weight_decay 0"


def unmet(runner: SubjectRunner, question: Question) -> str:
    """Return the reason why a question cannot be answered for an optimizer, or an empty string if it can.

    Raise what the optimizer raises.
    """
    reason_of: Mapping[Precondition, Callable[[SubjectRunner], str]] = {
        MOVES: _not_moving,
        FINITE: _not_finite_with_decay,
        FEW_STEPS: _not_in_few_steps,
    }
    return next((reason for precondition in question.needs if (reason := reason_of[precondition](runner))), "")


def _not_finite_with_decay(runner: SubjectRunner) -> str:
    """Return the reason if weights do not stay finite without weight decay, or with it where the optimizer takes it."""
    finite = not runner.takes_decay or (_finite(runner, 0.0) and _finite(runner, default_sequence(runner).weight_decay))
    return "" if finite else NOT_FINITE


def _not_moving(runner: SubjectRunner) -> str:
    """Return the reason if weights do not stay finite or do not move without weight decay."""
    if not _finite(runner, 0.0):
        return NOT_FINITE
    return "" if _moves(runner) else NOT_MOVING


@lru_cache(maxsize=8)
def _moves(runner: SubjectRunner) -> bool:
    return any(bool((path != path[0]).any()) for path in default_sequence(runner).run(runner, 0.0))


@lru_cache(maxsize=8)
def _finite(runner: SubjectRunner, weight_decay: float) -> bool:
    return all(bool(path.isfinite().all()) for path in default_sequence(runner).run(runner, weight_decay))


@lru_cache(maxsize=8)
def _not_in_few_steps(runner: SubjectRunner) -> str:
    """Return the reason if weights do not move or do not stay finite in the first STEPS steps."""
    if has_warmup(runner):
        return f"not known, because no weight moves in the first {STEPS} steps"
    return "" if all(bool(weight.isfinite().all()) for weight in run_alone(runner).path) else NOT_FINITE
