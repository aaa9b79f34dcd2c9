"""Optimizers whose weight decay follows another convention, which the docstring declares."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from tests.mutants.styles.walk import (
    Closure,
    EachWeight,
    Group,
    PlainAdamW,
    State,
    adam,
    as_real,
    average,
    evaluated,
    with_gradient,
)


class ConstantShare(EachWeight):
    """SGD with momentum that shrinks by 1 - weight_decay, whatever lr is."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 1e-4, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        state["sum"] = group["momentum"] * state.get("sum", torch.zeros_like(g)) + g
        w.mul_(1 - group["weight_decay"]).sub_(group["lr"] * state["sum"])


class OverBaseRate(EachWeight):
    """AdamW that shrinks by 1 - (lr / base_lr) x weight_decay; base_lr is the lr with which a group was added."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-5) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def add_param_group(self, param_group: Group) -> None:
        super().add_param_group(param_group)
        self.param_groups[-1].setdefault("base_lr", float(self.param_groups[-1]["lr"]))

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        relative = group["lr"] / group["base_lr"] if group["base_lr"] else 0.0
        w.mul_(1 - relative * group["weight_decay"])
        w.sub_(group["lr"] * adam(state, g, (0.9, 0.999), 1e-8))


class SquareOverPeak(EachWeight):
    """AdamW that shrinks by 1 - lr^2 / peak x weight_decay; peak is the largest lr that a step of the group has had."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "peak": 0.0})

    def step(self, closure: Closure | None = None) -> Any:
        for group in self.param_groups:
            group["peak"] = max(group["peak"], float(group["lr"]))
        return super().step(closure)

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        squared = group["lr"] ** 2 / group["peak"] if group["peak"] else 0.0
        w.mul_(1 - squared * group["weight_decay"]).sub_(group["lr"] * adam(state, g, (0.9, 0.95), 1e-8))


class ShrinksAfter(PlainAdamW):
    """AdamW that takes the step first and shrinks the new weight by 1 - lr x weight_decay."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * adam(state, g, group["betas"], group["eps"]))
        w.mul_(1 - group["lr"] * group["weight_decay"])


class DividesAfter(EachWeight):
    """SGD with momentum that divides the new weight by 1 + lr x weight_decay, the proximal map of the penalty."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        state["sum"] = group["momentum"] * state.get("sum", torch.zeros_like(g)) + g
        w.copy_((w - group["lr"] * state["sum"]) / (1 + group["lr"] * group["weight_decay"]))


class DividesAdam(PlainAdamW):
    """Adam's step, then a division by 1 + lr x weight_decay."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * adam(state, g, group["betas"], group["eps"]))
        w.div_(1 + group["lr"] * group["weight_decay"])


class InBothMoments(EachWeight):
    """Adam with weight_decay x weight in the gradient, so that both moments see it (L2)."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if not state:
            state.update(step=0, first=torch.zeros_like(g), second=torch.zeros_like(g))
        state["step"] += 1
        pull = torch.add(g, w, alpha=float(group["weight_decay"]))
        state["first"].lerp_(pull, 0.1)
        state["second"].mul_(0.999).addcmul_(pull, pull, value=0.001)
        root = (state["second"] / (1 - 0.999 ** state["step"])).sqrt_().add_(1e-8)
        w.addcdiv_(state["first"], root, value=-float(group["lr"]) / (1 - 0.9 ** state["step"]))


class InTheVelocity(EachWeight):
    """SGD with Nesterov's momentum and weight_decay x weight in the gradient (L2), as torch writes it."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        pull = g + group["weight_decay"] * w
        state["velocity"] = group["momentum"] * state.get("velocity", torch.zeros_like(g)) + pull
        w.sub_(group["lr"] * (pull + group["momentum"] * state["velocity"]))


class OnlyWhereItHelps(PlainAdamW):
    """AdamW that decays, by lr x weight_decay, only the numbers that the update makes smaller too (cautious decay)."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        pull = adam(state, g, group["betas"], group["eps"])
        helped = torch.where(pull * w > 0, w, torch.zeros_like(w))
        w.copy_(w - group["lr"] * group["weight_decay"] * helped - group["lr"] * pull)


