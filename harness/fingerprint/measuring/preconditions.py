"""What keeps an experiment from seeing anything: do weights move, and do they stay finite?

A path of NaN differs from nothing, and one that stands still is every rule's: what is read from it says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from harness.fingerprint.measuring.gradient_sequence import default_sequence
from harness.fingerprint.measuring.self_comparison import STEPS, has_warmup, run_alone
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import FEW_STEPS, FINITE, MOVES, Precondition, Question

NOT_FINITE = "unknown: weights stop being finite"
STILL = "unknown: no weight moves at weight_decay 0"


def unmet(runner: SubjectRunner, question: Question) -> str:
    """Return why a question cannot be answered of an optimizer, or nothing. Raises what the optimizer raises."""
    check: Mapping[Precondition, Callable[[SubjectRunner], str]] = {
        MOVES: _on_the_walk,
        FINITE: _finite_with_decay,
        FEW_STEPS: _in_a_few_steps,
    }
    return next((reason for needed in question.needs if (reason := check[needed](runner))), "")


def _finite_with_decay(runner: SubjectRunner) -> str:
    met = not runner.takes_decay or (_finite(runner, 0.0) and _finite(runner, default_sequence(runner).weight_decay))
    return "" if met else NOT_FINITE


def _on_the_walk(runner: SubjectRunner) -> str:
    if not _finite(runner, 0.0):
        return NOT_FINITE
    return "" if _moves(runner) else STILL


@lru_cache(maxsize=8)
def _moves(runner: SubjectRunner) -> bool:
    return any(bool((path != path[0]).any()) for path in default_sequence(runner).run(runner, 0.0))


@lru_cache(maxsize=8)
def _finite(runner: SubjectRunner, weight_decay: float) -> bool:
    return all(bool(path.isfinite().all()) for path in default_sequence(runner).run(runner, weight_decay))


@lru_cache(maxsize=8)
def _in_a_few_steps(runner: SubjectRunner) -> str:
    if has_warmup(runner):
        return f"not known, because no weight moves in the first {STEPS} steps"
    return "" if all(bool(weight.isfinite().all()) for weight in run_alone(runner).path) else NOT_FINITE
