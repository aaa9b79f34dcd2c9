"""Distances between weights, and measurements whose tolerance is the rounding error that a probe allows."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from torch import Tensor

from harness.measurement import Measurement

EPS = sys.float_info.epsilon


def distance(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """Return the largest difference between two lists of weights, as a fraction of the largest |w| in `theirs`.

    The result is finite: 1e300 if the difference is NaN, larger than that, or `theirs` is all zero.
    """
    worst = max(float((our - their).detach().abs().max()) for our, their in zip(ours, theirs, strict=True))
    largest = max(float(their.detach().abs().max()) for their in theirs)
    return min(worst / largest, 1e300) if worst == worst and largest > 0 else 1e300


def count_differences(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """Return the number of elements that differ between two lists of weights; NaN differs from everything."""
    return float(sum(int((our != their).sum()) for our, their in zip(ours, theirs, strict=True)))


def rounding_measurement(value: float, *, steps: int, effect: float) -> Measurement:
    """Return the measurement of a distance that must be zero but for rounding: 16 roundings a step (torch's AdamW makes 10)."""
    return Measurement(value, "fraction of max |w|", expected=0.0, tolerance=16 * EPS * steps, effect=effect)


def count_measurement(value: float, *, at_stake: float) -> Measurement:
    """Return the measurement of a count that must be zero; any tolerance under 1 does, and EPS stays under 1 for float32."""
    return Measurement(value, "elements", expected=0.0, tolerance=EPS, effect=at_stake)


def factor_measurement(value: float, expected: float, *, steps: int = 1, effect: float) -> Measurement:
    """Return the measurement of a weight after some steps, as a fraction of it before.

    The tolerance is 4 roundings a step: two for 1 - h l, one for its product with w, one for the division.
    """
    return Measurement(value, "fraction of w", expected=expected, tolerance=4 * EPS * steps, effect=effect)
