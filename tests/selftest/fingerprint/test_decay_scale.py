"""Is a decay's multiplier told from every other, with its strength, and never named where none fits?"""

from __future__ import annotations

import math

import pytest

from harness.fingerprint.decay_scale import FORMS, PROXIMAL, SCALES, measured
from harness.fingerprint.lab import Lab
from harness.fingerprint.walk import LRS, OTHER_LRS
from tests.selftest.fingerprint.asked import CONVENTIONS, MUTANTS, asked

GIVEN = {
    "plain": lambda x: x,
    "twice": lambda x: 1 - (1 - x) ** 2,
    "exponential": lambda x: 1 - math.exp(-x),
    "divided": lambda x: 1 - 1 / (1 + x),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("x", [0.03, 0.12, 0.25, -0.1])
def test_a_form_is_undone(name: str, x: float) -> None:
    assert FORMS[name].undo(GIVEN[name](x)) == pytest.approx(x, rel=1e-13)


@pytest.mark.parametrize("lrs", [LRS, OTHER_LRS])
def test_no_scale_is_a_multiple_of_another_within_a_walk(lrs: tuple[float, ...]) -> None:
    """But for the first rate's two: a schedule is the rate itself over the first, a constant is the first rate over itself."""
    rows = {name: [scale(lrs, step, (0.9, 0.999)) for step in range(len(lrs))] for name, scale in SCALES.items()}
    for one in rows:
        for other in rows:
            ratios = [mine / theirs for mine, theirs in zip(rows[one], rows[other], strict=True)]
            alike = {one, other} <= {"lr", "schedule"} or {one, other} <= {"constant", "initial_lr"}
            assert (max(ratios) / min(ratios) - 1 < 1e-12) == alike or one == other


def test_two_base_rates_tell_a_schedule_from_the_rate() -> None:
    scales = [asked("scale", path).values for path in ("torch.optim:AdamW", "harness.optimizers:IndependentAdamW")]
    assert scales == [("lr",), ("schedule",)]


def test_two_base_rates_tell_the_first_rate_from_no_rate() -> None:
    scales = [asked("scale", MUTANTS + name).values for name in ("StaleLr", "DecayNotTimesLr")]
    assert scales == [("initial_lr",), ("constant",)]


@pytest.mark.parametrize(
    ("name", "factor"), [("DecayHalved", 0.5), ("WrongSign", -1.0), ("DecayTwice", 2.0), ("AdamDecayTwice", 2.0)]
)
def test_the_strength_is_measured(name: str, factor: float) -> None:
    strength = asked("strength", MUTANTS + name)
    assert strength.values == (f"{factor:g}",)
    assert strength.numbers["strength"] == pytest.approx(factor, rel=1e-9)


def test_an_exponential_decay_has_no_constant_factor_and_says_what_it_is() -> None:
    strength = asked("strength", MUTANTS + "ExponentialDecay")
    assert strength.values == ()
    assert "exp(-x)" in strength.says
    assert strength.numbers["first_order"] == pytest.approx(1.0)


def test_a_decay_applied_twice_is_said_to_be() -> None:
    assert "(1 - x)^2" in asked("order", MUTANTS + "DecayTwice").says


def test_proximal_decay_is_decay_after_with_another_share() -> None:
    fit = measured(Lab(MUTANTS + "ProximalDecay", {}))
    assert fit is not None
    assert (fit.form, fit.scale) == (PROXIMAL, "lr")
    assert asked("order", MUTANTS + "ProximalDecay").values == ("proximal",)


def test_factors_that_differ_between_tensors_are_shown() -> None:
    strength = asked("strength", CONVENTIONS + "DecayByFanIn")
    assert strength.values == ()
    assert "0.5, 0.4" in strength.says


def test_bias_correction_is_told_by_the_groups_own_betas() -> None:
    assert asked("scale", MUTANTS + "BiasCorrectedLrDecay", {"betas": (0.8, 0.95)}).values == ("bias_corrected_lr",)


@pytest.mark.parametrize("name", ["SignDecay", "DecayInsideMoments", "DecayForgotten"])
def test_what_is_not_decoupled_has_no_scale(name: str) -> None:
    assert asked("scale", MUTANTS + name).values == ()
    assert asked("strength", MUTANTS + name).values == ()
