"""Weights of many runs: stacked tensors for the forward pass, views of them for each run's optimizer.

An optimizer that is not element-wise would treat a stacked tensor as one weight. Each run therefore has its own parameters,
which are views of its slice of the stack: nothing is copied, and an optimizer changes its own run only.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Parameter

from harness.errors import RunError
from harness.training.model import Weights


class StackedWeights:
    """The weights of all runs.

    `weights[name]` is (runs, ...) and collects the gradients; `parts[name]` is the same tensor without gradients;
    `leaves[run][name]` is the parameter of one run, a slice of it. All of them share the storage of `flat`, (runs, numbers in
    a run), so that a norm over a whole run is one operation.
    """

    def __init__(self, labels: Sequence[str], initial: Sequence[Weights], device: torch.device, dtype: torch.dtype) -> None:
        self.labels = labels
        rows = [torch.cat([weight.flatten() for weight in weights.values()]) for weights in initial]
        self.flat = torch.stack(rows).to(device, dtype)
        self.parts = _split(self.flat, initial[0])
        self.weights: Weights = {name: part.detach().requires_grad_() for name, part in self.parts.items()}
        self.leaves = [{name: Parameter(part[run]) for name, part in self.parts.items()} for run in range(len(initial))]

    def gradients(self) -> Weights:
        """Return the gradient of each weight, (runs, ...)."""
        return {name: _gradient(name, weight) for name, weight in self.weights.items()}

    def set_gradients(self, gradients: Weights) -> None:
        """Set the gradient of each leaf to its slice of the new gradients, whatever an optimizer has left in `grad`."""
        for name, stacked in gradients.items():
            for leaves, gradient in zip(self.leaves, stacked.unbind(0), strict=True):
                leaves[name].grad = gradient
            self.weights[name].grad = None

    def restore_storage(self, step: int) -> None:
        """Copy leaves back whose storage the optimizer has replaced (`p.data = ...`), and make them views of the stack again.

        Raises RunError if such a leaf has another shape than before.
        """
        for name, part in self.parts.items():
            start, stride = part.data_ptr(), part.stride(0) * part.element_size()
            for run, leaves in enumerate(self.leaves):
                leaf = leaves[name]
                if leaf.data_ptr() == start + run * stride:
                    continue
                if leaf.shape != part.shape[1:]:
                    shapes = f"shape {tuple(leaf.shape)}, expected {tuple(part.shape[1:])}"
                    raise RunError(f"{self.labels[run]}: the optimizer left {name} with {shapes}, at step {step}")
                part[run].copy_(leaf.data)
                leaf.data = part[run]


def _gradient(name: str, weight: Tensor) -> Tensor:
    assert weight.grad is not None, f"{name} has no gradient"
    return weight.grad


def _split(flat: Tensor, like: Weights) -> Weights:
    """Return views of `flat` with the names and shapes of the weights of one run, `like`."""
    parts = flat.split([weight.numel() for weight in like.values()], dim=1)
    return {name: part.unflatten(1, like[name].shape) for name, part in zip(like, parts, strict=True)}
