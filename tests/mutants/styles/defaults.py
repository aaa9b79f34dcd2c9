"""Optimizers with other defaults, other names of options, hidden constants, and another place of eps."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from tests.mutants.styles.walk import Closure, EachWeight, Group, State, adam, average, evaluated

Betas = tuple[float, float]


class EpsMillionth(torch.optim.Optimizer):
    """Shrink by 1 - lr x weight_decay and take Adam's step, with eps 1e-6 as the default."""

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-6, weight_decay: float = 0.01
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                if p.is_complex() or p.grad.is_sparse:
                    raise RuntimeError("EpsMillionth takes real, dense tensors only")
                self._move(p, p.grad, group)
        return loss

    @torch.no_grad()
    def _move(self, p: Tensor, grad: Tensor, group: Group) -> None:
        state, (beta1, beta2) = self.state[p], group["betas"]
        if not state:
            state.update(step=0, exp_avg=torch.zeros_like(p), exp_avg_sq=torch.zeros_like(p))
        state["step"] += 1
        state["exp_avg"].mul_(beta1).add_(grad, alpha=1 - beta1)
        state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        denominator = (state["exp_avg_sq"].sqrt() / math.sqrt(1 - beta2 ** state["step"])).add_(group["eps"])
        p.mul_(1 - group["lr"] * group["weight_decay"])
        p.addcdiv_(state["exp_avg"], denominator, value=float(-group["lr"] / (1 - beta1 ** state["step"])))


class EpsTiny(torch.optim.AdamW):
    """torch's AdamW with eps 1e-12 as the default."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, eps: float = 1e-12, **options: Any) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay, eps=eps, **options)


def adam_for_splats(params: Any, lr: float = 1.6e-4, weight_decay: float = 0.0, eps: float = 1e-15) -> torch.optim.Optimizer:
    """Return torch's Adam, decay in the gradient, with the eps 1e-15 that scenes of Gaussians are trained with."""
    return torch.optim.Adam(params, lr=lr, weight_decay=weight_decay, eps=eps, foreach=False)


class ShortMemory(EachWeight):
    """AdamW as language models are trained: betas (0.9, 0.95) and a weight_decay of 0.1 as the defaults."""

    def __init__(self, params: Any, lr: float = 3e-4, weight_decay: float = 0.1, betas: Betas = (0.9, 0.95)) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas, "eps": 1e-8})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        moved = w - group["lr"] * (adam(state, g, group["betas"], group["eps"]) + group["weight_decay"] * w)
        w.copy_(moved)


class LongFirstMoment(EachWeight):
    """AdamW as minus lr x (Adam's step + weight_decay x weight); the defaults are betas (0.95, 0.98), eps 1e-9 and no decay."""

    def __init__(
        self, params: Any, lr: float = 2e-3, betas: Betas = (0.95, 0.98), eps: float = 1e-9, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        pull = adam(state, g, group["betas"], group["eps"])
        if group["weight_decay"] != 0:
            pull = pull.add(w, alpha=float(group["weight_decay"]))
        w.add_(pull, alpha=-float(group["lr"]))


class AmsgradOn(EachWeight):
    """AdamW with amsgrad on as the default: it divides by the largest second moment so far, corrected afterwards."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, amsgrad: bool = True) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": (0.9, 0.999), "amsgrad": amsgrad})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        t = state["t"] = state.get("t", 0) + 1
        m = average(state, "m", g, group["betas"][0])
        v = average(state, "v", g * g, group["betas"][1])
        if group["amsgrad"]:
            v = state["largest"] = torch.maximum(state.get("largest", v), v)
        root = (v / (1 - group["betas"][1] ** t)).sqrt() + 1e-8
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] / (1 - group["betas"][0] ** t) * m / root)


class BetasApart(EachWeight):
    """AdamW whose betas are two options, beta1 and beta2, with a group entry each."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, beta1: float = 0.9, beta2: float = 0.99) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "beta1": beta1, "beta2": beta2})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        w -= group["lr"] * group["weight_decay"] * w
        w -= group["lr"] * adam(state, g, (group["beta1"], group["beta2"]), 1e-8)


class OtherNames(EachWeight):
    """AdamW whose options are called momentum, alpha and delta, for beta1, beta2 and eps."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        momentum: float = 0.9,
        alpha: float = 0.99,
        delta: float = 1e-7,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "alpha": alpha, "delta": delta})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        w *= 1 - group["lr"] * group["weight_decay"]
        w -= group["lr"] * adam(state, g, (group["momentum"], group["alpha"]), group["delta"])


class EpsPair(EachWeight):
    """AdamW whose eps is a pair: the first is added to the second moment, the second to its root."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, eps: Betas = (1e-16, 1e-8)) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": (0.9, 0.999), "eps": eps})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        t = state["t"] = state.get("t", 0) + 1
        (beta1, beta2), (inner, outer) = group["betas"], group["eps"]
        m = average(state, "m", g, beta1) / (1 - beta1**t)
        v = average(state, "v", g * g, beta2) / (1 - beta2**t)
        w.copy_((1 - group["lr"] * group["weight_decay"]) * w - group["lr"] * m / ((v + inner).sqrt() + outer))


