"""Does the probe unseen_row measure what its docstring derives?"""

from __future__ import annotations

import pytest

from harness.probes.dynamics import UnseenRowSettings
from harness.probes.dynamics.unseen_row import rate
from tests.selftest.probes.judged import failing, readings, twins_that_fail

NAME = "unseen_row"


@pytest.mark.parametrize("seed", [101, 202])
def test_the_claims_hold_for_other_draws(seed: int) -> None:
    """No claim rests on the seed that the scenario happens to use."""
    assert failing(NAME, seed=seed) == []


def test_the_twins_of_the_mutants_pass() -> None:
    """A mutant fails for its fault, and not for being written by hand."""
    assert twins_that_fail(NAME) == []


def test_the_schedule_warms_up_and_ends_at_a_tenth() -> None:
    """The product of factors runs over a warm-up and a cosine, so a stale learning rate shows."""
    settings = UnseenRowSettings(lr=0.01, weight_decay=3.0, schedule="warmup_cosine", steps=300)
    rates = [rate(settings, step) for step in range(300)]

    assert rates[0] == pytest.approx(0.01 / 30)
    assert max(rates) == pytest.approx(0.01)
    assert rates[-1] == pytest.approx(0.001, rel=1e-3)


def test_a_slow_decay_has_its_half_life() -> None:
    """lr 1e-3 and weight decay 0.1: 6,931 steps."""
    assert readings(NAME, "adamw_slow")["half_life"].value == pytest.approx(6931.1, abs=0.1)


def test_a_row_that_is_seen_follows_no_factor() -> None:
    """The meter is the unseen row: a seen one is moved by its gradients as well."""
    found = readings(NAME, "adamw")

    assert found["seen_ratio"].value > 10 * found["unseen_ratio"].value


def test_adam_l2_leaves_less_than_a_few_steps() -> None:
    """At either weight decay the row ends within a few lr of zero."""
    ends = [readings(NAME, arm)["unseen_in_steps"].value for arm in ("adam_l2", "adam_l2_weak")]

    assert max(ends) < 5
