"""Tests of the search for tensors that an optimizer keeps for a weight."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.fingerprint.measuring.state_tensors import state_tensors


class Keeper:
    """Keep tensors in attributes, lists, dicts and a wrapped optimizer."""

    def __init__(self, weights: list[Tensor]) -> None:
        self.base = torch.optim.SGD(weights, lr=0.1, momentum=0.9)
        self.slow = [weight.detach().clone() for weight in weights]
        self.by_id: dict[int, Any] = {id(weight): {"mean": 2 * weight.detach()} for weight in weights}
        self.flat = torch.zeros(sum(weight.numel() for weight in weights))
        self.count = torch.zeros(())
        self.itself = self


def _weights() -> list[Tensor]:
    weights = [torch.nn.Parameter(torch.ones(2, 3)), torch.nn.Parameter(torch.ones(4))]
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    return weights


def test_tensors_are_found_wherever_they_are_kept() -> None:
    """Parts of a flat buffer and scalars are not of a weight's shape; the weight itself is no state."""
    weights = _weights()
    keeper = Keeper(weights)
    keeper.base.step()

    first, second = state_tensors(keeper, weights)

    assert set(first) == {"/base/state/momentum_buffer", "/slow/0", "/by_id/mean"}
    assert set(second) == {"/base/state/momentum_buffer", "/slow/1", "/by_id/mean"}


def test_a_place_has_the_same_name_in_each_run() -> None:
    """Weights and their ids differ between two runs."""
    places = [[set(found) for found in state_tensors(Keeper(weights), weights)] for weights in (_weights(), _weights())]
    assert places[0] == places[1]


def test_later_steps_do_not_change_what_was_found() -> None:
    weights = _weights()
    keeper = Keeper(weights)
    found = state_tensors(keeper, weights)[0]["/slow/0"]

    keeper.slow[0].mul_(5.0)

    assert found.dtype == torch.float64
    assert float(found.max()) == 1.0