class CautiousBySignBits(PlainAdamW):
    """Cautious AdamW that compares sign bits: where the update is zero, positive weights decay and negative ones do not."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        move = adam(state, g, group["betas"], group["eps"])
        decays = ~(move.signbit() ^ w.signbit())
        w.mul_(1 - group["lr"] * group["weight_decay"] * decays).sub_(group["lr"] * move)


class CautiousSgd(EachWeight):
    """SGD along the averaged gradient; only numbers that it makes smaller decay, by lr x weight_decay."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        mean = average(state, "mean", g, 0.9)
        grows = mean * w <= 0
        w.sub_(group["lr"] * mean + (group["lr"] * group["weight_decay"] * w).masked_fill(grows, 0.0))


class ByOwnSize(PlainAdamW):
    """AdamW that shrinks by 1 - lr x weight_decay x root mean square of the tensor before the step."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        size = float(w.square().mean().sqrt()) if w.numel() else 0.0
        w.mul_(1 - group["lr"] * group["weight_decay"] * size)
        w.sub_(group["lr"] * adam(state, g, group["betas"], group["eps"]))


class ByMeanSecondMoment(Optimizer):
    """AdamW whose decay lr x weight_decay is divided by the root of the mean second moment of all weights, if not 0."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-4) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        moves = []
        total, count = 0.0, 0
        for w, g, group in with_gradient(self.param_groups):
            real, gradient = as_real(w, g)
            moves.append((real, adam(self.state[w], gradient, (0.9, 0.999), 1e-8), group))
            corrected = self.state[w]["v"] / (1 - 0.999 ** self.state[w]["t"])
            total, count = total + float(corrected.double().sum()), count + corrected.numel()
        scale = math.sqrt(total / count) + 1e-8 if total else 1.0  # no gradient has been other than zero: plain decay
        for real, pull, group in moves:
            real.mul_(1 - group["lr"] * group["weight_decay"] / scale).sub_(group["lr"] * pull)
        return loss


class UnderTheRatio(EachWeight):
    """Sign momentum plus weight_decay x weight, both scaled so that a step has lr x the norm of the weight."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        pull = average(state, "mean", g, 0.9).sign() + group["weight_decay"] * w
        size, length = w.norm(), pull.norm()
        w.sub_(group["lr"] * torch.where((size > 0) & (length > 0), size / length, torch.ones_like(size)) * pull)


class NormKeptThenShrunk(PlainAdamW):
    """Adam's step with each tensor's norm restored afterwards, then a shrink by 1 - lr x weight_decay."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        size = w.norm()
        w.sub_(group["lr"] * adam(state, g, group["betas"], group["eps"]))
        if float(size) > 0 and float(w.norm()) > 0:
            w.mul_(size / w.norm())
        w.mul_(1 - group["lr"] * group["weight_decay"])


class WithMultiplier(EachWeight):
    """SGD with momentum that shrinks by 1 - lr x decay_scale x weight_decay; the group entry decay_scale is 1 by default."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, decay_scale: float = 1.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "decay_scale": decay_scale})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        velocity = state["velocity"] = g.add(state["velocity"], alpha=0.9) if state else g.clone()
        w.addcmul_(w, torch.full_like(w, float(-group["lr"] * group["decay_scale"] * group["weight_decay"])))
        w.add_(velocity, alpha=-float(group["lr"]))


class OldWeightSubtracted(PlainAdamW):
    """AdamW that takes the step and then subtracts lr x weight_decay x the weight of before it, kept in a copy."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        old = w.clone()
        w.sub_(group["lr"] * adam(state, g, group["betas"], group["eps"]))
        w.sub_(group["lr"] * group["weight_decay"] * old)


class HalfBeforeHalfAfter(PlainAdamW):
    """AdamW that shrinks by 1 - lr x weight_decay / 2 before the step and once more after it."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        half = 1 - group["lr"] * group["weight_decay"] / 2
        w.mul_(half).sub_(group["lr"] * adam(state, g, group["betas"], group["eps"])).mul_(half)
