"""Scale-invariant loss for probes: a regression whose outputs pass a normaliser, with an exact gradient.

The prediction is (x - mean(x)) / std(x) with x = features @ weight; mean and std are over the batch. The normaliser's eps is 0
unless the caller sets it, so that c * weight has the same loss as weight for every c > 0 (van Laarhoven 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ScaleInvariantLoss:
    """Mean squared error of a batch-normalised linear map: `features` (batch, inputs), `target` (batch,)."""

    features: Tensor
    target: Tensor

    def __call__(self, weight: Tensor, *, eps: float = 0.0) -> Tensor:
        """Return the loss, a scalar; `weight` is (inputs,)."""
        outputs: Tensor = self.features @ weight
        centred = outputs - outputs.mean()
        error = centred / (centred.square().mean() + eps).sqrt() - self.target
        loss: Tensor = error.square().mean() / 2
        return loss

    def gradient(self, weight: Tensor) -> Tensor:
        """Return the gradient of the loss at `weight`, (inputs,)."""
        leaf = weight.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(self(leaf), leaf)
        return gradient


def regression(seed: int, *, steps: int = 1, batch: int = 12, inputs: int = 5) -> tuple[list[ScaleInvariantLoss], Tensor]:
    """Return one loss per step and an initial weight of norm 1, drawn from `seed` in float64.

    Every step has the same features and new targets, so that the gradient does not fall to zero.
    """
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(batch, inputs, generator=generator, dtype=torch.float64)
    weight = torch.randn(inputs, generator=generator, dtype=torch.float64)
    targets = torch.randn(steps, batch, generator=generator, dtype=torch.float64)
    return [ScaleInvariantLoss(features, target) for target in targets], direction(weight)


def direction(weight: Tensor) -> Tensor:
    """Return `weight` scaled to norm 1: a scale-invariant loss depends on nothing else."""
    return torch.nn.functional.normalize(weight, dim=0)


def largest_turn(path: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    """Return the largest distance between the directions of two paths of weights, over the steps."""
    return max(float((direction(a) - direction(b)).norm()) for a, b in zip(path, other, strict=True))
