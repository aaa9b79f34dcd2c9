"""Does each relation hold just inside its tolerance and fail just outside, and is nothing vacuous judged?"""

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
    """Judge `own` (arm a), against `compared` (arm b) times `times` where it is given."""
    times = keys.pop("times", 1.0)
    than = Other("b", "m", times) if compared else None
    expectation = Expectation("a", "m", relation, than=than, **keys)
    return judge(expectation, {"a": {"m": own}, "b": {"m": compared or own}})


def at(value: float, like: Measurement = PLAIN) -> Measurement:
    """Return a reading of `value`."""
    return replace(like, value=value)


def ensemble(*samples: float, expected: float | None = None) -> Measurement:
    """Return the reading of an ensemble."""
    return Measurement(sum(samples) / len(samples), "u", expected=expected, samples=samples)


# --- exact readings -------------------------------------------------------------------------------------------------


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
def test_a_closeness_holds_within_its_tolerance_on_both_sides(
    side: int, relation: str, like: Measurement, tolerance: float, keys: dict[str, float]
) -> None:
    """At 0.99 of it, and not at 1.01."""
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
def test_an_order_holds_on_its_own_side(relation: str, holding: float, failing: float, when_equal: bool) -> None:
    """The strict ones not at the bound itself; `than` is the same with `times` x the other arm's measure."""
    other = at(0.5)

    assert verdict(relation, at(holding), value=2.0).holds
    assert not verdict(relation, at(failing), value=2.0).holds
    assert verdict(relation, at(2.0), value=2.0).holds is when_equal
    assert verdict(relation, at(holding), other, times=4.0).holds
    assert not verdict(relation, at(failing), other, times=4.0).holds


def test_an_order_has_the_distance_to_its_bound_as_margin() -> None:
    """With the sign of the direction, and the bound as what was expected."""
    above, below = verdict("at_least", at(2.5), at(0.5), times=4.0), verdict("less_than", at(2.5), value=2.0)

    assert (above.margin, above.expected, above.tolerance) == (0.5, 2.0, None)
    assert (below.margin, below.expected, below.holds) == (-0.5, 2.0, False)


@pytest.mark.parametrize("side", [1, -1])
def test_a_difference_is_larger_than_its_tolerance(side: int) -> None:
    """On either side; the tolerance itself is not enough."""
    keys = {"value": 1.0, "tolerance": 0.5}

    assert verdict("differs_from", at(1.0 + side * 0.505), **keys).holds
    assert not verdict("differs_from", at(1.0 + side * 0.495), **keys).holds
    assert not verdict("differs_from", at(1.0 + side * 0.5), **keys).holds
    assert verdict("differs_from", at(1.0 + side * 0.505), at(1.0), tolerance=0.5).holds


@pytest.mark.parametrize(
    ("relation", "reading", "problem"),
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
def test_a_comparison_that_shows_nothing_is_not_judged(relation: str, reading: Measurement, problem: str) -> None:
    """Although the value is exactly the expected one."""
    obtained = verdict(relation, reading)

    assert (obtained.holds, obtained.problem, obtained.margin) == (False, problem, -math.inf)


@pytest.mark.parametrize(
    ("relation", "reading"),
    [
        ("equals_closed_form", replace(EXACT, effect=1.01e-2)),
        ("equals_closed_form", replace(EXACT, effect=-1.01e-2)),
        ("equals_closed_form", replace(EXACT, tolerance=0.0, effect=1e-300)),
        ("within_standard_errors", replace(NOISY, effect=0.101)),
    ],
)
def test_an_effect_just_large_enough_is_judged(relation: str, reading: Measurement) -> None:
    """1e4 tolerances, or ten standard errors."""
    obtained = verdict(relation, reading)

    assert (obtained.holds, obtained.problem) == (True, "")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["value", "expected", "tolerance", "effect", "standard_error"])
def test_what_is_not_finite_is_not_judged(field: str, bad: float) -> None:
    """NaN equals nothing, and an infinite tolerance or effect would let everything pass."""
    obtained = verdict("equals_closed_form", replace(EXACT, **{field: bad}))

    assert (obtained.holds, obtained.problem) == (False, "not finite")


