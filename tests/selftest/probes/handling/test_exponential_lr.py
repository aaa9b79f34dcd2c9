"""Does the probe exponential_lr measure what its docstring derives?"""

from __future__ import annotations

import pytest

from tests.selftest.probes.judged import failing, readings, twins_that_fail

NAME = "exponential_lr"


@pytest.mark.parametrize("seed", [101, 202])
def test_the_claims_hold_for_other_draws(seed: int) -> None:
    """No claim rests on the seed that the scenario happens to use."""
    assert failing(NAME, seed=seed) == []


def test_the_twins_of_the_mutants_pass() -> None:
    """A mutant fails for its fault, and not for being written by hand."""
    assert twins_that_fail(NAME) == []


def test_the_growth_is_that_of_the_larger_root() -> None:
    """At momentum 0.9 the rate grows by 1 / a^2 a step, a = 0.97352."""
    middle = 1 + 0.9 - 0.002
    root = (middle + (middle**2 - 4 * 0.9) ** 0.5) / 2

    assert readings(NAME, "sgd_momentum")["lr_growth"].value == pytest.approx(root**-201, rel=1e-12)


def test_what_decay_changes_is_far_above_the_error() -> None:
    """The equivalence is exact where a constant rate is off by percents."""
    for arm in ("sgd", "sgd_momentum", "sign_sgd", "adamw_as_sign"):
        found = readings(NAME, arm)
        assert found["direction_error"].value < 1e-12
        assert found["constant_lr_error"].value > 1e-2


def test_the_exponents_are_not_interchangeable() -> None:
    """2t+1 for SGD and t+1 for signs: each is wrong for the other."""
    assert readings(NAME, "sgd")["other_exponent_error"].value > 1e-2
    assert readings(NAME, "sign_sgd")["other_exponent_error"].value > 1e-2


def test_momentum_needs_its_starting_buffer_and_a_coupled_decay() -> None:
    """A decay that the buffer does not see takes other directions."""
    outside = readings(NAME, "sgd_momentum", path="tests.mutants.decay_rule:SgdDecayOutsideMomentum")

    assert outside["direction_error"].value > 1e-2
