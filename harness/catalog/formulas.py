"""Formulas of arithmetic scenarios: a closed vocabulary, computed without an optimizer and without training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.measurement import Measurement


@dataclass(frozen=True)
class Formula:
    """A named formula: its one measure with the unit, and the function that computes it from the settings of an arm."""

    measure: str
    unit: str
    function: Callable[..., float]


def evaluate(name: str, arguments: Mapping[str, object]) -> dict[str, Measurement]:
    """Return the measurement that formula `name` gives. Raises TypeError if an argument is missing or unknown."""
    formula = FORMULAS[name]
    return {formula.measure: Measurement(formula.function(**arguments), formula.unit)}


def total_decay(*, lr: float, weight_decay: float, steps: float) -> float:
    """Return (1 - lr x weight_decay)^steps: the fraction of a weight that is left after `steps` steps without gradient."""
    # log1p keeps the digits of a tiny decay, which the rounded factor 1 - lr x weight_decay loses.
    return math.exp(steps * math.log1p(-lr * weight_decay))


def decay_time(*, lr: float, weight_decay: float) -> float:
    """Return 1 / (lr x weight_decay): the number of steps in which decay alone shrinks a weight to 1/e."""
    return 1.0 / (lr * weight_decay)


def generalisation_gap(*, train: float, held_out: float) -> float:
    """Return held-out loss minus train loss."""
    return held_out - train


FORMULAS: Mapping[str, Formula] = {
    "total_decay": Formula("fraction_left", "fraction", total_decay),
    "decay_time": Formula("steps", "steps", decay_time),
    "generalisation_gap": Formula("gap", "nats", generalisation_gap),
}
