"""Optimizers that keep a second copy of the weights: Lookahead and Schedule-Free SGD, in their shortest form.

They are fixed subjects: `--optimizer` never replaces them. As in the authors' packages, `eval()` writes the copy that
is to be evaluated into the parameters, and `train()` puts the trained weights back.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.optimizers.per_tensor import Params, PerTensor


class LookaheadSGD(PerTensor):
    """SGD with decay and slow weights: Zhang et al. 2019.

    Every `every` steps the slow weights move the share `pull` of the way to the fast ones, which restart from there.
    """

    def __init__(self, params: Params, lr: float = 1e-3, weight_decay: float = 0.0, every: int = 5, pull: float = 0.5) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "every": every, "pull": pull})

    def update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        slow = state.setdefault("slow", weight.clone())
        weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * gradient)
        state["step"] = state.get("step", 0) + 1
        if state["step"] % group["every"] == 0:
            self.synchronise(weight, slow, group)

    def synchronise(self, weight: Tensor, slow: Tensor, group: dict[str, Any]) -> None:
        """Move the slow weights toward the fast ones, and set the fast ones to them."""
        slow.lerp_(weight, group["pull"])
        weight.copy_(slow)

    @torch.no_grad()
    def eval(self) -> None:
        """Put the slow weights into the parameters, which already hold them after a whole number of rounds."""
        for weight, state in self.state.items():
            state["fast"] = weight.clone()
            weight.copy_(state["slow"])

    @torch.no_grad()
    def train(self) -> None:
        """Put the fast weights back."""
        for weight, state in self.state.items():
            if "fast" in state:
                weight.copy_(state.pop("fast"))


class ScheduleFreeSGD(PerTensor):
    """Train at y = (1 - momentum) z + momentum x, evaluate the average x of all z: Defazio et al. 2024, Algorithm for SGD.

    Weight decay pulls by y (the authors' default) or, with `decay_at_z`, by z.
    """

    def __init__(
        self, params: Params, lr: float = 1e-3, weight_decay: float = 0.0, momentum: float = 0.9, decay_at_z: bool = False
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "decay_at_z": decay_at_z})

    def update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, momentum = self.state[weight], group["momentum"]
        z = state.setdefault("z", weight.clone())
        x = state.setdefault("x", weight.clone())
        decayed = z if group["decay_at_z"] else weight
        z.sub_(group["lr"] * (gradient + group["weight_decay"] * decayed))
        state["step"] = state.get("step", 0) + 1
        x.lerp_(z, 1 / state["step"])
        weight.copy_((1 - momentum) * z + momentum * x)

    @torch.no_grad()
    def eval(self) -> None:
        """Put the average x into the parameters."""
        self._show("x")

    @torch.no_grad()
    def train(self) -> None:
        """Put the point y, at which gradients are taken, back."""
        self._show("y")

    def _show(self, name: str) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                if "x" in (state := self.state[weight]):
                    y = (1 - group["momentum"]) * state["z"] + group["momentum"] * state["x"]
                    weight.copy_(state["x"] if name == "x" else y)
