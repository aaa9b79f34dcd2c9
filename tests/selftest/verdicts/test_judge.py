"""Tests of the verdict: each relation holds just inside its tolerance, fails just outside, and refuses vacuous numbers."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from harness import stats
from harness.measurement import Measurement
from harness.policy import LEVEL
from harness.spec.scenario import Expectation, Other
from harness.verdicts.judge import Verdict, false_red, judge

EXACT = Measurement(1.0, "u", expected=1.0, tolerance=1e-6, effect=1.0)
NOISY = Measurement(1.0, "u", expected=1.0, effect=1.0, standard_error=0.01)
PLAIN = Measurement(1.0, "u")
PILOT = 4.0


def verdict(relation: str, own: Measurement, compared: Measurement | None = None, **keys: float) -> Verdict:
    """Judge `own`, the measure of arm a. If `compared` is given, it is arm b's measure, which is multiplied by `times`."""
    times = keys.pop("times", 1.0)
    than = Other("b", "m", times) if compared else None
    expectation = Expectation("a", "m", relation, than=than, **keys)
    return judge(expectation, {"a": {"m": own}, "b": {"m": compared or own}})


def at(value: float, like: Measurement = PLAIN) -> Measurement:
    """Return a measurement with another value."""
    return replace(like, value=value)


def ensemble(*samples: float, expected: float | None = None) -> Measurement:
    """Return the measurement of an ensemble."""
    return Measurement(sum(samples) / len(samples), "u", expected=expected, samples=samples)


# --- exact measurements ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    ("relation", "like", "tolerance", "keys"),
    [
        ("equals_closed_form", EXACT, 1e-6, {}),
        ("within_standard_errors", NOISY, 0.05, {}),
        ("within_fraction_of_closed_form", EXACT, 0.2, {"fraction": 0.2}),
        ("close_to", PLAIN, 0.3, {"value": 1.0, "tolerance": 0.3}),
    ],
)
def test_closeness_holds_within_its_tolerance_on_both_sides(
    side: int, relation: str, like: Measurement, tolerance: float, keys: dict[str, float]
) -> None:
    """It holds at 0.99 of the tolerance and fails at 1.01."""
    inside = verdict(relation, at(1.0 + side * 0.99 * tolerance, like), **keys)
    outside = verdict(relation, at(1.0 + side * 1.01 * tolerance, like), **keys)

    assert (inside.holds, outside.holds) == (True, False)
    assert inside.tolerance == pytest.approx(tolerance)
    assert inside.margin == pytest.approx(0.01 * tolerance, rel=1e-3)
    assert outside.margin == pytest.approx(-0.01 * tolerance, rel=1e-3)
    assert (inside.problem, outside.problem) == ("", "")


@pytest.mark.parametrize(
    ("relation", "holding", "failing", "when_equal"),
    [
        ("at_least", 2.01, 1.99, True),
        ("greater_than", 2.01, 1.99, False),
        ("at_most", 1.99, 2.01, True),
        ("less_than", 1.99, 2.01, False),
    ],
)
def test_an_inequality_holds_on_its_own_side_of_the_bound(
    relation: str, holding: float, failing: float, when_equal: bool
) -> None:
    """A strict one fails at the bound itself. With `than`, the bound is `times` x the measure of the other arm."""
    other = at(0.5)

    assert verdict(relation, at(holding), value=2.0).holds
    assert not verdict(relation, at(failing), value=2.0).holds
    assert verdict(relation, at(2.0), value=2.0).holds is when_equal
    assert verdict(relation, at(holding), other, times=4.0).holds
    assert not verdict(relation, at(failing), other, times=4.0).holds


def test_an_inequalitys_margin_is_the_distance_to_its_bound() -> None:
    """The margin is negative on the wrong side. The expected number is the bound."""
    above, below = verdict("at_least", at(2.5), at(0.5), times=4.0), verdict("less_than", at(2.5), value=2.0)

    assert (above.margin, above.expected, above.tolerance) == (0.5, 2.0, None)
    assert (below.margin, below.expected, below.holds) == (-0.5, 2.0, False)


