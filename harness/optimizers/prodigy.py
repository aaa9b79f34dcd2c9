"""Prodigy in its shortest form: an optimizer that estimates its own learning rate and decays by the estimate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from harness.optimizers.per_tensor import Params


class Prodigy(Optimizer):
    """AdamW at the rate lr * d, d an estimate of the distance to the solution: Mishchenko and Defazio 2023, the form for Adam.

    The estimate starts at `d0`, never falls, and is in the groups under the key "d", as in the authors' package. A
    step uses the estimate from before it. As in that package, no weight moves as long as all gradients have been zero.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        d0: float = 1e-6,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**options, "d": d0, "d0": d0, "d_numerator": 0.0})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter whose gradient is not None, then the estimate; return the closure's value if there is one."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        with torch.no_grad():
            self._step()
        return loss

    def _step(self) -> None:
        moving = [(w, group) for group in self.param_groups for w in group["params"] if w.grad is not None]
        shared = self.param_groups[0]  # the numerator is here, because copies and checkpoints include the groups
        shared["d_numerator"] *= math.sqrt(shared["betas"][1])
        length = sum(self._observe(weight, group) for weight, group in moving)
        if not length:
            return
        for weight, group in moving:
            self._update(weight, group)
        for group in self.param_groups:
            group["d"] = max(group["d"], shared["d_numerator"] / length)

    def _observe(self, weight: Tensor, group: dict[str, Any]) -> float:
        """Add the gradient to all averages; return the L1 norm of the weighted sum of gradients so far."""
        state, (beta1, beta2), d, gradient = self.state[weight], group["betas"], group["d"], weight.grad
        assert gradient is not None
        start = state.setdefault("start", weight.clone())
        scale = d / group["d0"] * d * group["lr"]
        self.param_groups[0]["d_numerator"] += scale * float((gradient * (start - weight)).sum())
        state["s"] = math.sqrt(beta2) * state.get("s", torch.zeros_like(weight)) + scale * gradient
        state["m"] = beta1 * state.get("m", torch.zeros_like(weight)) + d * (1 - beta1) * gradient
        state["v"] = beta2 * state.get("v", torch.zeros_like(weight)) + d * d * (1 - beta2) * gradient * gradient
        return float(state["s"].abs().sum())

    def _update(self, weight: Tensor, group: dict[str, Any]) -> None:
        state, d = self.state[weight], group["d"]
        self.decay(weight, group)
        weight.sub_(d * group["lr"] * state["m"] / (state["v"].sqrt() + d * group["eps"]))

    def decay(self, weight: Tensor, group: dict[str, Any]) -> None:
        """Shrink by (1 - d * lr * weight_decay)."""
        weight.mul_(1 - group["d"] * group["lr"] * group["weight_decay"])
