"""Does the probe scale_invariance measure what its docstring derives?"""

from __future__ import annotations

import pytest
import torch

from harness.probes.scale_invariant_loss import regression
from tests.selftest.probes.judged import failing, readings, twins_that_fail

NAME = "scale_invariance"


@pytest.mark.parametrize("seed", [101, 202])
def test_the_claims_hold_for_other_draws(seed: int) -> None:
    """No claim rests on the seed that the scenario happens to use."""
    assert failing(NAME, seed=seed) == []


def test_the_twins_of_the_mutants_pass() -> None:
    """A mutant fails for its fault, and not for being written by hand."""
    assert twins_that_fail(NAME) == []


def test_the_loss_does_not_see_the_scale() -> None:
    """Ten times the weights give the same loss to rounding, and another one once the normaliser has an eps."""
    (loss,), weight = regression(1)

    assert float(loss(10 * weight)) == pytest.approx(float(loss(weight)), rel=1e-14)
    assert abs(float(loss(10 * weight, eps=1e-2) - loss(weight, eps=1e-2))) > 1e-6


def test_the_gradient_is_that_of_finite_differences() -> None:
    """Central differences of the loss agree with its gradient."""
    (loss,), weight = regression(2)
    axes = 1e-5 * torch.eye(len(weight), dtype=torch.float64)
    differences = [float(loss(weight + axis) - loss(weight - axis)) / 2e-5 for axis in axes]

    assert loss.gradient(weight).tolist() == pytest.approx(differences, abs=1e-8)


def test_a_wrong_factor_breaks_pythagoras() -> None:
    """Decaying twice leaves a defect of the size of the decay."""
    wrong = readings(NAME, "sgd", path="tests.mutants.decay_rule:SgdDecayTwice")["norm_defect"]

    assert wrong.value > 0.01


def test_adam_with_its_eps_is_only_nearly_scale_free() -> None:
    """The rescaled run differs by the order of eps / |gradient|, and without eps by rounding."""
    with_eps, without = (readings(NAME, arm)["rescaled_turn"].value for arm in ("adamw", "adamw_without_eps"))

    assert 1e-11 < with_eps < 1e-6
    assert without < 1e-13
