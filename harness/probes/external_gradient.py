"""Which gradients does a probe feed that must not depend on the weights? Seeded, of every size, and sometimes exactly zero."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.probes.trajectory import GROUPS

ROWS, COLUMNS = 4, 6


def external_gradients(steps: int, *, smallest: float, largest: float, seed: int, zeros: bool = True) -> list[Tensor]:
    """Return one sequence [steps, 4, 6] a group, float64: noise around a drift, a size for each coordinate.

    With `zeros`, column 0 is exactly zero at every step and column 1 at every other step.
    """
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.logspace(0, 1, ROWS * COLUMNS, base=largest / smallest, dtype=torch.float64) * smallest
    sequences: list[Tensor] = []
    for _ in GROUPS:
        shuffled = sizes[torch.randperm(ROWS * COLUMNS, generator=generator)].reshape(ROWS, COLUMNS)
        drift = torch.randn(ROWS, COLUMNS, generator=generator, dtype=torch.float64)
        noise = torch.randn(steps, ROWS, COLUMNS, generator=generator, dtype=torch.float64)
        gradients = shuffled * (0.3 * drift + noise)
        if zeros:
            gradients[:, :, 0] = 0.0
            gradients[::2, :, 1] = 0.0
        sequences.append(gradients)
    return sequences


def starting_weights(seed: int) -> Tensor:
    """Return a start [4, 6], float64: sizes from 0.05 to 5, both signs."""
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.logspace(0, 1, ROWS * COLUMNS, base=100.0, dtype=torch.float64) * 0.05
    signs = torch.randint(0, 2, (ROWS * COLUMNS,), generator=generator).double() * 2 - 1
    order = torch.randperm(ROWS * COLUMNS, generator=generator)
    return (sizes * signs)[order].reshape(ROWS, COLUMNS)
