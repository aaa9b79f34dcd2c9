"""What keeps an experiment from seeing anything: do weights move, and do they stay finite?

A path of NaN differs from nothing, and one that stands still is every rule's: what is read from it says nothing.
"""

from __future__ import annotations

from functools import lru_cache

from harness.fingerprint.measuring.gradient_sequence import usual
from harness.fingerprint.measuring.self_comparison import STEPS, alone, waits
from harness.fingerprint.measuring.subject_runner import Lab

NOT_FINITE = "unknown: weights stop being finite"
STILL = "unknown: no weight moves at weight_decay 0"
SEEN_BY_STEPS = ("parameters", "groups", "steps", "state")  # sections that ask how a few steps go
SEEN_OTHERWISE = ("hidden_decay", "default_weight_decay")  # of the section decay: without any, or without a step


def obstacle(lab: Lab, section: str, question: str = "") -> str:
    """Return why a section's questions cannot be answered of an optimizer, or nothing. Raises what the optimizer raises."""
    if section == "update":
        reason = _on_the_walk(lab)
        if reason or question != "other_shapes":
            return reason
    if (section == "decay" or question == "other_shapes") and question not in SEEN_OTHERWISE and lab.takes_decay:
        return "" if _finite(lab, 0.0) and _finite(lab, usual(lab).weight_decay) else NOT_FINITE
    if section in SEEN_BY_STEPS:
        return _in_a_few_steps(lab)
    return ""


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
