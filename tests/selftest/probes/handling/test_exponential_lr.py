"""Tests of the probe exponential_lr: decay equals a growing learning rate, with the exponent of the right law."""

from __future__ import annotations

import pytest

from tests.selftest.probes.judged import failed_claims, measurements_of, twins_that_fail

NAME = "exponential_lr"


@pytest.mark.parametrize("seed", [101, 202])
def test_the_claims_hold_for_other_draws(seed: int) -> None:
    """No claim may depend on the seed of the shipped scenario."""
    assert failed_claims(NAME, seed=seed) == []


def test_the_twins_of_the_mutants_pass() -> None:
    """A mutant must fail because of its fault. Its twin is the same code without the fault."""
    assert twins_that_fail(NAME) == []


def test_the_learning_rate_grows_by_the_larger_root() -> None:
    """At momentum 0.9 the learning rate grows by 1 / a^2 per step, a = 0.97352."""
    middle = 1 + 0.9 - 0.002
    root = (middle + (middle**2 - 4 * 0.9) ** 0.5) / 2

    assert measurements_of(NAME, "sgd_momentum")["lr_growth"].value == pytest.approx(root**-201, rel=1e-12)


def test_the_effect_of_decay_is_far_above_the_error() -> None:
    """The equivalence holds to rounding, while a constant learning rate differs by more than a per cent."""
    for arm in ("sgd", "sgd_momentum", "sign_sgd", "adamw_as_sign"):
        measured = measurements_of(NAME, arm)
        assert measured["direction_error"].value < 1e-12
        assert measured["constant_lr_error"].value > 1e-2


def test_the_exponents_are_not_interchangeable() -> None:
    """The exponent is 2t+1 for SGD and t+1 for sign updates; each is wrong for the other law."""
    assert measurements_of(NAME, "sgd")["other_exponent_error"].value > 1e-2
    assert measurements_of(NAME, "sign_sgd")["other_exponent_error"].value > 1e-2


def test_a_decay_outside_the_momentum_changes_directions() -> None:
    """The theorem needs coupled decay, which enters the momentum buffer."""
    outside = measurements_of(NAME, "sgd_momentum", path="tests.mutants.decay_rule:SgdDecayOutsideMomentum")

    assert outside["direction_error"].value > 1e-2
