"""Tests of the probe weight_sharing: gradients of shared weights, and their decay rates."""

from __future__ import annotations

import pytest
import torch

from harness.probes.dynamics.weight_sharing import reduce
from tests.selftest.probes.judged import failed_claims, measurements_of, twins_that_fail

NAME = "weight_sharing"


@pytest.mark.parametrize("seed", [101, 202])
def test_the_claims_hold_for_other_draws(seed: int) -> None:
    """No claim depends on the seed that the scenario sets."""
    assert failed_claims(NAME, seed=seed) == []


def test_the_twins_of_the_mutants_pass() -> None:
    """A mutant fails because of its planted bug, and not because it is written by hand."""
    assert twins_that_fail(NAME) == []


def test_autograd_sums_the_uses_of_a_shared_weight() -> None:
    """The gradients of the probe are those of a weight that is expanded to its uses."""
    per_use = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight = torch.ones(3, 1, dtype=torch.float64, requires_grad=True)
    losses = {"sum": (per_use * weight.expand(3, 4)).sum(), "mean": (per_use * weight.expand(3, 4)).mean(1).sum()}
    of_autograd = [torch.autograd.grad(loss, weight, retain_graph=True)[0][:, 0] for loss in losses.values()]

    torch.testing.assert_close(reduce(per_use)[:, :2], torch.stack(of_autograd, dim=1), rtol=1e-14, atol=1e-14)


def test_mean_rate_over_sum_rate_is_the_number_of_uses() -> None:
    """The rates are k^(1/2) and k^(-1/2), and their ratio is k."""
    measurements = measurements_of(NAME, "adam_l2")

    assert measurements["mean_many"].value / measurements["sum_many"].value == pytest.approx(64, rel=0.1)


def test_the_unroll_would_show_a_decay_per_use() -> None:
    """An optimizer that decays once per use would leave almost nothing."""
    difference = measurements_of(NAME, "adamw")["unroll_difference"]

    assert difference.value == 0.0
    assert difference.effect == pytest.approx(0.9**10)
