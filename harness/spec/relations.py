"""The relations that a claim can assert of a measure: one table, with everything that depends on the relation.

A relation has a target (what the measure is compared with), a tolerance, and a region around the target in which the measure
must lie. To add a relation, add an entry to RELATIONS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.measurement import Measurement
from harness.policy import MONTE_CARLO_GATE, MONTE_CARLO_SIGNAL, ROUNDING, SIGNAL, SINGLE_ROUNDING, SINGLE_SIGNAL
from harness.spec.scenario import Expectation

_KEYS = ("value", "than", "tolerance", "fraction")  # of an expectation, that only some relations read


@dataclass(frozen=True)
class Problem:
    """Why an expectation cannot be judged; `insensitive` if the measure could not show the effect, whatever its value."""

    text: str
    insensitive: bool = False


LOST_IN_TOLERANCE = Problem("vacuous: the effect is lost in the tolerance", insensitive=True)
LOST_IN_NOISE = Problem("vacuous: the effect is lost in the noise", insensitive=True)
NO_EFFECT = Problem("no effect stated")
NO_NOISE = Problem("no noise at all: a standard error of zero")


@dataclass(frozen=True)
class Region:
    """Where the measured value must lie. A margin is the distance to the edge, negative outside.

    `margin` takes the value, the target and the tolerance; `interval_margin` both ends of an interval, the target and the
    tolerance, and returns the margin of the end that has less. `sides` is the number of edges at which a true effect can be
    missed.
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


def stated_tolerance(expectation: Expectation, reading: Measurement) -> float | None:
    """Return the tolerance that a claim states itself; one of rounding is widened to float32 where the optimizer computes so."""
    stated = expectation.tolerance
    if not reading.single or stated is None or stated > ROUNDING:
        return stated
    return max(stated, reading.tolerance or 0.0, SINGLE_ROUNDING * abs(reading.value))


def _no_tolerance(expectation: Expectation, reading: Measurement) -> float:
    del expectation, reading
    return 0.0


def _written_tolerance(expectation: Expectation, reading: Measurement) -> float:
    del reading
    return expectation.tolerance or 0.0


def _tolerance_of_rounding(expectation: Expectation, reading: Measurement) -> float | None:
    del expectation
    return reading.tolerance


def _tolerance_of_noise(expectation: Expectation, reading: Measurement) -> float | None:
    del expectation
    return None if reading.standard_error is None else MONTE_CARLO_GATE * reading.standard_error


def _fraction_of_closed_form(expectation: Expectation, reading: Measurement) -> float:
    return abs((expectation.fraction or 0.0) * (reading.expected or 0.0))


def _sensitive(reading: Measurement) -> None:
    """Return no problem: the claim itself states what it looks for."""
    del reading


def _lost_in_tolerance(reading: Measurement) -> Problem | None:
    if reading.effect is None or reading.tolerance is None:
        return NO_EFFECT
    signal = SINGLE_SIGNAL if reading.single else SIGNAL
    seen = reading.effect != 0 and abs(reading.effect) >= signal * reading.tolerance
    return None if seen else LOST_IN_TOLERANCE


def _lost_in_noise(reading: Measurement) -> Problem | None:
    if reading.effect is None or reading.standard_error is None:
        return NO_EFFECT
    if reading.standard_error <= 0:
        return NO_NOISE
    return None if abs(reading.effect) >= MONTE_CARLO_SIGNAL * reading.standard_error else LOST_IN_NOISE


@dataclass(frozen=True)
class Relation:
    """What depends on a relation.

    `words` are those of a message, with the places `{expected}` and `{tolerance}`. `needs` are the keys that an expectation
    must have, beside `value` or `than`. The target is the measure's own closed form if `of_closed_form`, else what `value` or
    `than` says. `strict`: a margin of zero is a failure. `ensembles`: the mean over seeds can be compared so, too.
    `tolerance` returns None where there is none to judge by, `problem` why the measure could not show the effect.
    """

    words: str
    region: Region
    needs: tuple[str, ...] = ()
    of_closed_form: bool = False
    strict: bool = False
    ensembles: bool = True
    tolerance: Callable[[Expectation, Measurement], float | None] = _no_tolerance
    problem: Callable[[Measurement], Problem | None] = _sensitive


RELATIONS: Mapping[str, Relation] = {
    "equals_closed_form": Relation(
        "its closed form {expected} within {tolerance}",
        NEAR,
        of_closed_form=True,
        ensembles=False,
        tolerance=_tolerance_of_rounding,
        problem=_lost_in_tolerance,
    ),
    "within_standard_errors": Relation(
        "its closed form {expected} within {tolerance}",
        NEAR,
        of_closed_form=True,
        ensembles=False,
        tolerance=_tolerance_of_noise,
        problem=_lost_in_noise,
    ),
    "within_fraction_of_closed_form": Relation(
        "near its closed form {expected} within {tolerance}",
        NEAR,
        needs=("fraction",),
        of_closed_form=True,
        tolerance=_fraction_of_closed_form,
    ),
    "close_to": Relation("{expected} within {tolerance}", NEAR, needs=("tolerance",), tolerance=stated_tolerance),
    "differs_from": Relation(
        "more than {tolerance} away from {expected}", AWAY, needs=("tolerance",), strict=True, tolerance=_written_tolerance
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
    """Return what is wrong with an expectation's keys, or nothing: one that is not read would look as if it were used."""
    name, relation = expectation.relation, relation_of(expectation)
    if not relation.of_closed_form and (expectation.value is None) == (expectation.than is None):
        return f"{name} compares with either 'value' or 'than'"
    reads = relation.needs if relation.of_closed_form else ("value", "than", *relation.needs)
    for key in _KEYS:
        given = getattr(expectation, key) is not None
        if key in relation.needs and not given:
            return f"{name} needs the key {key!r}"
        if given and key not in reads:
            return f"{name} does not read the key {key!r}"
    return ""
