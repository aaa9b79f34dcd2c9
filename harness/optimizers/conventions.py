"""Optimizers with published conventions of weight decay that torch.optim does not ship.

They are fixed subjects: `--optimizer` never replaces them. Each is the shortest form of its update rule.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.optimizers.per_tensor import Adam, Params, PerTensor


class IndependentSGD(PerTensor):
    """Shrink by (1 - s * weight_decay), s = lr / initial lr: Loshchilov and Hutter 2019, Algorithm 1 (SGDW).

    `decay_after` shrinks the updated weight instead. The decay never enters the momentum buffer.
    """

    def __init__(
        self, params: Params, lr: float = 1e-3, momentum: float = 0.0, weight_decay: float = 0.0, decay_after: bool = False
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "decay_after": decay_after})

    def update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        step = group["lr"] * self._buffer(weight, gradient, momentum=group["momentum"])
        factor = 1 - group["weight_decay"] * group["lr"] / group["initial_lr"]
        weight.copy_((weight - step) * factor if group["decay_after"] else weight * factor - step)


class DecoupledSGD(PerTensor):
    """Shrink by (1 - lr * weight_decay) outside the momentum buffer: SGDW as torch's AdamW scales its decay."""

    def __init__(self, params: Params, lr: float = 1e-3, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        step = group["lr"] * self._buffer(weight, gradient, momentum=group["momentum"])
        weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step)


class ProximalSGD(PerTensor):
    """Step, then take the proximal map of lr * weight_decay / 2 * |w|^2: Zhuang et al. 2022, on proximal updates."""

    def __init__(self, params: Params, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        weight.sub_(group["lr"] * gradient).div_(1 + group["lr"] * group["weight_decay"])


class IndependentAdamW(Adam):
    """Shrink by (1 - s * weight_decay), s = lr / initial lr: Loshchilov and Hutter 2019, Algorithm 2, line 12."""

    def update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        step = group["lr"] * self.direction(weight, gradient, group=group)
        weight.mul_(1 - group["weight_decay"] * group["lr"] / group["initial_lr"]).sub_(step)


class CorrectedAdamW(Adam):
    """Shrink by (1 - lr^2 * weight_decay / the group's largest lr so far): Defazio 2025, AdamC for normalised layers."""

    def update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        step = group["lr"] * self.direction(weight, gradient, group=group)
        group["max_lr"] = max(group.get("max_lr", 0.0), group["lr"])
        share = group["lr"] / group["max_lr"] if group["max_lr"] else 0.0  # a warm-up may start at a learning rate of 0
        weight.mul_(1 - group["weight_decay"] * group["lr"] * share).sub_(step)


class CautiousAdamW(Adam):
    """Decay by lr * weight_decay only where the update also shrinks the weight: Chen et al. 2025, cautious weight decay."""

    def update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        direction = self.direction(weight, gradient, group=group)
        agrees = (direction * weight >= 0).to(weight.dtype)
        weight.sub_(group["lr"] * (direction + group["weight_decay"] * agrees * weight))


class SignSGD(PerTensor):
    """Shrink by (1 - lr * weight_decay) and move lr along the gradient's sign: Lion without its momentum (Chen et al. 2023)."""

    def __init__(self, params: Params, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * gradient.sign())


class Lion(PerTensor):
    """Shrink by (1 - lr * weight_decay) and move lr along the sign of a momentum: Chen et al. 2023, Algorithm 2.

    The sign is that of beta1 * m + (1 - beta1) * g; the new momentum m is beta2 * m + (1 - beta2) * g.
    """

    def __init__(
        self, params: Params, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    def update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, (beta1, beta2) = self.state[weight], group["betas"]
        momentum = state.get("m", torch.zeros_like(gradient))
        direction = (beta1 * momentum + (1 - beta1) * gradient).sign()
        weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * direction)
        state["m"] = beta2 * momentum + (1 - beta2) * gradient


class Lamb(Adam):
    """Move lr * |w| along Adam's direction plus weight_decay * w, both under one norm: You et al. 2020, Algorithm 2.

    The trust ratio is |w| / |direction + weight_decay * w|, and 1 where either is zero.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        pull = self.direction(weight, gradient, group=group) + group["weight_decay"] * weight
        size, length = weight.norm(), pull.norm()
        ratio = torch.where((size > 0) & (length > 0), size / length, torch.ones_like(size))
        weight.sub_(group["lr"] * ratio * pull)
