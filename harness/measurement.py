"""Measurement: one number that a measure read, with everything that is needed to judge it.

A measurement contains no judgement of a claim; a verdict does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """The value of one measure in one arm.

    - `expected`: the value of the closed form.
    - `tolerance`: the absolute rounding error that eps, steps and dtype allow.
    - `effect`: the size of the effect that the measure looks for; under 1e4 tolerances the measure is vacuous.
    - `standard_error`: the Monte-Carlo error of `value`.
    - `samples`: one value per seed if the arm is an ensemble.
    - `computed_in_float32`: the optimizer computed in float32, and `tolerance` is the rounding error of float32.
    - `information`: weight decay has no part in the value, which is recorded and not compared.
    """

    value: float
    unit: str
    expected: float | None = None
    tolerance: float | None = None
    effect: float | None = None
    standard_error: float | None = None
    samples: tuple[float, ...] = ()
    computed_in_float32: bool = False
    information: bool = False


@dataclass(frozen=True)
class Unmeasured:
    """A measure whose experiment raised, and the message of the exception in one line."""

    reason: str


Measurements = Mapping[str, Measurement]  # measure name -> measurement, of one arm
Measured = Mapping[str, Measurement | Unmeasured]  # the same with the measures that could not be measured
