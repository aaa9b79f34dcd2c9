"""Optimizers that divide by statistics of the gradient, other than Adam."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tests.mutants.styles.walk import EachWeight, Group, PlainAdamW, State, adam, average

Betas = tuple[float, float]


class _Rule(EachWeight):
    """Constructor with lr, weight_decay and the options that a subclass names, and a decay beside the update."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, **options: Any) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, **options})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * self.direction(g, group, state))

    def direction(self, g: Tensor, group: Group, state: State) -> Tensor:
        raise NotImplementedError  # abstract: torch's Optimizer is no ABC


class AdagradFromTenth(EachWeight):
    """Adagrad with weight_decay x weight in the gradient; the sum of squares starts at 0.1, and the rate falls by lr_decay."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, lr_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "lr_decay": lr_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        pull = g + group["weight_decay"] * w
        t = state["t"] = state.get("t", 0) + 1
        state["sum"] = state.get("sum", torch.full_like(g, 0.1)) + pull * pull
        w.sub_(group["lr"] / (1 + (t - 1) * group["lr_decay"]) * pull / (state["sum"].sqrt() + 1e-10))


class AdadeltaOutside(_Rule):
    """Adadelta with decoupled decay: a step is the root of averaged squared steps over that of squared gradients."""

    def __init__(self, params: Any, lr: float = 1.0, weight_decay: float = 0.0, rho: float = 0.9, eps: float = 1e-6) -> None:
        super().__init__(params, lr, weight_decay, rho=rho, eps=eps)

    def direction(self, g: Tensor, group: Group, state: State) -> Tensor:
        rho, eps = group["rho"], group["eps"]
        v = average(state, "v", g * g, rho)
        before = state.get("moved", torch.zeros_like(g))
        move: Tensor = (before + eps).sqrt() / (v + eps).sqrt() * g
        average(state, "moved", move * move, rho)
        return move


class RmspropCentred(EachWeight):
    """RMSprop that divides by the standard deviation of the gradient, with weight_decay x weight in the gradient."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, alpha: float = 0.99) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "alpha": alpha, "eps": 1e-8})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        pull = g + group["weight_decay"] * w
        mean, square = average(state, "mean", pull, group["alpha"]), average(state, "square", pull * pull, group["alpha"])
        w.sub_(group["lr"] * pull / ((square - mean * mean).clamp(min=0.0).sqrt() + group["eps"]))


class RmspropFromOne(EachWeight):
    """RMSprop as TensorFlow has it: squares start at 1, eps under the root, lr in the momentum; the decay is decoupled."""

    def __init__(
        self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, alpha: float = 0.9, momentum: float = 0.9
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "alpha": alpha, "momentum": momentum})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"])
        square = state["square"] = torch.lerp(g * g, state.get("square", torch.ones_like(g)), group["alpha"])
        step = group["lr"] * g / (square + 1e-10).sqrt()
        state["sum"] = group["momentum"] * state["sum"] + step if "sum" in state else step
        w.sub_(state["sum"])


class AdamaxWithFloor(_Rule):
    """Adamax with decoupled decay: divide by the largest faded modulus, eps added to each new one."""

    def __init__(self, params: Any, lr: float = 2e-3, weight_decay: float = 0.0, betas: Betas = (0.9, 0.999)) -> None:
        super().__init__(params, lr, weight_decay, betas=betas)

    def direction(self, g: Tensor, group: Group, state: State) -> Tensor:
        (beta1, beta2), m = group["betas"], average(state, "m", g, group["betas"][0])
        state["largest"] = torch.maximum(beta2 * state.get("largest", torch.zeros_like(g)), g.abs() + 1e-8)
        move: Tensor = m / ((1 - beta1 ** state["t"]) * state["largest"])
        return move


class NadamOfDozat(_Rule):
    """NAdam without a schedule of momentum, with decoupled decay: the mean is corrected as if one step older."""

    def direction(self, g: Tensor, group: Group, state: State) -> Tensor:
        t, m, v = state["t"], average(state, "m", g, 0.9), average(state, "v", g * g, 0.999)
        ahead = 0.9 * m / (1 - 0.9 ** (t + 1)) + 0.1 * g / (1 - 0.9**t)
        move: Tensor = ahead / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
        return move


