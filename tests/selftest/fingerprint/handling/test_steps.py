"""Is it seen what a step keeps, and what it does at its edges?"""

from __future__ import annotations

import torch

from tests.mutants.collection import path
from tests.selftest.fingerprint.handled_subjects import MUTANTS, found, usual


def test_an_optimizer_that_draws_random_numbers_is_right() -> None:
    """It repeats itself from the same seed."""
    assert found("deterministic", path("SeededNoise")).values == ("seeded",)
    assert usual("deterministic", path("SeededNoise"))


def test_clipping_reaches_decay_that_goes_through_the_moments() -> None:
    """And leaves decoupled decay as it is, to rounding."""
    assert found("clip", MUTANTS + "CoupledL2").numbers["change"] > 0.1
    assert found("clip", MUTANTS + "AdamWTwin").numbers["change"] < 1e-13


def test_a_rate_that_is_kept_in_float32_is_the_same_to_its_rounding() -> None:
    """As foreach ASGD keeps it."""
    finding = found("lr_tensor", "torch.optim:ASGD", {"foreach": True})

    assert finding.values == ("same_in_single",)
    assert 1e-12 < finding.numbers["gap"] < 1e-6


def test_a_zero_gradient_fault_is_not_blamed_on_the_lr() -> None:
    """Without eps, Adam divides 0 by 0 at any learning rate."""
    assert found("zero_lr", "torch.optim:AdamW", {"eps": 0.0}).values == ("identity",)


def test_steps_are_compared_in_single_precision_too() -> None:
    """With a tolerance that follows from it."""
    assert found("maximize", "torch.optim:AdamW", dtype=torch.float32).values == ("as_minimize_of_minus_g",)
    assert found("maximize", path("MaximizeFlipsDecay"), dtype=torch.float32).values == ("decay_flipped",)
