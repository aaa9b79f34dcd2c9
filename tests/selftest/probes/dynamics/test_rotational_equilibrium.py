"""Tests of the probe rotational_equilibrium: the norm and the turn at equilibrium, and without decay."""

from __future__ import annotations

import math

import pytest

from tests.selftest.probes.judged import failed_claims, measurements_of, twins_that_fail

NAME = "rotational_equilibrium"


@pytest.mark.parametrize("seed", [101, 202])
def test_the_claims_hold_for_other_draws(seed: int) -> None:
    """No claim depends on the seed that the scenario sets."""
    assert failed_claims(NAME, seed=seed) == []


def test_the_twins_of_the_mutants_pass() -> None:
    """A mutant fails because of its planted bug, and not because it is written by hand."""
    assert twins_that_fail(NAME) == []


def test_sgd_rests_at_its_fixed_point() -> None:
    """The fixed point has |w|^4 = lr^2 / (1 - (1 - lr x weight_decay)^2) and a turn of arccos(0.99)."""
    measurements = measurements_of(NAME, "sgd")

    assert measurements["norm"].value == pytest.approx((0.01 / (1 - 0.99**2)) ** 0.25, rel=1e-12)
    assert measurements["turn"].value == pytest.approx(math.acos(0.99), rel=1e-11)


def test_the_exact_forms_are_near_the_published_ones() -> None:
    """Published: for AdamW a standard deviation of sqrt(lr / (2 weight_decay)), for SGD a turn of sqrt(2 lr x weight_decay)."""
    adamw, sgd = measurements_of(NAME, "adamw")["norm"].expected, measurements_of(NAME, "sgd")["turn"].expected

    assert adamw == pytest.approx(math.sqrt(0.01 / 2 * 256), rel=0.05)
    assert sgd == pytest.approx(math.sqrt(2 * 0.01), rel=0.01)


def test_halved_decay_leaves_the_norm_of_the_start() -> None:
    """The run starts at the predicted norm. With half the decay its norm departs from it by far more than the noise."""
    halved = measurements_of(NAME, "adamw", path="tests.mutants.decay_rule:DecayHalved")["norm"]

    assert abs(halved.value - (halved.expected or 0)) > 20 * (halved.standard_error or 0)


def test_without_decay_the_norm_grows_and_the_turn_falls() -> None:
    """From the same start the norm doubles and the turn falls to a quarter."""
    with_decay, without = measurements_of(NAME, "sgd"), measurements_of(NAME, "sgd_no_decay")

    assert without["last_norm"].value == pytest.approx((1 + 4 * 0.01 * 400) ** 0.25, rel=0.01)
    assert without["last_turn"].value < with_decay["last_turn"].value / 4
