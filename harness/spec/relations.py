"""Table of the relations that a claim can assert of a measure, with everything that depends on the relation.

A relation has a target (what the measure is compared with), a tolerance, and a region around the target in which the measure
must lie. To add a relation, add an entry to RELATIONS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.measurement import Measurement
from harness.policy import FLOAT32_ROUNDING, FLOAT32_SIGNAL, MONTE_CARLO_GATE, MONTE_CARLO_SIGNAL, ROUNDING, SIGNAL
from harness.spec.scenario import Expectation

_KEYS = ("value", "than", "tolerance", "fraction")  # keys of an expectation that only some relations read


@dataclass(frozen=True)
class Problem:
    """The reason why an expectation cannot be judged. `insensitive`: no value of the measure could show the effect."""

    text: str
    insensitive: bool = False


LOST_IN_TOLERANCE = Problem("vacuous: the effect is lost in the tolerance", insensitive=True)
LOST_IN_NOISE = Problem("vacuous: the effect is lost in the noise", insensitive=True)
NO_EFFECT = Problem("no effect stated")
NO_NOISE = Problem("no noise at all: a standard error of zero")


@dataclass(frozen=True)
class Region:
    """The region in which the measured value must lie. A margin is the distance to its edge, negative outside.

    `margin` takes the value, the target and the tolerance. `interval_margin` takes both ends of an interval, the target and the
    tolerance, and returns the margin of the worse end; AWAY also asks that the target lies outside the interval. `sides` is the
    number of edges at which a true effect can be missed.
    """

    margin: Callable[[float, float, float], float]
    interval_margin: Callable[[float, float, float, float], float]
    sides: int = 1


ABOVE = Region(lambda value, target, _: value - target, lambda low, high, target, _: low - target)
BELOW = Region(lambda value, target, _: target - value, lambda low, high, target, _: target - high)
AWAY = Region(
    lambda value, target, tolerance: abs(value - target) - tolerance,
    lambda low, high, target, tolerance: max(low - target, target - high) - tolerance,
)
NEAR = Region(
    lambda value, target, tolerance: tolerance - abs(value - target),
    lambda low, high, target, tolerance: min(target + tolerance - high, low - (target - tolerance)),
    sides=2,
)


def stated_tolerance(expectation: Expectation, measurement: Measurement) -> float | None:
    """Return the tolerance that a claim states itself, or None.

    A stated tolerance up to ROUNDING is one of float64 rounding. It is widened if the optimizer computes in float32.
    """
    stated = expectation.tolerance
    if not measurement.computed_in_float32 or stated is None or stated > ROUNDING:
        return stated
    return max(stated, measurement.tolerance or 0.0, FLOAT32_ROUNDING * abs(measurement.value))


def _no_tolerance(expectation: Expectation, measurement: Measurement) -> float:
    del expectation, measurement
    return 0.0


def _stated_or_zero(expectation: Expectation, measurement: Measurement) -> float:
    del measurement
    return expectation.tolerance or 0.0


def _tolerance_of_rounding(expectation: Expectation, measurement: Measurement) -> float | None:
    del expectation
    return measurement.tolerance


def _tolerance_of_noise(expectation: Expectation, measurement: Measurement) -> float | None:
    del expectation
    return None if measurement.standard_error is None else MONTE_CARLO_GATE * measurement.standard_error


def _fraction_of_closed_form(expectation: Expectation, measurement: Measurement) -> float:
    return abs((expectation.fraction or 0.0) * (measurement.expected or 0.0))


def _no_problem(measurement: Measurement) -> None:
    """Return None: the claim itself states the effect that it looks for."""
    del measurement


def _lost_in_tolerance(measurement: Measurement) -> Problem | None:
    if measurement.effect is None or measurement.tolerance is None:
        return NO_EFFECT
    signal = FLOAT32_SIGNAL if measurement.computed_in_float32 else SIGNAL
    detectable = measurement.effect != 0 and abs(measurement.effect) >= signal * measurement.tolerance
    return None if detectable else LOST_IN_TOLERANCE


def _lost_in_noise(measurement: Measurement) -> Problem | None:
    if measurement.effect is None or measurement.standard_error is None:
        return NO_EFFECT
    if measurement.standard_error <= 0:
        return NO_NOISE
    return None if abs(measurement.effect) >= MONTE_CARLO_SIGNAL * measurement.standard_error else LOST_IN_NOISE


@dataclass(frozen=True)
class Relation:
    """One relation: its words, its region, the keys that it needs, its tolerance and its problems.

    `words` follow "should be" in a message; it inserts the numbers `{expected}` and `{tolerance}`. `needs` are the keys that an
    expectation must have besides `value` or `than`. The target is the measure's own closed form if `of_closed_form`, else the
    number that `value` or `than` gives. `strict`: a margin of zero is a failure. `ensembles`: the relation can also be asserted
    of a mean over seeds. `tolerance` returns None if there is no tolerance to judge by. `problem` returns the reason why the
    measure could not show the effect, or None.
    """

    words: str
    region: Region
    needs: tuple[str, ...] = ()
    of_closed_form: bool = False
    strict: bool = False
    ensembles: bool = True
    tolerance: Callable[[Expectation, Measurement], float | None] = _no_tolerance
    problem: Callable[[Measurement], Problem | None] = _no_problem


RELATIONS: Mapping[str, Relation] = {
    "equals_closed_form": Relation(
        "{expected} (closed form), tolerance {tolerance}",
        NEAR,
        of_closed_form=True,
        ensembles=False,
        tolerance=_tolerance_of_rounding,
        problem=_lost_in_tolerance,
    ),
    "within_standard_errors": Relation(
        "{expected} (closed form), tolerance {tolerance}",
        NEAR,
        of_closed_form=True,
        ensembles=False,
        tolerance=_tolerance_of_noise,
        problem=_lost_in_noise,
    ),
    "within_fraction_of_closed_form": Relation(
        "{expected} (closed form), tolerance {tolerance}",
        NEAR,
        needs=("fraction",),
        of_closed_form=True,
        tolerance=_fraction_of_closed_form,
    ),
    "close_to": Relation("{expected}, tolerance {tolerance}", NEAR, needs=("tolerance",), tolerance=stated_tolerance),
    "differs_from": Relation(
        "more than {tolerance} away from {expected}", AWAY, needs=("tolerance",), strict=True, tolerance=_stated_or_zero
    ),
    "at_least": Relation("at least {expected}", ABOVE),
    "at_most": Relation("at most {expected}", BELOW),
    "greater_than": Relation("more than {expected}", ABOVE, strict=True),
    "less_than": Relation("less than {expected}", BELOW, strict=True),
}


def relation_of(expectation: Expectation) -> Relation:
    """Return the relation that an expectation asserts."""
    return RELATIONS[expectation.relation]


def key_problem(expectation: Expectation) -> str:
    """Return the problem with an expectation's keys; empty if there is none.

    A given key that the relation does not use is a problem, because a reader would think that it has an effect.
    """
    name, relation = expectation.relation, relation_of(expectation)
    if not relation.of_closed_form and (expectation.value is None) == (expectation.than is None):
        got = "got neither" if expectation.value is None else "got both"
        return f"{name} needs exactly one of the keys value (a number) and than (the measure of an arm), {got}"
    uses = relation.needs if relation.of_closed_form else ("value", "than", *relation.needs)
    given = [key for key in _KEYS if getattr(expectation, key) is not None]
    missing = [key for key in relation.needs if key not in given]
    if missing:
        return f"{name} needs the key {missing[0]}: add it"
    unused = [key for key in given if key not in uses]
    return f"{name} does not use the key {' or '.join(unused)}: remove it" if unused else ""
