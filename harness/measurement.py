"""What did a measure read? One number with everything that is needed to judge it.

A reading says nothing about a claim; verdicts do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """The value of one measure in one arm.

    `expected` is the closed form's value; `tolerance` the absolute rounding error that eps, steps and dtype allow;
    `effect` the size of what the measure looks for (a measure whose effect is under 1e4 tolerances is vacuous);
    `standard_error` the Monte-Carlo error of `value`; `samples` one value per seed when the arm is an ensemble; `single` says
    that the optimizer computed in float32, and that `tolerance` is what float32 allows; `information` that weight decay has no
    part in the value, which is recorded and not compared.
    """

    value: float
    unit: str
    expected: float | None = None
    tolerance: float | None = None
    effect: float | None = None
    standard_error: float | None = None
    samples: tuple[float, ...] = ()
    single: bool = False
    information: bool = False


Measurements = Mapping[str, Measurement]  # measure name -> reading, of one arm