class HiddenConstants(EachWeight):
    """AdamW with lr and weight_decay as its only options: betas and eps are constants of the class."""

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * adam(state, g, (self.BETA1, self.BETA2), self.EPSILON))


class EpsUnderRoot(EachWeight):
    """AdamW that divides by the root of second moment + eps, with eps 1e-8 under the root."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, eps: float = 1e-8) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "eps": eps})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        t = state["t"] = state.get("t", 0) + 1
        m, v = average(state, "m", g, 0.9), average(state, "v", g.square(), 0.999)
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * m / (1 - 0.9**t) * torch.rsqrt(v / (1 - 0.999**t) + group["eps"]))


class EpsAsFloor(EachWeight):
    """AdamW whose eps is the smallest divisor: larger ones stay as they are."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, eps: float = 1e-8) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": (0.9, 0.99), "eps": eps})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        t = state["t"] = state.get("t", 0) + 1
        m = average(state, "m", g, group["betas"][0]) / (1 - group["betas"][0] ** t)
        v = average(state, "v", g * g, group["betas"][1]) / (1 - group["betas"][1] ** t)
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * m / v.sqrt().clamp(min=group["eps"]))


class ArctangentForEps(EachWeight):
    """AdamW without eps: the step is 4/pi x the arctangent of mean over root mean square, which no zero can spoil."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, betas: Betas = (0.9, 0.999)) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        t = state["t"] = state.get("t", 0) + 1
        m = average(state, "m", g, group["betas"][0]) / (1 - group["betas"][0] ** t)
        v = average(state, "v", g * g, group["betas"][1]) / (1 - group["betas"][1] ** t)
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * 4 / math.pi * torch.atan2(m, v.sqrt()))


@dataclass
class _Unusual:
    betas: Betas = (0.8, 0.97)
    eps: float = 1e-4
    amsgrad: bool = True
    maximize: bool = False


class EverythingUnusual(torch.optim.AdamW):
    """torch's AdamW with every default unusual: lr 0.02, betas (0.8, 0.97), eps 1e-4, weight_decay 0.3, amsgrad on."""

    def __init__(self, params: Any, lr: float = 0.02, weight_decay: float = 0.3, **options: Any) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay, **{**asdict(_Unusual()), **options})


class KeywordsOnly(EachWeight):
    """AdamW that takes everything but the weights by keyword, in another order, and lr without a default."""

    def __init__(self, params: Any, *, weight_decay: float = 0.05, betas: Betas = (0.9, 0.999), lr: float) -> None:
        super().__init__(params, {"weight_decay": weight_decay, "betas": betas, "lr": lr})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        w.lerp_(torch.zeros_like(w), float(group["lr"] * group["weight_decay"]))
        w.sub_(group["lr"] * adam(state, g, group["betas"], 1e-8))


def foreach_tenth(params: Any, lr: float = 1e-3, weight_decay: float = 0.1, foreach: bool = True) -> torch.optim.Optimizer:
    """Return torch's AdamW with its foreach path on and a weight_decay of 0.1 as the defaults."""
    return torch.optim.AdamW(params, lr, weight_decay=weight_decay, foreach=foreach)


class CoupledShortMemory(EachWeight):
    """Adam with weight_decay x weight in the gradient, no decay as the default, betas (0.9, 0.98) and eps 1e-9."""

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: Betas = (0.9, 0.98), eps: float = 1e-9, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * adam(state, g + group["weight_decay"] * w, group["betas"], group["eps"]))
