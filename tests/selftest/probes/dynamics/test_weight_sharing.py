"""Does the probe weight_sharing measure what its docstring derives?"""

from __future__ import annotations

import pytest
import torch

from harness.probes.dynamics.weight_sharing import reduce
from tests.selftest.probes.judged import failing, readings, twins_that_fail

NAME = "weight_sharing"


@pytest.mark.parametrize("seed", [101, 202])
def test_the_claims_hold_for_other_draws(seed: int) -> None:
    """No claim rests on the seed that the scenario happens to use."""
    assert failing(NAME, seed=seed) == []


def test_the_twins_of_the_mutants_pass() -> None:
    """A mutant fails for its fault, and not for being written by hand."""
    assert twins_that_fail(NAME) == []


def test_autograd_sums_the_uses_of_a_shared_weight() -> None:
    """The probe's gradients are those of a weight that is expanded to its uses."""
    per_use = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight = torch.ones(3, 1, dtype=torch.float64, requires_grad=True)
    losses = {"sum": (per_use * weight.expand(3, 4)).sum(), "mean": (per_use * weight.expand(3, 4)).mean(1).sum()}
    of_autograd = [torch.autograd.grad(loss, weight, retain_graph=True)[0][:, 0] for loss in losses.values()]

    torch.testing.assert_close(reduce(per_use)[:, :2], torch.stack(of_autograd, dim=1), rtol=1e-14, atol=1e-14)


def test_sum_and_mean_pull_apart_by_the_number_of_uses() -> None:
    """k^(1/2) over k^(-1/2) is k."""
    found = readings(NAME, "adam_l2")

    assert found["mean_many"].value / found["sum_many"].value == pytest.approx(64, rel=0.1)


def test_the_unroll_would_show_a_decay_per_use() -> None:
    """An optimizer that decayed once per use would leave next to nothing."""
    found = readings(NAME, "adamw")["unroll_difference"]

    assert found.value == 0.0
    assert found.effect == pytest.approx(0.9**10)
