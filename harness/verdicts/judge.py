"""Verdict on one expectation: compare the measured numbers, without formatting them.

An exact measurement is compared within the rounding error that it declares. An ensemble is compared by a one-sided test at
`LEVEL` over paired seeds: an expectation that the samples do not show fails.

A verdict cannot be given, and has a `problem` instead, in these cases among others:

    not finite      a number is NaN or infinite
    no closed form  the relation compares with a closed form, and the measurement has none
    no tolerance    the relation needs a tolerance, and the measurement gives none
    vacuous         the effect of weight decay is lost in the tolerance, in the noise, or in the rounding of float32
    zero variance   the samples of an ensemble are all equal
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness import stats
from harness.measurement import Measurement, Measurements
from harness.policy import FLOAT32_SIGNAL, LEVEL, ROUNDING
from harness.spec.relations import LOST_IN_TOLERANCE, NEAR, Problem, Relation, relation_of, stated_tolerance
from harness.spec.scenario import Expectation


@dataclass(frozen=True)
class Verdict:
    """The verdict on one expectation.

    `margin`: the distance to the value where the verdict would flip, in the measure's unit; negative if the expectation fails.
    `tolerance`: the largest allowed distance between the value and `expected`, if the relation has one.
    `interval`: the two-sided interval of an ensemble at 1 - 2 x LEVEL.
    `problem`: the reason why no verdict can be given. `too_coarse`: the reason is the rounding of float32.
    """

    expectation: Expectation
    holds: bool
    measured: float
    expected: float
    margin: float
    unit: str
    tolerance: float | None = None
    interval: tuple[float, float] | None = None
    gated: bool = True
    problem: str = ""
    too_coarse: bool = False


def judge(expectation: Expectation, measurements: Mapping[str, Measurements]) -> Verdict:
    """Return the verdict on one expectation, given the measurements of every arm."""
    measurement = measurements[expectation.arm][expectation.measure]
    than = expectation.than
    compared = measurements[than.arm][than.measure] if than else None
    if not _finite(measurement) or (compared and not _finite(compared)):
        return _unjudged(expectation, measurement, Problem("not finite"))
    target = _target(expectation, measurement, compared)
    if target is None:
        return _unjudged(expectation, measurement, Problem("no closed form"))
    if measurement.samples:
        return _ensemble(expectation, measurement, compared, target)
    return _exact(expectation, measurement, target)


def false_red(expectation: Expectation, seeds: int) -> float:
    """Return the chance that a gated ensemble expectation is red although the effect of its pilot is true.

    It is zero without a pilot, because the expectation is not gated then.
    """
    if expectation.pilot is None:
        return 0.0
    sides = relation_of(expectation).region.sides
    return sides * stats.miss_probability(effect=expectation.pilot, n=seeds, level=LEVEL)


def _target(expectation: Expectation, measurement: Measurement, compared: Measurement | None) -> float | None:
    """Return the number that the measure is compared with."""
    if relation_of(expectation).of_closed_form:
        return measurement.expected
    if expectation.than and compared:
        return expectation.than.times * compared.value
    return expectation.value


def _exact(expectation: Expectation, measurement: Measurement, target: float) -> Verdict:
    relation = relation_of(expectation)
    tolerance = relation.tolerance(expectation, measurement)
    if tolerance is None:
        return _unjudged(expectation, measurement, Problem("no tolerance"))
    problem = relation.problem(measurement) or _too_coarse(expectation, measurement)
    if problem:
        return _unjudged(expectation, measurement, problem)
    margin = relation.region.margin(measurement.value, target, tolerance)
    holds = margin > 0 if relation.strict else margin >= 0
    return Verdict(expectation, holds, measurement.value, target, margin, measurement.unit, _shown_tolerance(relation, tolerance))


def _ensemble(expectation: Expectation, measurement: Measurement, compared: Measurement | None, target: float) -> Verdict:
    relation, gated = relation_of(expectation), expectation.pilot is not None
    tolerance = relation.tolerance(expectation, measurement) or 0.0
    # A closed form is compared with the samples. Any other target is subtracted from each sample,
    # and the distances are compared with zero.
    origin = 0.0 if relation.of_closed_form else target
    if compared and expectation.than:
        times = expectation.than.times
        distances = [sample - times * other for sample, other in zip(measurement.samples, compared.samples, strict=True)]
    else:
        distances = [sample - origin for sample in measurement.samples]
    try:
        low, high = stats.mean_bounds(distances, level=LEVEL)
    except ValueError as error:
        return _unjudged(expectation, measurement, Problem(str(error)), gated=gated)
    margin = relation.region.interval_margin(low, high, target - origin, tolerance)
    interval, shown = (origin + low, origin + high), _shown_tolerance(relation, tolerance)
    return Verdict(expectation, margin > 0, measurement.value, target, margin, measurement.unit, shown, interval, gated)


def _shown_tolerance(relation: Relation, tolerance: float) -> float | None:
    """Return the tolerance to show, or None for a relation that sets no limit on the distance between value and target."""
    return tolerance if relation.region is NEAR else None


def _too_coarse(expectation: Expectation, measurement: Measurement) -> Problem | None:
    """Return the problem that the rounding of float32 hides the numbers that the claim itself states, or None."""
    if not measurement.computed_in_float32:
        return None
    stated, rounding = stated_tolerance(expectation, measurement), measurement.tolerance or 0.0
    if stated is not None and (rounding > stated or (stated != expectation.tolerance and _lost(stated, measurement))):
        return LOST_IN_TOLERANCE
    threshold = expectation.value is not None and 0.0 < abs(expectation.value) <= ROUNDING
    return LOST_IN_TOLERANCE if threshold else None


def _lost(stated: float, measurement: Measurement) -> bool:
    return stated * FLOAT32_SIGNAL > abs(measurement.effect or measurement.value)


def _finite(measurement: Measurement) -> bool:
    stated = (measurement.expected, measurement.tolerance, measurement.effect, measurement.standard_error)
    numbers = [measurement.value, *measurement.samples, *(number for number in stated if number is not None)]
    return all(math.isfinite(number) for number in numbers)


def _unjudged(expectation: Expectation, measurement: Measurement, problem: Problem, *, gated: bool = True) -> Verdict:
    return Verdict(
        expectation,
        holds=False,
        measured=measurement.value,
        expected=math.nan,
        margin=-math.inf,
        unit=measurement.unit,
        gated=gated,
        problem=problem.text,
        too_coarse=measurement.computed_in_float32 and problem.insensitive,
    )