class RadamInGradient(EachWeight):
    """RAdam with weight_decay x weight in the gradient: plain momentum while the variance is unknown, then rectified steps."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, betas: Betas = (0.9, 0.99)) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        pull, (beta1, beta2) = g + group["weight_decay"] * w, group["betas"]
        t = state["t"] = state.get("t", 0) + 1
        m = average(state, "m", pull, beta1) / (1 - beta1**t)
        v = average(state, "v", pull * pull, beta2) / (1 - beta2**t)
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * t * beta2**t / (1 - beta2**t)
        if length > 5:
            share = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            m = math.sqrt(share) * m / (v.sqrt() + 1e-8)
        w.sub_(group["lr"] * m)


class YogiOutside(_Rule):
    """Yogi with decoupled decay: the second moment, from 1e-6, moves by a fixed share of the squared gradient."""

    def direction(self, g: Tensor, group: Group, state: State) -> Tensor:
        t, m, square = state["t"], average(state, "m", g, 0.9), g * g
        v = state.get("v", torch.full_like(g, 1e-6))
        state["v"] = v - 0.001 * torch.sign(v - square) * square
        move: Tensor = m / (1 - 0.9**t) / ((state["v"] / (1 - 0.999**t)).sqrt() + 1e-3)
        return move


class BeliefOutside(_Rule):
    """AdaBelief with decoupled decay: divide by the root of the averaged distance between gradient and mean, eps 1e-16."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, eps: float = 1e-16) -> None:
        super().__init__(params, lr, weight_decay, eps=eps)

    def direction(self, g: Tensor, group: Group, state: State) -> Tensor:
        t, m = state["t"], average(state, "m", g, 0.9)
        state["s"] = 0.999 * state.get("s", torch.zeros_like(g)) + 0.001 * (g - m) ** 2 + group["eps"]
        move: Tensor = m / (1 - 0.9**t) / ((state["s"] / (1 - 0.999**t)).sqrt() + group["eps"])
        return move


class BoundedRate(_Rule):
    """AdaBound with decoupled decay: rates of single numbers stay between bounds that close in on 100 x lr."""

    def direction(self, g: Tensor, group: Group, state: State) -> Tensor:
        t, m, v = state["t"], average(state, "m", g, 0.9), average(state, "v", g * g, 0.999)
        rate = math.sqrt(1 - 0.999**t) / (1 - 0.9**t) / (v.sqrt() + 1e-8)
        highest = min(100 * (1 + 1 / (0.001 * t)), torch.finfo(g.dtype).max)
        move: Tensor = rate.clamp(100 * (1 - 1 / (0.001 * t + 1)), highest) * m
        return move


class BoundedByOwnMean(EachWeight):
    """AdaMod: each number's rate, lr included, is at most its own running mean; shrink by 1 - lr x weight_decay."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, beta3: float = 0.99) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "beta3": beta3})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        t = state["t"] = state.get("t", 0) + 1
        m, v = average(state, "m", g, 0.9) / (1 - 0.9**t), average(state, "v", g * g, 0.999) / (1 - 0.999**t)
        rate = group["lr"] / (v.sqrt() + 1e-8)
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(torch.minimum(rate, average(state, "rate", rate, group["beta3"])) * m)


class TwoMeans(_Rule):
    """AdEMAMix: Adam's mean plus alpha x a mean of ten thousand steps, over Adam's root; decoupled decay."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, alpha: float = 5.0) -> None:
        super().__init__(params, lr, weight_decay, alpha=alpha, betas=(0.9, 0.999, 0.9999))

    def direction(self, g: Tensor, group: Group, state: State) -> Tensor:
        (beta1, beta2, beta3), t = group["betas"], state["t"]
        fast, slow = average(state, "fast", g, beta1) / (1 - beta1**t), average(state, "slow", g, beta3)
        v = average(state, "v", g * g, beta2) / (1 - beta2**t)
        move: Tensor = (fast + group["alpha"] * slow) / (v.sqrt() + 1e-8)
        return move


class AdoptFillsFirst(EachWeight):
    """ADOPT: the first call of a weight only fills the second moment; later ones decay, then average g / root of before."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, betas: Betas = (0.9, 0.9999)) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if "v" not in state:
            state["v"], state["m"], state["t"] = g * g, torch.zeros_like(g), 0
            return
        state["t"] += 1
        limit = state["t"] ** 0.25
        scaled = (g / state["v"].sqrt().clamp(min=1e-6)).clamp(-limit, limit)
        state["m"] = torch.lerp(scaled, state["m"], group["betas"][0])
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * state["m"])
        state["v"] = torch.lerp(g * g, state["v"], group["betas"][1])


class VarianceReduced(PlainAdamW):
    """MARS: AdamW on the gradient plus a share of its change, clipped to a norm of 1; the first gradient has no change."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        changed = g + 0.025 * 0.9 / 0.1 * (g - state.get("last", g))
        state["last"] = g.clone()
        super().update(w, changed / changed.norm().clamp(min=1.0), group, state)


