"""Tests of the questions about one step: random numbers, clipping, lr as a tensor, lr = 0, maximize."""

from __future__ import annotations

from typing import Any

import torch

from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin
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


def test_a_step_that_raises_at_lr_0_is_a_refusal() -> None:
    finding = finding_on("zero_lr", f"{__name__}:DividesByLr")

    assert finding.values == ("refused",)
    assert "float division by zero" in finding.text


def test_several_evaluations_of_a_closure_are_counted() -> None:
    """SAM's second evaluation is at other weights; with gradients that do not depend on them the step is the plain one."""
    for subject in ("tests.mutants.styles.averaging:SamByClosure", "tests.mutants.styles.averaging:ForwardDifference"):
        finding = finding_on("closure", subject)
        assert (finding.values, finding.numbers["calls"]) == (("several",), 2.0)


def test_steps_are_compared_in_single_precision_too() -> None:
    """The tolerance follows from the precision."""
    assert finding_on("maximize", "torch.optim:AdamW", dtype=torch.float32).values == ("as_minimize_of_minus_g",)
    assert finding_on("maximize", path("MaximizeFlipsDecay"), dtype=torch.float32).values == ("decay_flipped",)


def test_the_first_step_that_moves_is_reported() -> None:
    assert finding_on("first_step", path("FirstStepLost")).numbers == {"first": 2.0}


class DividesByLr(AdamWTwin):
    """AdamW whose bias correction divides by lr."""

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            group["inverse"] = 1.0 / group["lr"]
        return super().step(closure)


class ClosureArgument(torch.optim.SGD):
    """Need a closure by signature."""

    def step(self, closure):
        return super().step(closure)


def test_a_required_closure_is_found_by_signature_or_by_error() -> None:
    """The experiments then pass a closure, so that the other questions have their usual answers."""
    for subject in (f"{__name__}:ClosureArgument", path("ClosureDemanded")):
        assert finding_on("step_arguments", subject).values == ("closure",)
        assert finding_on("pickle", subject).values == ("same",)
