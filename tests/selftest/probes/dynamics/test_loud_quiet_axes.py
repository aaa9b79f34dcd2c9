"""Does the probe loud_quiet_axes measure what its docstring derives?"""

from __future__ import annotations

import pytest

from tests.selftest.probes.judged import failing, readings, twins_that_fail

NAME = "loud_quiet_axes"


@pytest.mark.parametrize("seed", [101, 202])
def test_the_claims_hold_for_other_draws(seed: int) -> None:
    """No claim rests on the seed that the scenario happens to use."""
    assert failing(NAME, seed=seed) == []


def test_the_twins_of_the_mutants_pass() -> None:
    """A mutant fails for its fault, and not for being written by hand."""
    assert twins_that_fail(NAME) == []


def test_the_known_preconditioner_is_one_half_and_two() -> None:
    """The thought experiment's numbers come out of a gradient history, to 0.3 %."""
    found = readings(NAME, "adam_l2")

    assert found["loud_multiplier"].value == pytest.approx(0.5, rel=3e-3)
    assert found["quiet_multiplier"].value == pytest.approx(2.0, rel=3e-3)


def test_coupled_decay_turns_to_the_loud_axis() -> None:
    """One step at lr x weight_decay = 0.1 leaves (0.95, 0.8) of (1, 1)."""
    found = readings(NAME, "adam_l2")

    assert found["loud_cosine_before"].value == pytest.approx(0.5**0.5, abs=1e-4)
    assert found["loud_cosine_after"].value == pytest.approx(0.95 / (0.95**2 + 0.8**2) ** 0.5, abs=1e-3)


def test_a_hundredfold_decay_changes_nothing_without_gradients() -> None:
    """Adam's coupled decay alone is lr a step; AdamW's is 44 times as much over 20 steps."""
    assert readings(NAME, "adam_l2")["silent_ratio"].value == pytest.approx(1.0, abs=1e-6)
    assert readings(NAME, "adamw")["silent_ratio"].value == pytest.approx((1 - 0.9**20) / (1 - 0.999**20), rel=1e-9)


def test_dividing_by_the_second_moment_doubles_the_slope() -> None:
    """The slope tells v from its root."""
    wrong = readings(NAME, "adam_l2", path="tests.mutants.decay_rule:AdamSquaredDenominator")

    assert wrong["rate_slope"].value == pytest.approx(-2.0, abs=0.1)


def test_antithetic_noise_leaves_the_decoupled_factor() -> None:
    """The mean over g and -g is (1 - lr x weight_decay)^T to rounding, not to a Monte-Carlo error."""
    found = readings(NAME, "adamw", seed=303)

    assert found["loud_remaining"].value == pytest.approx(0.999**300, abs=1e-13)
    assert found["quiet_remaining"].value == pytest.approx(0.999**300, abs=1e-13)