@pytest.mark.parametrize("side", [1, -1])
def test_a_difference_must_be_larger_than_its_tolerance(side: int) -> None:
    """This is true on both sides. A difference equal to the tolerance is not enough."""
    keys = {"value": 1.0, "tolerance": 0.5}

    assert verdict("differs_from", at(1.0 + side * 0.505), **keys).holds
    assert not verdict("differs_from", at(1.0 + side * 0.495), **keys).holds
    assert not verdict("differs_from", at(1.0 + side * 0.5), **keys).holds
    assert verdict("differs_from", at(1.0 + side * 0.505), at(1.0), tolerance=0.5).holds


@pytest.mark.parametrize(
    ("relation", "measurement", "problem"),
    [
        ("equals_closed_form", replace(EXACT, effect=0.99e-2), "vacuous: the effect is lost in the tolerance"),
        ("equals_closed_form", replace(EXACT, effect=-0.99e-2), "vacuous: the effect is lost in the tolerance"),
        ("equals_closed_form", replace(EXACT, tolerance=0.0, effect=0.0), "vacuous: the effect is lost in the tolerance"),
        ("equals_closed_form", replace(EXACT, effect=None), "no effect stated"),
        ("equals_closed_form", replace(EXACT, expected=None), "no closed form"),
        ("equals_closed_form", replace(EXACT, tolerance=None), "no tolerance"),
        ("within_standard_errors", replace(NOISY, effect=0.099), "vacuous: the effect is lost in the noise"),
        ("within_standard_errors", replace(NOISY, effect=None), "no effect stated"),
        ("within_standard_errors", replace(NOISY, standard_error=0.0), "no noise at all: a standard error of zero"),
        ("within_standard_errors", replace(NOISY, standard_error=None), "no tolerance"),
        ("within_standard_errors", replace(NOISY, expected=None), "no closed form"),
    ],
)
def test_a_comparison_that_shows_nothing_is_not_judged(relation: str, measurement: Measurement, problem: str) -> None:
    """This is so although the value is exactly the expected one."""
    obtained = verdict(relation, measurement)

    assert (obtained.holds, obtained.problem, obtained.margin) == (False, problem, -math.inf)


@pytest.mark.parametrize(
    ("relation", "measurement"),
    [
        ("equals_closed_form", replace(EXACT, effect=1.01e-2)),
        ("equals_closed_form", replace(EXACT, effect=-1.01e-2)),
        ("equals_closed_form", replace(EXACT, tolerance=0.0, effect=1e-300)),
        ("within_standard_errors", replace(NOISY, effect=0.101)),
    ],
)
def test_an_effect_just_large_enough_is_judged(relation: str, measurement: Measurement) -> None:
    """The limit is 1e4 tolerances, or ten standard errors."""
    obtained = verdict(relation, measurement)

    assert (obtained.holds, obtained.problem) == (True, "")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["value", "expected", "tolerance", "effect", "standard_error"])
def test_a_number_that_is_not_finite_is_not_judged(field: str, bad: float) -> None:
    """NaN equals nothing, and with an infinite tolerance or effect every value would pass."""
    obtained = verdict("equals_closed_form", replace(EXACT, **{field: bad}))

    assert (obtained.holds, obtained.problem) == (False, "not finite")


