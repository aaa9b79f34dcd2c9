"""Does the reference Prodigy estimate a distance, and step by it?"""

from __future__ import annotations

import pytest
import torch

from harness.optimizers.prodigy import Prodigy


def test_the_estimate_grows_to_the_size_of_the_distance_and_never_falls() -> None:
    """On |w - 4| from 0: the distance is 4, and the estimate is a lower bound of it."""
    w = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = Prodigy([w], lr=1.0)
    seen = []
    for _ in range(300):
        w.grad = (w.detach() - 4.0).sign()
        optimizer.step()
        seen.append(optimizer.param_groups[0]["d"])

    assert seen == sorted(seen)
    assert 0.5 < seen[-1] <= 4.0
    assert float(w.detach()) == pytest.approx(4.0, abs=1.0)


def test_the_first_step_is_the_published_formula() -> None:
    """m = (1 - beta1) d g and v = (1 - beta2) d^2 g^2, without bias correction, after the decay by d lr wd."""
    w = torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    w.grad = torch.tensor([-3.0], dtype=torch.float64)
    Prodigy([w], lr=1.0, weight_decay=0.5, d0=0.01, eps=0.0).step()

    assert float(w.detach()) == pytest.approx(2.0 * (1 - 0.01 * 0.5) + 0.01 * 0.1 / 0.001**0.5, rel=1e-14)


def test_weights_stay_as_long_as_there_has_been_no_gradient() -> None:
    """None, or zero everywhere: the authors' package returns before it decays."""
    none, zero = (torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64)) for _ in range(2))
    zero.grad = torch.zeros_like(zero)
    Prodigy([none, zero], lr=1.0, weight_decay=0.5).step()

    assert (float(none.detach()), float(zero.detach())) == (2.0, 2.0)
