"""Conventions of weight decay, right and wrong, that a fingerprint must distinguish from the others.

Each class is the shortest form of its rule, which the docstring describes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.optimizers.conventions import Lion
from tests.mutants.decay_rule import AdamWTwin, Group, State, Stepwise


class LionDirectionInsideSign(Lion):
    """Add the decay to the gradient whose sign Lion takes, and not to the gradient in its momentum."""

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        before = self.state[weight].get("m", torch.zeros_like(gradient))
        super().update(weight, gradient + group["weight_decay"] * weight, {**group, "weight_decay": 0.0})
        self.state[weight]["m"] = group["betas"][1] * before + (1 - group["betas"][1]) * gradient


class Lars(Stepwise):
    """Add the decay to the gradient, and scale both by |w| / (|g| + weight_decay |w|) before the momentum (You et al. 2017)."""

    def __init__(
        self, params: Any, lr: float = 1e-3, momentum: float = 0.9, trust: float = 0.1, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "trust": trust, "weight_decay": weight_decay})

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        decay, size = group["weight_decay"], w.norm()
        ratio = group["trust"] * size / (grad.norm() + decay * size + 1e-12)
        state["v"] = group["momentum"] * state.get("v", torch.zeros_like(w)) + group["lr"] * ratio * (grad + decay * w)
        w.sub_(state["v"])


class LambCoupled(AdamWTwin):
    """LAMB whose decay joins the gradient, not the trust ratio: https://github.com/cybertronai/pytorch-lamb/issues/3."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        pull = self.direction(w, grad + group["weight_decay"] * w, group, state)
        w.sub_(group["lr"] * w.norm() / pull.norm() * pull)


class LambDecoupled(AdamWTwin):
    """Multiply the update by the trust ratio of the decayed weight, and do not multiply the decay."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        pull = self.direction(w, grad, group, state)
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * self.size(w) / pull.norm() * pull)

    def size(self, w: Tensor) -> Tensor:
        return w.norm()


class LambDecoupledFloored(LambDecoupled):
    """LambDecoupled with a floor under the size of the weight, as Adafactor has."""

    def size(self, w: Tensor) -> Tensor:
        return w.norm().clamp_min(1e-3)


class LambDecoupledFlooredAfter(LambDecoupledFloored):
    """LambDecoupledFloored with the decay after the update."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        pull = self.direction(w, grad, group, state)
        w.sub_(group["lr"] * self.size(w) / pull.norm() * pull)
        w.mul_(1 - group["lr"] * group["weight_decay"])


class LambMomentumDecoupled(LambDecoupled):
    """LambDecoupled with a momentum of the scaled gradients: the update depends on earlier weights."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["v"] = 0.9 * state.get("v", torch.zeros_like(w)) + 0.1 * w.norm() / grad.norm() * grad
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * state["v"])


class AdamC(AdamWTwin):
    """Multiply the decay by the learning rate squared over the largest so far (Defazio 2025)."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["largest"] = max(state.get("largest", 0.0), group["lr"])
        w.mul_(1 - group["lr"] ** 2 / state["largest"] * group["weight_decay"])


class DecaySkipsFirstStep(AdamWTwin):
    """Decay from the second step on."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if state["t"] > 1:
            w.mul_(1 - group["lr"] * group["weight_decay"])


class DecayAtRandom(AdamWTwin):
    """Decay at a random strength: no convention has this rule."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"] * torch.rand(w.shape, dtype=w.dtype))


class DecayByFanIn(AdamWTwin):
    """Scale each tensor's decay by its number of columns."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"] * w.shape[-1] / 10)


class OnceCautious(AdamWTwin):
    """Decay only where the update would grow the weight: the cautious mask inverted."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        direction = self.direction(w, grad, group, state)
        w.sub_(group["lr"] * (direction + group["weight_decay"] * w * (direction * w < 0)))


class SgdDecayBuffer(Stepwise):
    """Give the decay a momentum of its own, beside that of the gradient and not multiplied by the learning rate."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["g"] = 0.9 * state.get("g", torch.zeros_like(w)) + grad
        state["d"] = 0.9 * state.get("d", torch.zeros_like(w)) + group["weight_decay"] * w
        w.sub_(group["lr"] * state["g"] + 0.1 * state["d"])


class SingleInside(AdamWTwin):
    """Keep double weights, and compute the step in single precision."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        single = w.float()
        super().update(single, grad.float(), group, state)
        w.copy_(single)


class SingleUpdate(AdamWTwin):
    """Decay double weights in double, and compute Adam's update in single precision."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().direction(w.float(), grad.float(), group, state).to(w.dtype)


class RefusesDouble(AdamWTwin):
    """Refuse float64, like a kernel for single precision only."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.dtype == torch.float64:
            raise TypeError("expected float32")
        super().update(w, grad, group, state)


class StochasticRounding(AdamWTwin):
    """Round a bfloat16 weight up or down by chance: https://github.com/pytorch/ao/pull/1124."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.dtype != torch.bfloat16:
            super().update(w, grad, group, state)
            return
        single = w.float()
        super().update(single, grad.float(), group, state)
        bits = single.view(torch.int32) + torch.randint(0, 1 << 16, w.shape, dtype=torch.int32)
        w.copy_((bits >> 16 << 16).view(torch.float32))


class KeepsRemainder(AdamWTwin):
    """Keep the rounding error of a weight, and add it at the next step (compensated summation)."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        exact = w.double() + state.get("rest", 0.0)
        super().update(exact, grad.double(), group, state)
        w.copy_(exact)
        state["rest"] = exact - w.double()
