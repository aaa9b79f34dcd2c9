"""The verdict on an expectation: does it hold of what was measured?

A verdict compares numbers and does not format them. Exact readings are compared within the rounding error that they
declare themselves; ensembles by a one-sided test over paired seeds at `LEVEL`, so that a claim that is not shown fails.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness import stats
from harness.measurement import Measurement, Measurements
from harness.policy import LEVEL, ROUNDING, SINGLE_SIGNAL
from harness.spec.relations import LOST_IN_TOLERANCE, NEAR, Problem, Relation, relation_of, stated_tolerance
from harness.spec.scenario import Expectation


@dataclass(frozen=True)
class Verdict:
    """One expectation, judged.

    `margin` is the distance to where the verdict would flip, in the measure's unit, negative when it does not hold;
    `tolerance` how far from `expected` the value may lie, where the relation has one;
    `interval` the two-sided interval of an ensemble at 1 - 2 x LEVEL; `problem` why nothing could be judged; `too_coarse` that
    it is float32 in which nothing can be.
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


def judge(expectation: Expectation, readings: Mapping[str, Measurements]) -> Verdict:
    """Return the verdict on one expectation, given every arm's readings."""
    reading = readings[expectation.arm][expectation.measure]
    other = expectation.than
    compared = readings[other.arm][other.measure] if other else None
    if not _finite(reading) or (compared and not _finite(compared)):
        return _unjudged(expectation, reading, Problem("not finite"))
    target = _target(expectation, reading, compared)
    if target is None:
        return _unjudged(expectation, reading, Problem("no closed form"))
    if reading.samples:
        return _ensemble(expectation, reading, compared, target)
    return _exact(expectation, reading, target)


def false_red(expectation: Expectation, seeds: int) -> float:
    """Return the chance that a gated ensemble expectation is red although its pilot effect is true."""
    if expectation.pilot is None:
        return 0.0
    sides = relation_of(expectation).region.sides
    return sides * stats.chance_not_shown(effect=expectation.pilot, n=seeds, level=LEVEL)


def _target(expectation: Expectation, reading: Measurement, compared: Measurement | None) -> float | None:
    """Return the number that the measure is compared with."""
    if relation_of(expectation).of_closed_form:
        return reading.expected
    if expectation.than and compared:
        return expectation.than.times * compared.value
    return expectation.value


def _exact(expectation: Expectation, reading: Measurement, target: float) -> Verdict:
    relation = relation_of(expectation)
    tolerance = relation.tolerance(expectation, reading)
    if tolerance is None:
        return _unjudged(expectation, reading, Problem("no tolerance"))
    problem = relation.problem(reading) or _too_coarse(expectation, reading)
    if problem:
        return _unjudged(expectation, reading, problem)
    margin = relation.region.margin(reading.value, target, tolerance)
    holds = margin > 0 if relation.strict else margin >= 0
    return Verdict(expectation, holds, reading.value, target, margin, reading.unit, _shown_tolerance(relation, tolerance))


def _ensemble(expectation: Expectation, reading: Measurement, compared: Measurement | None, target: float) -> Verdict:
    relation, gated = relation_of(expectation), expectation.pilot is not None
    tolerance = relation.tolerance(expectation, reading) or 0.0
    # A closed form is compared with the samples themselves, another target with their distances from it, seed by seed.
    origin = 0.0 if relation.of_closed_form else target
    if compared and expectation.than:
        times = expectation.than.times
        distances = [own - times * other for own, other in zip(reading.samples, compared.samples, strict=True)]
    else:
        distances = [own - origin for own in reading.samples]
    try:
        low, high = stats.interval(distances, level=LEVEL)
    except ValueError as error:
        return _unjudged(expectation, reading, Problem(str(error)), gated=gated)
    margin = relation.region.interval_margin(low, high, target - origin, tolerance)
    interval, shown = (origin + low, origin + high), _shown_tolerance(relation, tolerance)
    return Verdict(expectation, margin > 0, reading.value, target, margin, reading.unit, shown, interval, gated)


def _shown_tolerance(relation: Relation, tolerance: float) -> float | None:
    """Return how far from its target a value may lie; a relation with one edge sets no such limit."""
    return tolerance if relation.region is NEAR else None


def _too_coarse(expectation: Expectation, reading: Measurement) -> Problem | None:
    """Return the problem that float32 cannot show what a claim states in numbers of its own, or None."""
    if not reading.single:
        return None
    stated, room = stated_tolerance(expectation, reading), reading.tolerance or 0.0
    if stated is not None and (room > stated or (stated != expectation.tolerance and _lost(stated, reading))):
        return LOST_IN_TOLERANCE
    threshold = expectation.value is not None and 0.0 < abs(expectation.value) <= ROUNDING
    return LOST_IN_TOLERANCE if threshold else None


def _lost(stated: float, reading: Measurement) -> bool:
    return stated * SINGLE_SIGNAL > abs(reading.effect or reading.value)


def _finite(reading: Measurement) -> bool:
    stated = (reading.expected, reading.tolerance, reading.effect, reading.standard_error)
    numbers = [reading.value, *reading.samples, *(number for number in stated if number is not None)]
    return all(math.isfinite(number) for number in numbers)


def _unjudged(expectation: Expectation, reading: Measurement, problem: Problem, *, gated: bool = True) -> Verdict:
    return Verdict(
        expectation,
        holds=False,
        measured=reading.value,
        expected=math.nan,
        margin=-math.inf,
        unit=reading.unit,
        gated=gated,
        problem=problem.text,
        too_coarse=reading.single and problem.insensitive,
    )
