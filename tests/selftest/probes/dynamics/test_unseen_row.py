"""Tests of the probe unseen_row: the decay of embedding rows that no token looks up, and its schedule."""

from __future__ import annotations

import pytest

from harness.probes.dynamics import UnseenRowSettings
from harness.probes.dynamics.unseen_row import rate
from tests.selftest.probes.judged import failed_claims, measurements_of, twins_that_fail

NAME = "unseen_row"


@pytest.mark.parametrize("seed", [101, 202])
def test_the_claims_hold_for_other_draws(seed: int) -> None:
    """No claim depends on the seed that the scenario sets."""
    assert failed_claims(NAME, seed=seed) == []


def test_the_twins_of_the_mutants_pass() -> None:
    """A mutant fails because of its planted bug, and not because it is written by hand."""
    assert twins_that_fail(NAME) == []


def test_the_schedule_warms_up_and_ends_at_a_tenth() -> None:
    """The factors are multiplied over a warm-up and a cosine, so a stale learning rate shows."""
    settings = UnseenRowSettings(lr=0.01, weight_decay=3.0, schedule="warmup_cosine", steps=300)
    rates = [rate(settings, step) for step in range(300)]

    assert rates[0] == pytest.approx(0.01 / 30)
    assert max(rates) == pytest.approx(0.01)
    assert rates[-1] == pytest.approx(0.001, rel=1e-3)


def test_a_slow_decay_has_a_half_life_of_6931_steps() -> None:
    """The learning rate is 1e-3 and the weight decay 0.1."""
    assert measurements_of(NAME, "adamw_slow")["half_life"].value == pytest.approx(6931.1, abs=0.1)


def test_a_seen_row_does_not_follow_the_decay_factor() -> None:
    """Only an unseen row measures the decay, because gradients move a seen row as well."""
    measurements = measurements_of(NAME, "adamw")

    assert measurements["seen_ratio"].value > 10 * measurements["unseen_ratio"].value


def test_adam_l2_brings_unseen_rows_within_a_few_lr_of_zero() -> None:
    """This holds at both weight decays."""
    ends = [measurements_of(NAME, arm)["unseen_in_steps"].value for arm in ("adam_l2", "adam_l2_weak")]

    assert max(ends) < 5