@pytest.mark.parametrize("relation", ["at_least", "at_most", "greater_than", "less_than", "differs_from"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_relation_holds_for_a_number_that_is_not_finite(relation: str, bad: float) -> None:
    """The number may be on either side of the relation, or among the samples of an ensemble."""
    keys = {"tolerance": 0.1} if relation == "differs_from" else {}

    assert verdict(relation, at(bad), value=0.0, **keys).problem == "not finite"
    assert verdict(relation, at(0.0), at(bad), **keys).problem == "not finite"
    assert (
        verdict(relation, Measurement(0.0, "u", samples=(1.0, 2.0, bad)), value=0.0, pilot=PILOT, **keys).problem == "not finite"
    )


# --- ensembles ------------------------------------------------------------------------------------------------------

SPREAD = (-0.3, -0.2, -0.1, 0.0, 0.0, 0.1, 0.2, 0.3)


def around(centre: float, scale: float = 1.0) -> Measurement:
    """Return eight samples around `centre`."""
    return ensemble(*(centre + scale * x for x in SPREAD))


HALF = (
    stats.student_critical(LEVEL, 7) * stats.mean_and_sd(SPREAD)[1] / math.sqrt(8)
)  # half the width of the interval of `around`


@pytest.mark.parametrize(("relation", "sign"), [("at_least", 1), ("greater_than", 1), ("at_most", -1), ("less_than", -1)])
def test_an_inequality_needs_its_bound_outside_the_interval(relation: str, sign: int) -> None:
    """A mean on the right side is not enough: it fails at 0.99 of the half width and holds at 1.01."""
    shown = verdict(relation, around(2.0 + sign * 1.01 * HALF), value=2.0, pilot=PILOT)
    not_shown = verdict(relation, around(2.0 + sign * 0.99 * HALF), value=2.0, pilot=PILOT)
    wrong_side = verdict(relation, around(2.0 - sign * 1.01 * HALF), value=2.0, pilot=PILOT)

    assert (shown.holds, not_shown.holds, wrong_side.holds) == (True, False, False)
    assert shown.margin == pytest.approx(0.01 * HALF, rel=1e-6)
    assert shown.interval == pytest.approx((shown.measured - HALF, shown.measured + HALF))


def test_arms_are_compared_seed_by_seed() -> None:
    """A small difference in every seed is enough, even if the seeds differ much. `times` scales the other arm."""
    second = around(1.0)
    first = ensemble(*(2 * x - 0.01 * (1 + y) for x, y in zip(second.samples, SPREAD, strict=True)))

    paired = verdict("less_than", first, second, times=2.0, pilot=PILOT)
    shuffled = verdict("less_than", ensemble(*first.samples[1:], first.samples[0]), second, times=2.0, pilot=PILOT)
    untimed = verdict("less_than", first, second, pilot=PILOT)

    assert (paired.holds, shuffled.holds, untimed.holds) == (True, False, False)
    assert paired.expected == pytest.approx(2.0)


@pytest.mark.parametrize("side", [1, -1])
def test_closeness_holds_if_the_whole_interval_is_in_tolerance(side: int) -> None:
    """A wide interval around the right value is not enough."""
    keys = {"value": 2.0, "pilot": PILOT}

    inside = verdict("close_to", around(2.0 + side * 0.1), tolerance=0.1 + 1.01 * HALF, **keys)
    outside = verdict("close_to", around(2.0 + side * 0.1), tolerance=0.1 + 0.99 * HALF, **keys)
    wide = verdict("close_to", around(2.0, scale=10), tolerance=0.1 + 1.01 * HALF, **keys)

    assert (inside.holds, outside.holds, wide.holds) == (True, False, False)


@pytest.mark.parametrize("side", [1, -1])
def test_a_difference_holds_if_the_whole_interval_is_outside(side: int) -> None:
    """The interval is beyond the tolerance on one side or the other."""
    keys = {"value": 2.0, "tolerance": 0.5, "pilot": PILOT}

    assert verdict("differs_from", around(2.0 + side * (0.5 + 1.01 * HALF)), **keys).holds
    assert not verdict("differs_from", around(2.0 + side * (0.5 + 0.99 * HALF)), **keys).holds


@pytest.mark.parametrize("side", [1, -1])
def test_a_closed_form_needs_the_interval_within_its_fraction(side: int) -> None:
    """The fraction is relative to the value of the closed form."""
    keys = {"fraction": 0.25, "pilot": PILOT}
    near = replace(around(2.0 + side * (0.5 - 1.01 * HALF)), expected=2.0)
    far = replace(around(2.0 + side * (0.5 - 0.99 * HALF)), expected=2.0)

    assert verdict("within_fraction_of_closed_form", near, **keys).holds
    assert not verdict("within_fraction_of_closed_form", far, **keys).holds
    assert verdict("within_fraction_of_closed_form", around(2.0), **keys).problem == "no closed form"


@pytest.mark.parametrize(
    ("relation", "keys"),
    [
        ("at_least", {"value": 0.0}),
        ("close_to", {"value": 2.0, "tolerance": 1.0}),
        ("within_fraction_of_closed_form", {"fraction": 0.5}),
    ],
)
@pytest.mark.parametrize("samples", [(2.0,) * 8, (2.0,)])
def test_samples_without_spread_are_not_judged(relation: str, keys: dict[str, float], samples: tuple[float, ...]) -> None:
    """Equal samples, or a single one, would give an interval of width zero, or none."""
    obtained = verdict(relation, ensemble(*samples, expected=2.0), pilot=PILOT, **keys)

    assert not obtained.holds
    assert obtained.gated
    assert obtained.problem.startswith(("zero variance", "expected at least two samples"))


def test_equal_arms_are_not_judged() -> None:
    """The distances between an arm and its own copy have zero variance."""
    assert verdict("less_than", around(1.0), around(1.0), pilot=PILOT).problem.startswith("zero variance")


@pytest.mark.parametrize("samples", [SPREAD, (2.0,) * 8])
def test_an_expectation_without_a_pilot_is_not_gated(samples: tuple[float, ...]) -> None:
    """This does not depend on whether it can be judged. An expectation with a pilot is gated."""
    assert not verdict("at_least", ensemble(*samples), value=9.0).gated
    assert not verdict("within_fraction_of_closed_form", ensemble(*samples, expected=9.0), fraction=0.1).gated
    assert verdict("at_least", ensemble(*samples), value=9.0, pilot=PILOT).gated


def test_an_exact_expectation_is_always_gated() -> None:
    """Only expectations of ensembles have pilots."""
    assert verdict("at_least", at(1.0), value=2.0).gated


# --- the declared chance of a false alarm ---------------------------------------------------------------------------


@pytest.mark.parametrize("pilot", [0.9, 1.3])
def test_the_chance_of_a_false_alarm_agrees_with_a_simulation(pilot: float) -> None:
    """2,000 ensembles have the true effect of the pilot. Effects this small make false alarms frequent enough to count.

    The tolerance is 4 standard errors.
    """
    generator = random.Random(20)
    keys = {"value": 0.0, "pilot": pilot}
    trials = 2000

    failures = sum(
        not verdict("greater_than", ensemble(*(generator.gauss(pilot, 1.0) for _ in range(8))), **keys).holds
        for _ in range(trials)
    )

    declared = false_red(Expectation("a", "m", "greater_than", value=0.0, pilot=pilot), 8)
    assert 0.1 < declared < 0.9
    assert abs(failures / trials - declared) < 4 * math.sqrt(declared * (1 - declared) / trials)


def test_an_untrue_inequality_passes_as_rarely_as_the_level_says() -> None:
    """Of 4,000 ensembles with the bound as true mean, one in a hundred passes. The tolerance is 4 standard errors."""
    generator = random.Random(21)
    trials = 4000

    passes = sum(
        verdict("less_than", ensemble(*(generator.gauss(0.0, 1.0) for _ in range(8))), value=0.0, pilot=PILOT).holds
        for _ in range(trials)
    )

    assert abs(passes / trials - LEVEL) < 4 * math.sqrt(LEVEL * (1 - LEVEL) / trials)


def test_a_two_sided_relation_has_twice_the_false_alarms() -> None:
    """It can fail at either bound. An expectation that is not gated cannot fail."""

    def chance(relation: str, pilot: float | None = 3.0) -> float:
        return false_red(Expectation("a", "m", relation, pilot=pilot), 8)

    assert chance("close_to") == chance("within_fraction_of_closed_form") == 2 * chance("at_least")
    assert chance("at_least", pilot=None) == 0.0


def test_more_seeds_and_a_stronger_pilot_lower_the_chance() -> None:
    """Eight seeds and a pilot of 3 give less than the suite's budget of 1e-3."""
    at_eight, at_twelve, stronger = (
        false_red(Expectation("a", "m", "at_least", value=0.0, pilot=pilot), seeds)
        for pilot, seeds in ((3.0, 8), (3.0, 12), (4.0, 8))
    )

    assert at_twelve < at_eight < 1e-3
    assert stronger < at_eight
