"""Tests of the reference Prodigy: its estimate of the distance, and steps by the estimate."""

from __future__ import annotations

import pytest
import torch

from harness.optimizers.prodigy import Prodigy


def test_the_estimate_grows_toward_the_distance() -> None:
    """On |w - 4| from 0 the distance is 4. The estimate is a lower bound of it and never falls."""
    w = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = Prodigy([w], lr=1.0)
    estimates = []
    for _ in range(300):
        w.grad = (w.detach() - 4.0).sign()
        optimizer.step()
        estimates.append(optimizer.param_groups[0]["d"])

    assert estimates == sorted(estimates)
    assert 0.5 < estimates[-1] <= 4.0
    assert float(w.detach()) == pytest.approx(4.0, abs=1.0)


def test_the_first_step_follows_the_published_formula() -> None:
    """After the decay by d lr wd: m = (1 - beta1) d g and v = (1 - beta2) d^2 g^2, without bias correction."""
    w = torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    w.grad = torch.tensor([-3.0], dtype=torch.float64)
    Prodigy([w], lr=1.0, weight_decay=0.5, d0=0.01, eps=0.0).step()

    assert float(w.detach()) == pytest.approx(2.0 * (1 - 0.01 * 0.5) + 0.01 * 0.1 / 0.001**0.5, rel=1e-14)


def test_weights_are_unchanged_before_the_first_gradient() -> None:
    """The gradient is None or zero everywhere. The authors' package then returns before it decays."""
    without, zero = (torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64)) for _ in range(2))
    zero.grad = torch.zeros_like(zero)
    Prodigy([without, zero], lr=1.0, weight_decay=0.5).step()

    assert (float(without.detach()), float(zero.detach())) == (2.0, 2.0)