@pytest.mark.parametrize("relation", ["at_least", "at_most", "greater_than", "less_than", "differs_from"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_relation_holds_of_or_against_what_is_not_finite(relation: str, bad: float) -> None:
    """On either side of it, alone or in an ensemble."""
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


HALF = stats.student_critical(LEVEL, 7) * stats.moments(SPREAD)[1] / math.sqrt(8)  # of the interval of `around`


@pytest.mark.parametrize(("relation", "sign"), [("at_least", 1), ("greater_than", 1), ("at_most", -1), ("less_than", -1)])
def test_an_order_is_shown_when_its_bound_is_outside_the_interval(relation: str, sign: int) -> None:
    """A mean on the right side is not enough: at 0.99 of the half width nothing is shown, at 1.01 it is."""
    shown = verdict(relation, around(2.0 + sign * 1.01 * HALF), value=2.0, pilot=PILOT)
    not_shown = verdict(relation, around(2.0 + sign * 0.99 * HALF), value=2.0, pilot=PILOT)
    wrong_side = verdict(relation, around(2.0 - sign * 1.01 * HALF), value=2.0, pilot=PILOT)

    assert (shown.holds, not_shown.holds, wrong_side.holds) == (True, False, False)
    assert shown.margin == pytest.approx(0.01 * HALF, rel=1e-6)
    assert shown.interval == pytest.approx((shown.measured - HALF, shown.measured + HALF))


def test_arms_are_compared_seed_by_seed() -> None:
    """A small difference in every seed is shown, however much the seeds differ; `times` scales the other arm."""
    other = around(1.0)
    own = ensemble(*(2 * x - 0.01 * (1 + y) for x, y in zip(other.samples, SPREAD, strict=True)))

    paired = verdict("less_than", own, other, times=2.0, pilot=PILOT)
    shuffled = verdict("less_than", ensemble(*own.samples[1:], own.samples[0]), other, times=2.0, pilot=PILOT)
    untimed = verdict("less_than", own, other, pilot=PILOT)

    assert (paired.holds, shuffled.holds, untimed.holds) == (True, False, False)
    assert paired.expected == pytest.approx(2.0)


@pytest.mark.parametrize("side", [1, -1])
def test_equality_is_shown_when_the_whole_interval_is_within_the_tolerance(side: int) -> None:
    """A wide interval around the right value shows nothing."""
    keys = {"value": 2.0, "pilot": PILOT}

    inside = verdict("close_to", around(2.0 + side * 0.1), tolerance=0.1 + 1.01 * HALF, **keys)
    outside = verdict("close_to", around(2.0 + side * 0.1), tolerance=0.1 + 0.99 * HALF, **keys)
    wide = verdict("close_to", around(2.0, scale=10), tolerance=0.1 + 1.01 * HALF, **keys)

    assert (inside.holds, outside.holds, wide.holds) == (True, False, False)


@pytest.mark.parametrize("side", [1, -1])
def test_a_difference_is_shown_when_the_whole_interval_is_beyond_the_tolerance(side: int) -> None:
    """On one side or the other."""
    keys = {"value": 2.0, "tolerance": 0.5, "pilot": PILOT}

    assert verdict("differs_from", around(2.0 + side * (0.5 + 1.01 * HALF)), **keys).holds
    assert not verdict("differs_from", around(2.0 + side * (0.5 + 0.99 * HALF)), **keys).holds


@pytest.mark.parametrize("side", [1, -1])
def test_a_closed_form_is_near_when_the_whole_interval_is_within_its_fraction(side: int) -> None:
    """The fraction is one of the closed form's value."""
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
def test_samples_without_spread_show_nothing(relation: str, keys: dict[str, float], samples: tuple[float, ...]) -> None:
    """Zero variance, or a single seed, would look like certainty."""
    obtained = verdict(relation, ensemble(*samples, expected=2.0), pilot=PILOT, **keys)

    assert not obtained.holds
    assert obtained.gated
    assert obtained.problem.startswith(("zero variance", "expected at least two samples"))


def test_equal_arms_show_nothing() -> None:
    """A comparison of an arm with its own copy has zero variance."""
    assert verdict("less_than", around(1.0), around(1.0), pilot=PILOT).problem.startswith("zero variance")


@pytest.mark.parametrize("samples", [SPREAD, (2.0,) * 8])
def test_an_expectation_without_a_pilot_is_reported_and_gates_nothing(samples: tuple[float, ...]) -> None:
    """Whether it could be judged or not; one with a pilot gates."""
    assert not verdict("at_least", ensemble(*samples), value=9.0).gated
    assert not verdict("within_fraction_of_closed_form", ensemble(*samples, expected=9.0), fraction=0.1).gated
    assert verdict("at_least", ensemble(*samples), value=9.0, pilot=PILOT).gated


def test_an_exact_expectation_always_gates() -> None:
    """Pilots are of ensembles."""
    assert verdict("at_least", at(1.0), value=2.0).gated


# --- the declared chance of a false red -----------------------------------------------------------------------------


@pytest.mark.parametrize("pilot", [0.9, 1.3])
def test_the_chance_of_a_false_red_is_that_of_a_simulation(pilot: float) -> None:
    """2,000 ensembles whose true effect is the pilot's; effects this small make the chance countable (4 standard errors)."""
    draw = random.Random(20)
    keys = {"value": 0.0, "pilot": pilot}
    trials = 2000

    reds = sum(
        not verdict("greater_than", ensemble(*(draw.gauss(pilot, 1.0) for _ in range(8))), **keys).holds for _ in range(trials)
    )

    declared = false_red(Expectation("a", "m", "greater_than", value=0.0, pilot=pilot), 8)
    assert 0.1 < declared < 0.9
    assert abs(reds / trials - declared) < 4 * math.sqrt(declared * (1 - declared) / trials)


def test_a_green_that_nothing_deserves_is_as_rare_as_the_level_says() -> None:
    """4,000 ensembles at the bound itself: one in a hundred is shown (4 standard errors)."""
    draw = random.Random(21)
    trials = 4000

    shown = sum(
        verdict("less_than", ensemble(*(draw.gauss(0.0, 1.0) for _ in range(8))), value=0.0, pilot=PILOT).holds
        for _ in range(trials)
    )

    assert abs(shown / trials - LEVEL) < 4 * math.sqrt(LEVEL * (1 - LEVEL) / trials)


def test_two_sided_relations_have_twice_the_chance_and_reported_ones_none() -> None:
    """Either bound of an equality may miss; what does not gate cannot be red."""

    def chance(relation: str, pilot: float | None = 3.0) -> float:
        return false_red(Expectation("a", "m", relation, pilot=pilot), 8)

    assert chance("close_to") == chance("within_fraction_of_closed_form") == 2 * chance("at_least")
    assert chance("at_least", pilot=None) == 0.0


def test_more_seeds_and_a_stronger_pilot_lower_the_chance() -> None:
    """Strictly, and to where the suite's budget is."""
    at_eight, at_twelve, stronger = (
        false_red(Expectation("a", "m", "at_least", value=0.0, pilot=pilot), seeds)
        for pilot, seeds in ((3.0, 8), (3.0, 12), (4.0, 8))
    )

    assert at_twelve < at_eight < 1e-3
    assert stronger < at_eight
