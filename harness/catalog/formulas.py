"""What do the numbers of a source come to? Closed vocabulary of formulas; no optimizer and no training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.measurement import Measurement


@dataclass(frozen=True)
class Formula:
    """A named formula: the one measure that it yields, with its unit, and the function of an arm's settings."""

    measure: str
    unit: str
    of: Callable[..., float]


def evaluate(name: str, arguments: Mapping[str, object]) -> dict[str, Measurement]:
    """Return the reading of formula `name`. Raises TypeError when an argument is missing or unknown."""
    formula = FORMULAS[name]
    return {formula.measure: Measurement(formula.of(**arguments), formula.unit)}


def total_decay(*, lr: float, weight_decay: float, steps: float) -> float:
    """Return what (1 - lr x weight_decay) leaves of a weight after `steps` steps without gradient."""
    return math.exp(steps * math.log1p(-lr * weight_decay))


def decay_time(*, lr: float, weight_decay: float) -> float:
    """Return 1 / (lr x weight_decay): the steps in which decay alone takes a weight to 1/e."""
    return 1.0 / (lr * weight_decay)


def generalisation_gap(*, train: float, held_out: float) -> float:
    """Return held-out loss minus train loss."""
    return held_out - train


FORMULAS: Mapping[str, Formula] = {
    "total_decay": Formula("fraction_left", "fraction", total_decay),
    "decay_time": Formula("steps", "steps", decay_time),
    "generalisation_gap": Formula("gap", "nats", generalisation_gap),
}
