"""Does the probe null_space measure what its docstring derives?"""

from __future__ import annotations

import pytest

from tests.selftest.probes.judged import failing, readings, twins_that_fail

NAME = "null_space"


@pytest.mark.parametrize("seed", [101, 202])
def test_the_claims_hold_for_other_draws(seed: int) -> None:
    """No claim rests on the seed that the scenario happens to use."""
    assert failing(NAME, seed=seed) == []


def test_the_twins_of_the_mutants_pass() -> None:
    """A mutant fails for its fault, and not for being written by hand."""
    assert twins_that_fail(NAME) == []


def test_the_null_space_keeps_one_factor_a_step() -> None:
    """0.99^300 of a null part of 10."""
    assert readings(NAME, "decay")["null_norm"].value == pytest.approx(10 * 0.99**300, rel=1e-12)


def test_generalisation_waits_for_the_decay_and_fitting_does_not() -> None:
    """Fitted after 4 steps; learnt after ln(0.1) / ln(0.99) = 229 steps, and after half as many at twice the decay."""
    slow, fast = readings(NAME, "decay"), readings(NAME, "strong_decay")

    assert (slow["fitted_at"].value, fast["fitted_at"].value) == (4, 4)
    assert (slow["learnt_at"].value, fast["learnt_at"].value) == (229, 114)


def test_without_decay_the_start_decides() -> None:
    """The same data, the same training loss; a test error of 100, or of nothing."""
    large, zero = readings(NAME, "no_decay"), readings(NAME, "no_decay_from_zero")

    assert large["test_error"].value == pytest.approx(100, rel=1e-12)
    assert zero["test_error"].value < 1e-25
    assert max(large["train_loss"].value, zero["train_loss"].value) < 1e-25


def test_a_decay_outside_the_buffer_is_told_from_one_inside() -> None:
    """The heavy-ball law is not one factor a step."""
    outside = readings(NAME, "momentum", path="tests.mutants.decay_rule:SgdDecayOutsideMomentum")

    assert outside["null_deviation"].value > 1e9 * (outside["null_deviation"].tolerance or 0)
