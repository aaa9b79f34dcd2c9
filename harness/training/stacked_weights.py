"""Where do the weights live? Stacked over runs for the forward pass, yet a leaf of its own for each run's optimizer.

A stacked tensor is the same thing as its runs only for element-wise optimizers. So each run has its own parameters,
each a view of its slice of the stack: no copies, and whatever the optimizer does, it does to one run.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Parameter

from harness.errors import RunError
from harness.training.model import Weights


class StackedWeights:
    """The weights of all runs: `weights[name]` is (runs, ...) and collects gradients; `leaves[run][name]` is its slice.

    All of them share one storage, `flat` (runs, numbers in a run), so a norm over a whole run is one operation.
    """

    def __init__(self, labels: Sequence[str], initial: Sequence[Weights], device: torch.device, dtype: torch.dtype) -> None:
        self.labels = labels
        rows = [torch.cat([weight.flatten() for weight in one.values()]) for one in initial]
        self.flat = torch.stack(rows).to(device, dtype)
        self.parts = _cut(self.flat, initial[0])
        self.weights: Weights = {name: part.detach().requires_grad_() for name, part in self.parts.items()}
        self.leaves = [{name: Parameter(part[run]) for name, part in self.parts.items()} for run in range(len(initial))]

    def gradients(self) -> Weights:
        """Return the stacked gradients, (runs, ...) each."""
        return {name: _gradient(name, weight) for name, weight in self.weights.items()}

    def hand_out(self, gradients: Weights) -> None:
        """Point each leaf's gradient at its slice, afresh at every step: an optimizer may have reset or kept it."""
        for name, stacked in gradients.items():
            for leaves, gradient in zip(self.leaves, stacked.unbind(0), strict=True):
                leaves[name].grad = gradient
            self.weights[name].grad = None

    def restore_storage(self, step: int) -> None:
        """Copy back the leaves whose storage an optimizer exchanged (`p.data = ...`), and point them at the stack again.

        Raises RunError when one has another shape.
        """
        for name, part in self.parts.items():
            start, stride = part.data_ptr(), part.stride(0) * part.element_size()
            for run, leaves in enumerate(self.leaves):
                leaf = leaves[name]
                if leaf.data_ptr() == start + run * stride:
                    continue
                if leaf.shape != part.shape[1:]:
                    found = f"shape {tuple(leaf.shape)}, expected {tuple(part.shape[1:])}"
                    raise RunError(f"{self.labels[run]}: the optimizer left {name} with {found}, at step {step}")
                part[run].copy_(leaf.data)
                leaf.data = part[run]


def _gradient(name: str, weight: Tensor) -> Tensor:
    assert weight.grad is not None, f"{name} has no gradient"
    return weight.grad


def _cut(flat: Tensor, like: Weights) -> Weights:
    parts = flat.split([weight.numel() for weight in like.values()], dim=1)
    return {name: part.unflatten(1, like[name].shape) for name, part in zip(like, parts, strict=True)}
