"""Tests of the probe scale_invariance and of its loss: scale, gradient, norms and rescaled runs."""

from __future__ import annotations

import pytest
import torch

from harness.probes.scale_invariant_loss import regression
from tests.selftest.probes.judged import failed_claims, measurements_of, twins_that_fail

NAME = "scale_invariance"


@pytest.mark.parametrize("seed", [101, 202])
def test_the_claims_hold_for_other_draws(seed: int) -> None:
    """No claim depends on the seed that the scenario sets."""
    assert failed_claims(NAME, seed=seed) == []


def test_the_twins_of_the_mutants_pass() -> None:
    """A mutant fails because of its planted bug, and not because it is written by hand."""
    assert twins_that_fail(NAME) == []


def test_the_loss_does_not_depend_on_the_scale() -> None:
    """Ten times the weights give the same loss up to rounding, and a different one if the normaliser has an eps."""
    (loss,), weight = regression(1)

    assert float(loss(10 * weight)) == pytest.approx(float(loss(weight)), rel=1e-14)
    assert abs(float(loss(10 * weight, eps=1e-2) - loss(weight, eps=1e-2))) > 1e-6


def test_the_gradient_agrees_with_finite_differences() -> None:
    (loss,), weight = regression(2)
    axes = 1e-5 * torch.eye(len(weight), dtype=torch.float64)
    differences = [float(loss(weight + axis) - loss(weight - axis)) / 2e-5 for axis in axes]

    assert loss.gradient(weight).tolist() == pytest.approx(differences, abs=1e-8)


def test_a_wrong_factor_breaks_the_identity_of_norms() -> None:
    """Decay that is applied twice leaves a defect of the size of the decay."""
    wrong = measurements_of(NAME, "sgd", path="tests.mutants.decay_rule:SgdDecayTwice")["norm_defect"]

    assert wrong.value > 0.01


def test_adamw_with_eps_is_only_nearly_scale_free() -> None:
    """The rescaled run differs by the order of eps / |gradient|, and without eps only by rounding."""
    with_eps, without = (measurements_of(NAME, arm)["rescaled_turn"].value for arm in ("adamw", "adamw_without_eps"))

    assert 1e-11 < with_eps < 1e-6
    assert without < 1e-13
