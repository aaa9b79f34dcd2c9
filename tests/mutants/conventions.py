"""Which conventions of weight decay, right and wrong, does a fingerprint have to tell apart beside torch's and the mutants'?

Each is the shortest form of its rule; the docstring says what it is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.mutants.decay_rule import AdamWTwin, Group, State, _Stepwise


class LionInsideSign(_Stepwise):
    """Lion with the decay added to the gradient: https://github.com/bitsandbytes-foundation/bitsandbytes/issues/1992."""

    def __init__(
        self, params: Any, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        (beta1, beta2), kept = group["betas"], state.get("m", torch.zeros_like(grad))
        pulled = grad + group["weight_decay"] * w
        w.sub_(group["lr"] * (beta1 * kept + (1 - beta1) * pulled).sign())
        state["m"] = beta2 * kept + (1 - beta2) * self.remembered(grad, pulled)

    def remembered(self, grad: Tensor, pulled: Tensor) -> Tensor:
        return pulled


class LionDirectionInsideSign(LionInsideSign):
    """The same, and the momentum never sees the decay."""

    def remembered(self, grad: Tensor, pulled: Tensor) -> Tensor:
        return grad


class Lars(_Stepwise):
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
    """A trust ratio for the update, and a decay that it does not touch; the ratio is taken of the decayed weight."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        pull = self.direction(w, grad, group, state)
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * self.size(w) / pull.norm() * pull)

    def size(self, w: Tensor) -> Tensor:
        return w.norm()


class LambDecoupledFloored(LambDecoupled):
    """The same with a floor under the size of the weight, as Adafactor has."""

    def size(self, w: Tensor) -> Tensor:
        return w.norm().clamp_min(1e-3)


class LambDecoupledFlooredAfter(LambDecoupledFloored):
    """The same with the decay after the update."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        pull = self.direction(w, grad, group, state)
        w.sub_(group["lr"] * self.size(w) / pull.norm() * pull)
        w.mul_(1 - group["lr"] * group["weight_decay"])


class LambMomentumDecoupled(LambDecoupled):
    """The same with a momentum over what the ratio has scaled: the update depends on weights of the past."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["v"] = 0.9 * state.get("v", torch.zeros_like(w)) + 0.1 * w.norm() / grad.norm() * grad
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * state["v"])


class AdamC(AdamWTwin):
    """Multiply the decay by the learning rate squared over the largest so far (Defazio 2025)."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["largest"] = max(state.get("largest", 0.0), group["lr"])
        w.mul_(1 - group["lr"] ** 2 / state["largest"] * group["weight_decay"])


class PreviousLrDecay(AdamWTwin):
    """Multiply the decay by the learning rate of the step before."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - state.get("lr", group["lr"]) * group["weight_decay"])
        state["lr"] = group["lr"]


class DecaySkipsFirstStep(AdamWTwin):
    """Decay from the second step on."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if state["t"] > 1:
            w.mul_(1 - group["lr"] * group["weight_decay"])


class DecayAtRandom(AdamWTwin):
    """Decay at a random strength: nothing that has a name."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"] * torch.rand(w.shape, dtype=w.dtype))


class DecayByFanIn(AdamWTwin):
    """Scale each tensor's decay by its number of columns."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"] * w.shape[-1] / 10)


class MatricesOnly(AdamWTwin):
    """Decay what has two dimensions or more."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.dim() > 1:
            w.mul_(1 - group["lr"] * group["weight_decay"])


class ConstantShift(AdamWTwin):
    """Subtract lr * weight_decay without the weight: https://github.com/jettify/pytorch-optimizer/issues/454."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * group["weight_decay"])


class OnceCautious(AdamWTwin):
    """Decay only where the update would grow the weight: the cautious mask inverted."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        direction = self.direction(w, grad, group, state)
        w.sub_(group["lr"] * (direction + group["weight_decay"] * w * (direction * w < 0)))


class FirstGroupForAll(AdamWTwin):
    """Use the first group's weight_decay in every group."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * self.param_groups[0]["weight_decay"])


class SgdDecayBuffer(_Stepwise):
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
    """Take no float64, like a kernel that knows single precision only."""

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
    """Keep what rounding takes from a weight, and add it at the next step (compensated summation)."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        exact = w.double() + state.get("rest", 0.0)
        super().update(exact, grad.double(), group, state)
        w.copy_(exact)
        state["rest"] = exact - w.double()
