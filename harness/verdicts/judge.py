"""Does what a claim expects hold of what was read?

A verdict compares numbers and does not format them. Exact readings are compared within the rounding error that they
declare themselves; ensembles by a one-sided test over paired seeds at `LEVEL`, so that a claim that is not shown fails.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness import stats
from harness.measurement import Reading, Readings
from harness.policy import LEVEL, MONTE_CARLO_GATE, MONTE_CARLO_SIGNAL, ROUNDING, SIGNAL, SINGLE_ROUNDING, SINGLE_SIGNAL
from harness.spec.scenario import Expectation

VACUOUS = "vacuous: the effect is lost in the tolerance"


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


def judge(expectation: Expectation, readings: Mapping[str, Readings]) -> Verdict:
    """Return the verdict on one expectation, given every arm's readings."""
    reading = readings[expectation.arm][expectation.measure]
    other = expectation.than
    compared = readings[other.arm][other.measure] if other else None
    if not _finite(reading) or (compared and not _finite(compared)):
        return _unjudged(expectation, reading, "not finite")
    if reading.samples:
        return _ensemble(expectation, reading, compared)
    return _exact(expectation, reading, compared)


def false_red(expectation: Expectation, seeds: int) -> float:
    """Return the chance that a gated ensemble expectation is red although its pilot effect is true."""
    if expectation.pilot is None:
        return 0.0
    sides = 2 if expectation.relation in ("within_fraction_of_closed_form", "close_to") else 1
    return sides * stats.chance_not_shown(effect=expectation.pilot, n=seeds, level=LEVEL)


def _exact(expectation: Expectation, reading: Reading, compared: Reading | None) -> Verdict:
    if _too_coarse(expectation, reading):
        return _unjudged(expectation, reading, VACUOUS)
    match expectation.relation:
        case "equals_closed_form":
            return _within(expectation, reading, reading.expected, reading.tolerance, _vacuous(reading))
        case "within_standard_errors":
            error = reading.standard_error
            tolerance = MONTE_CARLO_GATE * error if error is not None else None
            return _within(expectation, reading, reading.expected, tolerance, _too_noisy(reading))
        case "within_fraction_of_closed_form":
            tolerance = abs((expectation.fraction or 0.0) * (reading.expected or 0.0))
            return _within(expectation, reading, reading.expected, tolerance, "")
        case "close_to":
            return _within(
                expectation, reading, expectation.value, _stated(expectation, reading), _too_coarse(expectation, reading)
            )
        case "differs_from":
            target = _target(expectation, compared)
            margin = abs(reading.value - target) - (expectation.tolerance or 0.0)
        case "at_least" | "greater_than":
            target = _target(expectation, compared)
            margin = reading.value - target
        case "at_most" | "less_than":
            target = _target(expectation, compared)
            margin = target - reading.value
    strict = expectation.relation in ("greater_than", "less_than", "differs_from")
    return Verdict(expectation, margin > 0 if strict else margin >= 0, reading.value, target, margin, reading.unit)


def _within(expectation: Expectation, reading: Reading, expected: float | None, tolerance: float | None, problem: str) -> Verdict:
    if expected is None or tolerance is None:
        return _unjudged(expectation, reading, "no closed form" if expected is None else "no tolerance")
    if problem:
        return _unjudged(expectation, reading, problem)
    margin = tolerance - abs(reading.value - expected)
    return Verdict(expectation, margin >= 0, reading.value, expected, margin, reading.unit, tolerance)


def _ensemble(expectation: Expectation, reading: Reading, compared: Reading | None) -> Verdict:
    gated = expectation.pilot is not None
    if expectation.relation == "within_fraction_of_closed_form":
        return _equivalence(expectation, reading, gated=gated)
    target = _target(expectation, compared)
    if compared:
        times = expectation.than.times if expectation.than else 1.0
        distances = [own - times * other for own, other in zip(reading.samples, compared.samples, strict=True)]
    else:
        distances = [own - target for own in reading.samples]
    try:
        low, high = stats.interval(distances, level=LEVEL)
    except ValueError as error:
        return _unjudged(expectation, reading, str(error), gated=gated)
    margin = _ensemble_margin(expectation, low, high)
    interval = (target + low, target + high)
    tolerance = expectation.tolerance if expectation.relation == "close_to" else None
    return Verdict(expectation, margin > 0, reading.value, target, margin, reading.unit, tolerance, interval, gated)


