"""Which loss do probes use whose weights feed a normaliser? Regression on standardised features, with an exact gradient.

The prediction is (x - mean(x)) / std(x) with x = features @ weight, over the batch and with the normaliser's eps at 0 unless
asked for, so that the loss of c * weight is the loss of weight for every c > 0 (van Laarhoven 2017).
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
        """Return the loss's gradient at `weight`, (inputs,)."""
        leaf = weight.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(self(leaf), leaf)
        return gradient


def regression(seed: int, *, steps: int = 1, batch: int = 12, inputs: int = 5) -> tuple[list[ScaleInvariantLoss], Tensor]:
    """Return one loss a step and an initial weight of norm 1, drawn from `seed` in float64.

    The features are the same in every step and the targets are fresh, so that the gradient does not die out.
    """
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(batch, inputs, generator=generator, dtype=torch.float64)
    weight = torch.randn(inputs, generator=generator, dtype=torch.float64)
    targets = torch.randn(steps, batch, generator=generator, dtype=torch.float64)
    return [ScaleInvariantLoss(features, target) for target in targets], direction(weight)


def direction(weight: Tensor) -> Tensor:
    """Return `weight` at norm 1: all that a scale-invariant loss sees."""
    return torch.nn.functional.normalize(weight, dim=0)


def turn(path: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    """Return the largest distance between the directions of two paths of weights."""
    return max(float((direction(a) - direction(b)).norm()) for a, b in zip(path, other, strict=True))
