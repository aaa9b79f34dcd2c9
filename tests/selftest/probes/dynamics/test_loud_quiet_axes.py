"""Tests of the probe loud_quiet_axes: decay of loud and quiet axes after known, silent and noisy gradients."""

from __future__ import annotations

import pytest

from tests.selftest.probes.judged import failed_claims, measurements_of, twins_that_fail

NAME = "loud_quiet_axes"


@pytest.mark.parametrize("seed", [101, 202])
def test_the_claims_hold_for_other_draws(seed: int) -> None:
    """No claim depends on the seed that the scenario sets."""
    assert failed_claims(NAME, seed=seed) == []


def test_the_twins_of_the_mutants_pass() -> None:
    """A mutant fails because of its planted bug, and not because it is written by hand."""
    assert twins_that_fail(NAME) == []


def test_the_known_preconditioner_is_one_half_and_two() -> None:
    """A gradient history gives the numbers of the thought experiment, to 0.3 %."""
    measurements = measurements_of(NAME, "adam_l2")

    assert measurements["loud_multiplier"].value == pytest.approx(0.5, rel=3e-3)
    assert measurements["quiet_multiplier"].value == pytest.approx(2.0, rel=3e-3)


def test_coupled_decay_turns_weights_to_the_loud_axis() -> None:
    """One step at lr x weight_decay = 0.1 brings the weights from (1, 1) to (0.95, 0.8)."""
    measurements = measurements_of(NAME, "adam_l2")

    assert measurements["loud_cosine_before"].value == pytest.approx(0.5**0.5, abs=1e-4)
    assert measurements["loud_cosine_after"].value == pytest.approx(0.95 / (0.95**2 + 0.8**2) ** 0.5, abs=1e-3)


def test_without_gradients_adam_l2_ignores_the_decay() -> None:
    """Adam's coupled decay takes lr a step. AdamW takes 44 times as much over 20 steps at 100 times the weight decay."""
    assert measurements_of(NAME, "adam_l2")["silent_ratio"].value == pytest.approx(1.0, abs=1e-6)
    assert measurements_of(NAME, "adamw")["silent_ratio"].value == pytest.approx((1 - 0.9**20) / (1 - 0.999**20), rel=1e-9)


def test_dividing_by_the_second_moment_doubles_the_slope() -> None:
    """The slope is -1 where the penalty is divided by the root of v, and -2 where it is divided by v."""
    wrong = measurements_of(NAME, "adam_l2", path="tests.mutants.decay_rule:AdamSquaredDenominator")

    assert wrong["rate_slope"].value == pytest.approx(-2.0, abs=0.1)


def test_antithetic_noise_leaves_the_decoupled_factor() -> None:
    """The mean over g and -g is (1 - lr x weight_decay)^T up to rounding, without a Monte-Carlo error."""
    measurements = measurements_of(NAME, "adamw", seed=303)

    assert measurements["loud_remaining"].value == pytest.approx(0.999**300, abs=1e-13)
    assert measurements["quiet_remaining"].value == pytest.approx(0.999**300, abs=1e-13)
