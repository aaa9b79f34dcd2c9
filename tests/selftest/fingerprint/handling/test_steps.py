"""Is it seen what a step keeps, and what it does at its edges?"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.fingerprint.handling import steps
from tests.selftest.fingerprint.handled_subjects import FAULTS, MUTANTS, QUESTIONS, TWIN, found, of_torch, usual

TRUTH = {
    "gradient_kept": {"": "kept"},
    "zero_lr": {"": "identity", "ASGD": "moves"},  # ASGD computes its rate at the end of a step, for the next one
    "lr_tensor": {"": "same"},
    "maximize": {"": "as_minimize_of_minus_g", "Muon": "absent"},
    "closure": {"": "as_plain"},
    "deterministic": {"": "yes"},
    "micro_steps": {"": "once"},
    # Decoupled, or under a rule that does not rescale (SGD, ASGD): the decay does not know of the gradient.
    "clip": {"": "decay_too"} | dict.fromkeys(("AdamW", "Muon", "Adafactor", "SGD", "ASGD"), "gradient_only"),
}
PLANTED = (
    ("gradient_kept", FAULTS + "DecayWrittenIntoGradient", "changed"),
    ("gradient_kept", FAULTS + "GradientCleared", "cleared"),
    ("zero_lr", FAULTS + "ZeroLrIsDefault", "moves"),
    ("zero_lr", FAULTS + "ZeroLrDividesBy", "not_finite"),
    ("zero_lr", FAULTS + "ZeroLrDividesZero", "not_finite"),
    ("zero_lr", MUTANTS + "DecayNotTimesLr", "decays"),
    ("lr_tensor", FAULTS + "LrTensorCoarse", "differs"),
    ("maximize", FAULTS + "MaximizeFlipsDecay", "decay_flipped"),
    ("maximize", FAULTS + "MaximizeIgnored", "ignored"),
    ("maximize", FAULTS + "MaximizeWithoutDecay", "decay_lost"),
    ("closure", FAULTS + "ClosureStepsEachTime", "differs"),
    ("closure", FAULTS + "ClosureNotCalled", "not_called"),
    ("closure", FAULTS + "ClosureWithoutGrad", "without_grad"),
    ("closure", FAULTS + "LossLost", "loss_lost"),
    ("deterministic", FAULTS + "UnseededNoise", "no"),
    ("micro_steps", FAULTS + "DecaysInBackward", "differs"),
)


@pytest.mark.parametrize(("name", "given", "question", "expected"), of_torch(steps.QUESTIONS, TRUTH))
def test_a_class_of_torch_is_found_to_do_what_it_does(name: str, given: dict[str, Any], question: str, expected: str) -> None:
    """For-loop, in float64."""
    assert found(question, f"torch.optim:{name}", given).values == (expected,)


@pytest.mark.parametrize(("question", "path", "expected"), PLANTED)
def test_a_fault_is_named(question: str, path: str, expected: str) -> None:
    """And is marked as unusual, while the same optimizer without it is not."""
    assert found(question, path).values == (expected,)
    assert expected not in QUESTIONS[question].usual
    assert usual(question, TWIN)


def test_an_optimizer_that_draws_random_numbers_is_right() -> None:
    """It repeats itself from the same seed."""
    assert found("deterministic", FAULTS + "SeededNoise").values == ("seeded",)
    assert usual("deterministic", FAULTS + "SeededNoise")


def test_clipping_reaches_decay_that_goes_through_the_moments() -> None:
    """And leaves decoupled decay as it is, to rounding."""
    assert found("clip", MUTANTS + "CoupledL2").numbers["change"] > 0.1
    assert found("clip", MUTANTS + "AdamWTwin").numbers["change"] < 1e-13


def test_a_rate_that_is_kept_in_float32_is_the_same_to_its_rounding() -> None:
    """As foreach ASGD keeps it."""
    finding = found("lr_tensor", "torch.optim:ASGD", {"foreach": True})

    assert finding.values == ("same_in_single",)
    assert 1e-12 < finding.numbers["gap"] < 1e-6


def test_a_gradient_of_zero_that_is_too_much_by_itself_is_not_laid_on_the_learning_rate() -> None:
    """Without eps, Adam divides 0 by 0 at any learning rate."""
    assert found("zero_lr", "torch.optim:AdamW", {"eps": 0.0}).values == ("identity",)


def test_steps_are_compared_in_single_precision_too() -> None:
    """With a tolerance that follows from it."""
    assert found("maximize", "torch.optim:AdamW", dtype=torch.float32).values == ("as_minimize_of_minus_g",)
    assert found("maximize", FAULTS + "MaximizeFlipsDecay", dtype=torch.float32).values == ("decay_flipped",)