def _ensemble_margin(expectation: Expectation, low: float, high: float) -> float:
    """Return the room that the bounds of (measured - target) leave; positive when the relation is shown."""
    room = expectation.tolerance or 0.0
    match expectation.relation:
        case "at_least" | "greater_than":
            return low
        case "at_most" | "less_than":
            return -high
        case "close_to":
            return min(room - high, low + room)
        case "differs_from":
            return max(low, -high) - room
        case _:
            raise AssertionError(f"{expectation.relation} is exact, not of an ensemble")


def _equivalence(expectation: Expectation, reading: Reading, *, gated: bool) -> Verdict:
    expected = reading.expected
    if expected is None:
        return _unjudged(expectation, reading, "no closed form")
    try:
        low, high = stats.interval(list(reading.samples), level=LEVEL)
    except ValueError as error:
        return _unjudged(expectation, reading, str(error), gated=gated)
    room = abs((expectation.fraction or 0.0) * expected)
    margin = min(expected + room - high, low - (expected - room))
    return Verdict(expectation, margin >= 0, reading.value, expected, margin, reading.unit, room, (low, high), gated)


def _target(expectation: Expectation, compared: Reading | None) -> float:
    if expectation.than and compared:
        return expectation.than.times * compared.value
    assert expectation.value is not None, "the catalogue lets no expectation without a value pass"
    return expectation.value


def _vacuous(reading: Reading) -> str:
    if reading.effect is None or reading.tolerance is None:
        return "no effect stated"
    signal = SINGLE_SIGNAL if reading.single else SIGNAL
    seen = reading.effect != 0 and abs(reading.effect) >= signal * reading.tolerance
    return "" if seen else VACUOUS


def _stated(expectation: Expectation, reading: Reading) -> float | None:
    """Return the tolerance that a claim states itself; one of rounding is what rounding is where the optimizer computes."""
    stated = expectation.tolerance
    if not reading.single or stated is None or stated > ROUNDING:
        return stated
    return max(stated, reading.tolerance or 0.0, SINGLE_ROUNDING * abs(reading.value))


def _too_coarse(expectation: Expectation, reading: Reading) -> str:
    """Return why float32 cannot show what a claim states in numbers of its own, or nothing."""
    if not reading.single:
        return ""
    stated, room = _stated(expectation, reading), reading.tolerance or 0.0
    if stated is not None and (room > stated or (stated != expectation.tolerance and _lost(stated, reading))):
        return VACUOUS
    threshold = expectation.value is not None and 0.0 < abs(expectation.value) <= ROUNDING
    return VACUOUS if threshold else ""


def _lost(stated: float, reading: Reading) -> bool:
    return stated * SINGLE_SIGNAL > abs(reading.effect or reading.value)


def _too_noisy(reading: Reading) -> str:
    if reading.effect is None or reading.standard_error is None:
        return "no effect stated"
    if reading.standard_error <= 0:
        return "no noise at all: a standard error of zero"
    return (
        "" if abs(reading.effect) >= MONTE_CARLO_SIGNAL * reading.standard_error else "vacuous: the effect is lost in the noise"
    )


def _finite(reading: Reading) -> bool:
    stated = (reading.expected, reading.tolerance, reading.effect, reading.standard_error)
    numbers = [reading.value, *reading.samples, *(number for number in stated if number is not None)]
    return all(math.isfinite(number) for number in numbers)


def _unjudged(expectation: Expectation, reading: Reading, problem: str, *, gated: bool = True) -> Verdict:
    coarse = reading.single and problem.startswith("vacuous")
    return Verdict(
        expectation, False, reading.value, math.nan, -math.inf, reading.unit, gated=gated, problem=problem, too_coarse=coarse
    )
