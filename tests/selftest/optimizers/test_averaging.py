"""Tests of the reference optimizers that average: Lookahead and Schedule-Free SGD follow their formulas."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.optimizers.averaging import LookaheadSGD, ScheduleFreeSGD


def weight() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor([2.0, -0.5], dtype=torch.float64))


def descend(optimizer: torch.optim.Optimizer, w: Tensor, *, steps: int) -> None:
    """Take steps on the gradient of 1/2 (w - 3)^2 at the weights in use."""
    for _ in range(steps):
        w.grad = w.detach() - 3.0
        optimizer.step()


def test_a_round_of_lookahead_is_half_of_the_way_of_sgd() -> None:
    """The slow weights move half of the way to the fast weights of SGD."""
    fast, slow = weight(), weight()
    descend(torch.optim.SGD([fast], lr=0.1, weight_decay=0.4), fast, steps=5)
    descend(LookaheadSGD([slow], lr=0.1, weight_decay=0.4, every=5, pull=0.5), slow, steps=5)

    assert torch.allclose(slow.detach(), (weight() + fast).detach() / 2, rtol=1e-14, atol=0)


def test_lookahead_swaps_slow_and_fast_weights_within_a_round() -> None:
    """After two steps of a round, eval() gives the slow weights and train() the fast ones."""
    slow, fast = weight(), weight()
    optimizer = LookaheadSGD([slow], lr=0.1, weight_decay=0.4)
    descend(optimizer, slow, steps=2)
    descend(torch.optim.SGD([fast], lr=0.1, weight_decay=0.4), fast, steps=2)

    optimizer.eval()
    assert torch.equal(slow.detach(), weight().detach())
    optimizer.train()
    assert torch.allclose(slow, fast, rtol=1e-14)


def test_schedule_free_follows_its_three_sequences() -> None:
    """z steps with the gradient at y, x is the mean of all z, y lies nine tenths of the way from z to x."""
    w = weight()
    optimizer = ScheduleFreeSGD([w], lr=0.1, weight_decay=0.4)
    y, z = weight().detach(), weight().detach()
    z_values: list[Tensor] = []
    for _ in range(6):
        z = z - 0.1 * (y - 3.0 + 0.4 * y)
        z_values.append(z)
        y = 0.1 * z + 0.9 * torch.stack(z_values).mean(0)
    descend(optimizer, w, steps=6)

    assert torch.allclose(w.detach(), y, rtol=1e-13)
    optimizer.eval()
    assert torch.allclose(w.detach(), torch.stack(z_values).mean(0), rtol=1e-13)


@pytest.mark.parametrize("optimizer", [LookaheadSGD, ScheduleFreeSGD])
def test_a_parameter_without_gradient_is_unchanged(optimizer: type) -> None:
    """eval() and train() do not change it either."""
    w = weight()
    made = optimizer([w], lr=0.1, weight_decay=0.4)
    made.step()
    made.eval()
    made.train()

    assert torch.equal(w, weight())
