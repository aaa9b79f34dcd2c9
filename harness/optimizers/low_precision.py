"""AdamW for low-precision weights, with three published remedies: master weights, Kahan sums, stochastic rounding.

They are fixed subjects: `--optimizer` never replaces them. Moments and the step of a narrow weight are float32. The
remedies differ in where they keep the bits that a bfloat16 weight cannot hold. Weights of float32 and float64 need no
remedy and take AdamW's step.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.optimizers.per_tensor import Adam, Params

State = dict[str, Any]  # optimizer state of one weight


class _Widened(Adam):
    """AdamW in float32 between `read` and `write`; a subclass defines where a narrow weight's lost bits are kept."""

    def update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        narrow, state = weight.element_size() < 4, self.state[weight]
        direction = self.direction(weight, gradient.float() if narrow else gradient, group=group)
        wide = self.read(weight, state) if narrow else weight
        stepped = wide * (1 - group["lr"] * group["weight_decay"]) - group["lr"] * direction
        if narrow:
            self.write(weight, stepped, state)
        else:
            weight.copy_(stepped)

    def read(self, weight: Tensor, state: State) -> Tensor:
        """Return the weight in float32, with the bits that its state holds."""
        return weight.float()

    def write(self, weight: Tensor, wide: Tensor, state: State) -> None:
        """Store the float32 weight in the narrow one and in the state."""
        raise NotImplementedError  # abstract: torch's Optimizer is no ABC


class MasterWeightsAdamW(_Widened):
    """Keep a float32 copy of every weight and train that: Micikevicius et al. 2018, Section 3.1."""

    def read(self, weight: Tensor, state: State) -> Tensor:
        master: Tensor = state.get("master", weight.float())
        return master

    def write(self, weight: Tensor, wide: Tensor, state: State) -> None:
        state["master"] = wide
        weight.copy_(wide)


class CompensatedAdamW(_Widened):
    """Add the rounding error of a step to the next, from a tensor of the weight's precision (Kahan; Zamirai et al. 2020)."""

    def read(self, weight: Tensor, state: State) -> Tensor:
        lost: Tensor = state.get("lost", torch.zeros_like(weight))
        return weight.float() + lost.float()

    def write(self, weight: Tensor, wide: Tensor, state: State) -> None:
        weight.copy_(wide)
        state["lost"] = (wide - weight.float()).to(weight.dtype)


class StochasticAdamW(_Widened):
    """Round up or down at random so that the mean is exact (Zamirai et al. 2020); for bfloat16 only."""

    def __init__(self, params: Params, seed: int = 0, **options: Any) -> None:
        super().__init__(params, **options)
        self._generator = torch.Generator().manual_seed(seed)

    def write(self, weight: Tensor, wide: Tensor, state: State) -> None:
        weight.copy_(self.rounded(wide))

    def rounded(self, wide: Tensor) -> Tensor:
        """Return float32 numbers whose lower 16 bits are zero: add uniform noise below them, then cut them off."""
        noise = torch.randint(0, 1 << 16, wide.shape, generator=self._generator, dtype=torch.int32)
        return ((wide.view(torch.int32) + noise) & -65536).view(torch.float32)
