"""Tests of the questions about one step: random numbers, clipping, lr as a tensor, lr = 0, maximize."""

from __future__ import annotations

import torch

from tests.mutants.collection import path
from tests.selftest.fingerprint.handled_subjects import MUTANTS, finding_on, is_usual


def test_an_optimizer_that_draws_random_numbers_is_seeded() -> None:
    """It takes the same path from the same seed. Its contract must say so."""
    assert finding_on("deterministic", path("SeededNoise")).values == ("seeded",)
    assert not is_usual("deterministic", path("SeededNoise"))


def test_clipping_changes_coupled_decay_only() -> None:
    """Coupled decay goes through the moments. Decoupled decay is unchanged, to rounding."""
    assert finding_on("clip", MUTANTS + "CoupledL2").numbers["change"] > 0.1
    assert finding_on("clip", MUTANTS + "AdamWTwin").numbers["change"] < 1e-13


def test_a_learning_rate_in_float32_agrees_to_its_rounding() -> None:
    """ASGD with foreach keeps its learning rate in a float32 tensor."""
    finding = finding_on("lr_tensor", "torch.optim:ASGD", {"foreach": True})

    assert finding.values == ("same_in_single",)
    assert 1e-12 < finding.numbers["gap"] < 1e-6


def test_nan_from_a_zero_gradient_is_not_blamed_on_zero_lr() -> None:
    """Without eps, Adam divides 0 by 0 at any learning rate."""
    assert finding_on("zero_lr", "torch.optim:AdamW", {"eps": 0.0}).values == ("identity",)


def test_steps_are_compared_in_single_precision_too() -> None:
    """The tolerance follows from the precision."""
    assert finding_on("maximize", "torch.optim:AdamW", dtype=torch.float32).values == ("as_minimize_of_minus_g",)
    assert finding_on("maximize", path("MaximizeFlipsDecay"), dtype=torch.float32).values == ("decay_flipped",)


def test_the_first_step_that_moves_is_reported() -> None:
    assert finding_on("first_step", path("FirstStepLost")).numbers == {"first": 2.0}


class ClosureArgument(torch.optim.SGD):
    """Need a closure by signature."""

    def step(self, closure):
        return super().step(closure)


def test_a_required_closure_is_found_by_signature_or_by_error() -> None:
    """The experiments then pass a closure, so that the other questions have their usual answers."""
    for subject in (f"{__name__}:ClosureArgument", path("ClosureDemanded")):
        assert finding_on("step_arguments", subject).values == ("closure",)
        assert finding_on("pickle", subject).values == ("same",)
