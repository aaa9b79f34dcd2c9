"""Tests of the probe null_space: decay of the null-space part, and the times of fitting and of learning."""

from __future__ import annotations

import pytest

from tests.selftest.probes.judged import failed_claims, measurements_of, twins_that_fail

NAME = "null_space"


@pytest.mark.parametrize("seed", [101, 202])
def test_the_claims_hold_for_other_draws(seed: int) -> None:
    """No claim depends on the seed that the scenario sets."""
    assert failed_claims(NAME, seed=seed) == []


def test_the_twins_of_the_mutants_pass() -> None:
    """A mutant fails because of its planted bug, and not because it is written by hand."""
    assert twins_that_fail(NAME) == []


def test_the_null_part_shrinks_by_one_factor_a_step() -> None:
    """A null part of 10 shrinks to 0.99^300 of it."""
    assert measurements_of(NAME, "decay")["null_norm"].value == pytest.approx(10 * 0.99**300, rel=1e-12)


def test_decay_sets_the_time_of_learning_and_not_of_fitting() -> None:
    """Data are fitted after 4 steps; the rule is learnt after ln(0.1) / ln(0.99) = 229, and after half at twice the decay."""
    slow, fast = measurements_of(NAME, "decay"), measurements_of(NAME, "strong_decay")

    assert (slow["fitted_at"].value, fast["fitted_at"].value) == (4, 4)
    assert (slow["learnt_at"].value, fast["learnt_at"].value) == (229, 114)


def test_without_decay_the_start_sets_the_test_error() -> None:
    """The data and the training loss are the same; the test error is 100, or zero for a start without a null part."""
    large, zero = measurements_of(NAME, "no_decay"), measurements_of(NAME, "no_decay_from_zero")

    assert large["test_error"].value == pytest.approx(100, rel=1e-12)
    assert zero["test_error"].value < 1e-25
    assert max(large["train_loss"].value, zero["train_loss"].value) < 1e-25


def test_decay_outside_the_buffer_breaks_the_heavy_ball_law() -> None:
    """Decay outside the buffer gives one factor a step, and the heavy-ball law does not."""
    outside = measurements_of(NAME, "momentum", path="tests.mutants.decay_rule:SgdDecayOutsideMomentum")

    assert outside["null_deviation"].value > 1e9 * (outside["null_deviation"].tolerance or 0)
