"""Base classes of the reference optimizers: a rule for one tensor, and Adam's constructor and direction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

Params = Iterable[Tensor] | Iterable[dict[str, Any]]


class PerTensor(Optimizer):
    """Call `update` on every parameter that has a gradient; a subclass defines only its rule."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, and record its first learning rate under the key that torch's schedulers use."""
        super().add_param_group(param_group)
        self.param_groups[-1].setdefault("initial_lr", self.param_groups[-1]["lr"])

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter whose gradient is not None, once; return the closure's value if there is one."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    if weight.grad is not None:
                        self.update(weight, weight.grad, group)
        return loss

    def update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        """Change `weight` in place by the rule of the subclass."""
        raise NotImplementedError  # abstract: torch's Optimizer is no ABC

    def _buffer(self, weight: Tensor, gradient: Tensor, *, momentum: float) -> Tensor:
        """Return the updated momentum buffer, buf <- momentum * buf + gradient; it starts at the first gradient."""
        state = self.state[weight]
        buffer: Tensor = momentum * state["buf"] + gradient if "buf" in state else gradient.clone()
        state["buf"] = buffer
        return buffer


class Adam(PerTensor):
    """Adam's constructor and direction; a subclass decides how the weights decay."""

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def direction(self, weight: Tensor, gradient: Tensor, *, group: dict[str, Any]) -> Tensor:
        """Return Adam's bias-corrected direction, m / (sqrt(v) + eps) (Kingma and Ba, Algorithm 1)."""
        state, (beta1, beta2) = self.state[weight], group["betas"]
        step = state["step"] = state.get("step", 0) + 1
        state["m"] = beta1 * state.get("m", torch.zeros_like(gradient)) + (1 - beta1) * gradient
        state["v"] = beta2 * state.get("v", torch.zeros_like(gradient)) + (1 - beta2) * gradient * gradient
        direction: Tensor = state["m"] / (1 - beta1**step) / ((state["v"] / (1 - beta2**step)).sqrt() + group["eps"])
        return direction
