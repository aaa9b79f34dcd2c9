"""Does the probe rotational_equilibrium measure what its docstring derives?"""

from __future__ import annotations

import math

import pytest

from tests.selftest.probes.judged import failing, readings, twins_that_fail

NAME = "rotational_equilibrium"


@pytest.mark.parametrize("seed", [101, 202])
def test_the_claims_hold_for_other_draws(seed: int) -> None:
    """No claim rests on the seed that the scenario happens to use."""
    assert failing(NAME, seed=seed) == []


def test_the_twins_of_the_mutants_pass() -> None:
    """A mutant fails for its fault, and not for being written by hand."""
    assert twins_that_fail(NAME) == []


def test_sgd_rests_at_its_fixed_point() -> None:
    """|w|^4 = lr^2 / (1 - (1 - lr x weight_decay)^2), and a turn of arccos(0.99)."""
    found = readings(NAME, "sgd")

    assert found["norm"].value == pytest.approx((0.01 / (1 - 0.99**2)) ** 0.25, rel=1e-12)
    assert found["turn"].value == pytest.approx(math.acos(0.99), rel=1e-11)


def test_the_exact_forms_are_near_the_published_ones() -> None:
    """AdamW: a standard deviation of sqrt(lr / (2 weight_decay)); SGD: a turn of sqrt(2 lr x weight_decay)."""
    adamw, sgd = readings(NAME, "adamw")["norm"].expected, readings(NAME, "sgd")["turn"].expected

    assert adamw == pytest.approx(math.sqrt(0.01 / 2 * 256), rel=0.05)
    assert sgd == pytest.approx(math.sqrt(2 * 0.01), rel=0.01)


def test_the_equilibrium_is_not_the_start() -> None:
    """A run with half the decay leaves the predicted norm by far more than the noise."""
    halved = readings(NAME, "adamw", path="tests.mutants.decay_rule:DecayHalved")["norm"]

    assert abs(halved.value - (halved.expected or 0)) > 20 * (halved.standard_error or 0)


def test_without_decay_the_turn_dies_out() -> None:
    """From the same start the norm doubles and the turn falls to a quarter."""
    kept, lost = readings(NAME, "sgd"), readings(NAME, "sgd_no_decay")

    assert lost["last_norm"].value == pytest.approx((1 + 4 * 0.01 * 400) ** 0.25, rel=0.01)
    assert lost["last_turn"].value < kept["last_turn"].value / 4