class CurvatureClipped(_Rule):
    """Sophia with squared gradients for the curvature, read in each tenth step; a number moves by lr at most."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.1, rho: float = 0.04) -> None:
        super().__init__(params, lr, weight_decay, rho=rho)

    def direction(self, g: Tensor, group: Group, state: State) -> Tensor:
        m = average(state, "m", g, 0.965)
        if state["t"] % 10 == 1:
            average(state, "curvature", g * g, 0.99)
        move: Tensor = m.sign() * (m.abs() / (group["rho"] * state["curvature"] + 1e-15)).clamp(max=1.0)
        return move


class SizeOfAdam(_Rule):
    """Grams: the modulus of Adam's direction with the sign of the gradient; decoupled decay."""

    def direction(self, g: Tensor, group: Group, state: State) -> Tensor:
        move: Tensor = adam(state.setdefault("inner", {}), g, (0.9, 0.999), 1e-8).abs() * g.sign()
        return move


class AdanDivides(EachWeight):
    """Adan: means of the gradient, its change and both squared; after the step the weight is divided by 1 + lr x weight_decay."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.02) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": (0.98, 0.92, 0.99), "eps": 1e-8})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        (beta1, beta2, beta3), change = group["betas"], g - state.get("last", g)
        t, state["last"] = state.get("t", 0) + 1, g.clone()
        state["t"] = t
        m, d = average(state, "m", g, beta1) / (1 - beta1**t), average(state, "d", change, beta2) / (1 - beta2**t)
        n = average(state, "n", (g + beta2 * change) ** 2, beta3) / (1 - beta3**t)
        w.sub_(group["lr"] * (m + beta2 * d) / (n.sqrt() + group["eps"]))
        w.div_(1 + group["lr"] * group["weight_decay"])


class QuasiHyperbolicAdamW(_Rule):
    """QHAdam with decoupled decay: mixes of the gradient and its mean, and of its square and that one's mean."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, nus: Betas = (0.7, 0.9)) -> None:
        super().__init__(params, lr, weight_decay, nus=nus, betas=(0.95, 0.999))

    def direction(self, g: Tensor, group: Group, state: State) -> Tensor:
        (nu1, nu2), (beta1, beta2), t = group["nus"], group["betas"], state["t"]
        m, v = average(state, "m", g, beta1) / (1 - beta1**t), average(state, "v", g * g, beta2) / (1 - beta2**t)
        move: Tensor = torch.lerp(g, m, nu1) / (torch.lerp(g * g, v, nu2).sqrt() + 1e-8)
        return move


class PartialPower(_Rule):
    """Padam with decoupled decay: divide by the largest second moment to the power 1/8 instead of 1/2."""

    def direction(self, g: Tensor, group: Group, state: State) -> Tensor:
        m, v = average(state, "m", g, 0.9), average(state, "v", g * g, 0.999)
        state["largest"] = torch.maximum(state.get("largest", v), v)
        move: Tensor = m / (state["largest"] ** 0.125 + 1e-8)
        return move


class DividedThenAveraged(_Rule):
    """LaProp with decoupled decay: the gradient over its root mean square is averaged, not the gradient."""

    def direction(self, g: Tensor, group: Group, state: State) -> Tensor:
        t, v = state["t"], average(state, "v", g * g, 0.999)
        divided = g / ((v / (1 - 0.999**t)).sqrt() + 1e-15)
        move: Tensor = average(state, "m", divided, 0.9) / (1 - 0.9**t)
        return move


class FrictionOfChange(_Rule):
    """DiffGrad with decoupled decay: Adam's direction x the logistic function of the modulus of the gradient's change."""

    def direction(self, g: Tensor, group: Group, state: State) -> Tensor:
        change = state.get("last", torch.zeros_like(g)) - g
        state["last"] = g.clone()
        move: Tensor = adam(state.setdefault("inner", {}), g, (0.9, 0.999), 1e-8) * torch.sigmoid(change.abs())
        return move


class DualAveraging(EachWeight):
    """MADGRAD with weight_decay x weight in the gradient: the sum of gradients over a cube root, seen from the first weight."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if not state:
            state.update(t=0, first=w.clone(), sum=torch.zeros_like(g), square=torch.zeros_like(g))
        pull, weight = g + group["weight_decay"] * w, group["lr"] * math.sqrt(state["t"] + 1)
        state["t"] += 1
        state["sum"] += weight * pull
        state["square"] += weight * pull * pull
        goal = state["first"] - state["sum"] / (state["square"] ** (1 / 3) + 1e-6)
        w.lerp_(goal, 1 - group["momentum"])


class ProbedScale(EachWeight):
    """Divide the mean gradient by a root mean square that a probe measures, which the step number seeds; decoupled decay."""

    takes_complex = False

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        t = state["t"] = state.get("t", 0) + 1
        probe = torch.randn(g.shape, generator=torch.Generator().manual_seed(t), dtype=torch.float64).to(g)
        v = average(state, "v", (g + 1e-3 * probe).square(), 0.99) / (1 - 0.99**t)
        m = average(state, "m", g, 0.9) / (1 - 0.9**t)
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * m / (v.sqrt() + 1e-8))
