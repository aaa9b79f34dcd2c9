"""Weights, gradients and learning rates that probes give to an optimizer; every random draw has a fixed seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from harness.subject.stepping import Gradient

ROWS, COLUMNS = 4, 6


def external_gradients(steps: int, *, smallest: float, largest: float, seed: int, zeros: bool = True) -> list[Tensor]:
    """Return one gradient sequence [steps, 4, 6] per parameter group, float64: noise around a drift.

    Each coordinate has its own size, from `smallest` to `largest`. With `zeros`, column 0 is exactly zero at every step and
    column 1 at every second step.
    """
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.logspace(0, 1, ROWS * COLUMNS, base=largest / smallest, dtype=torch.float64) * smallest
    sequences: list[Tensor] = []
    for _ in GROUP_FACTORS:
        shuffled = sizes[torch.randperm(ROWS * COLUMNS, generator=generator)].reshape(ROWS, COLUMNS)
        drift = torch.randn(ROWS, COLUMNS, generator=generator, dtype=torch.float64)
        noise_gradients = torch.randn(steps, ROWS, COLUMNS, generator=generator, dtype=torch.float64)
        gradients = shuffled * (0.3 * drift + noise_gradients)
        if zeros:
            gradients[:, :, 0] = 0.0
            gradients[::2, :, 1] = 0.0
        sequences.append(gradients)
    return sequences


def starting_weights(seed: int) -> Tensor:
    """Return initial weights [4, 6], float64: sizes from 0.05 to 5, both signs."""
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.logspace(0, 1, ROWS * COLUMNS, base=100.0, dtype=torch.float64) * 0.05
    signs = torch.randint(0, 2, (ROWS * COLUMNS,), generator=generator).double() * 2 - 1
    order = torch.randperm(ROWS * COLUMNS, generator=generator)
    return (sizes * signs)[order].reshape(ROWS, COLUMNS)


SHAPE = (3, 4)  # a matrix, because torch's Muon accepts only matrices


def matrices(count: int, *, seed: int) -> list[Tensor]:
    """Return `count` matrices [3, 4], float64: sizes from 0.3 to 3, both signs, in a different order in each matrix."""
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.logspace(0, 1, SHAPE[0] * SHAPE[1], base=10.0, dtype=torch.float64) * 0.3
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(len(sizes) // 2)
    orders = [torch.randperm(len(sizes), generator=generator) for _ in range(count)]
    return [(sizes * signs)[order].reshape(SHAPE) for order in orders]


def noise_gradients(steps: int, count: int, *, seed: int) -> list[list[Tensor]]:
    """Return `steps` lists of `count` gradients [3, 4], float64: normal noise; the rows have the sizes 0.1, 1 and 10."""
    generator = torch.Generator().manual_seed(seed + 1000)
    scale = torch.tensor([0.1, 1.0, 10.0], dtype=torch.float64)[:, None]
    return [[scale * torch.randn(SHAPE, generator=generator, dtype=torch.float64) for _ in range(count)] for _ in range(steps)]


def zero_gradients(steps: int, weights: Sequence[Tensor]) -> list[list[Tensor]]:
    """Return `steps` lists with one gradient per weight, all exactly zero and not None."""
    return [[torch.zeros_like(weight) for weight in weights] for _ in range(steps)]


def parameters(starts: Iterable[Tensor]) -> list[torch.nn.Parameter]:
    """Return one parameter for each start, with a copy of its values."""
    return [torch.nn.Parameter(start.clone()) for start in starts]


GROUP_FACTORS = ((1.0, 1.0), (0.75, 2.0))  # factors of (lr, weight decay) of the two groups of most probes


def halved_midway(lr: float, steps: int) -> list[float]:
    """Return a schedule of two learning rates: `lr` in the first half of the steps, half of `lr` in the second."""
    return halved(lr, steps, after=steps // 2)


def halved(lr: float, steps: int, *, after: int) -> list[float]:
    """Return a schedule of two learning rates: `lr` in the first `after` steps, half of `lr` in the others."""
    return [lr if step < after else lr / 2 for step in range(steps)]


def recorded_gradient(gradients: Tensor) -> Gradient:
    """Return a gradient function that reads `gradients` [steps, *shape] by step and ignores the weight."""
    return lambda step, weight: gradients[step]


def no_gradient(step: int, weight: Tensor) -> Tensor:
    """Return a gradient that is exactly zero and not None, at every step."""
    return torch.zeros_like(weight)
