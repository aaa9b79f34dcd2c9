"""Distances between weights, and the rounding errors that a probe allows them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from torch import Tensor

from harness.measurement import Measurement

EPS = sys.float_info.epsilon


def distance(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """Return the largest difference between two lists of weights, as a fraction of the largest |w|; 1e300 where it is none."""
    worst = max(float((one - other).detach().abs().max()) for one, other in zip(ours, theirs, strict=True))
    largest = max(float(other.detach().abs().max()) for other in theirs)
    return min(worst / largest, 1e300) if worst == worst and largest > 0 else 1e300


def changed(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """Return how many elements are not equal; what is not a number is equal to nothing."""
    return float(sum(int((one != other).sum()) for one, other in zip(ours, theirs, strict=True)))


def rounding_measurement(value: float, *, steps: int, effect: float) -> Measurement:
    """Return a distance that rounding alone may make: 16 roundings a step, of which torch's own AdamW takes 10."""
    return Measurement(value, "fraction of max |w|", expected=0.0, tolerance=16 * EPS * steps, effect=effect)


def count_measurement(value: float, *, at_stake: float) -> Measurement:
    """Return a count of elements that must be zero; any tolerance under 1 would do, and EPS stays one in float32."""
    return Measurement(value, "elements", expected=0.0, tolerance=EPS, effect=at_stake)


def factor_measurement(value: float, expected: float, *, steps: int = 1, effect: float) -> Measurement:
    """Return what some steps leave of a weight: 4 roundings a step (1 - h l: two, its product: one, the division: one)."""
    return Measurement(value, "fraction of w", expected=expected, tolerance=4 * EPS * steps, effect=effect)
