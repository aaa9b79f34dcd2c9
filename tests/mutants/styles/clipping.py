"""Optimizers that clip, centre or normalise the gradient or the update themselves, and never the decay unless they say so."""

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
    length_of_all,
    with_gradient,
)


class GlobalClip(Optimizer):
    """AdamW that first clips the norm of all gradients together to max_norm (default 1), in copies, not in .grad."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, max_norm: float = 1.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.max_norm = max_norm

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "max_norm": self.max_norm}

    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        with torch.no_grad():
            share = min(1.0, self.max_norm / (length_of_all(self.param_groups) + 1e-6))
            for w, g, group in with_gradient(self.param_groups):
                real, gradient = as_real(w, g)
                real.mul_(1 - group["lr"] * group["weight_decay"])
                real.sub_(group["lr"] * adam(self.state[w], share * gradient, (0.9, 0.999), 1e-8))
        return loss


class NormalisedSgd(Optimizer):
    """Shrink by 1 - lr x weight_decay and move lr along the unit vector of all gradients; no move where all are zero."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        length = length_of_all(self.param_groups)
        for w, g, group in with_gradient(self.param_groups):
            w.mul_(1 - group["lr"] * group["weight_decay"])
            if length > 0:
                w.sub_(g * (group["lr"] / length))
        return loss


class ClippedEach(EachWeight):
    """SGD with momentum and decoupled decay that clips the norm of each tensor's gradient to 1."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        clipped = g / g.norm().clamp(min=1.0)
        state["sum"] = group["momentum"] * state.get("sum", torch.zeros_like(g)) + clipped
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * state["sum"])


class ClampedValues(PlainAdamW):
    """AdamW that clamps each number of the gradient to the range -limit to limit, 0.5 by default."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, limit: float = 0.5) -> None:
        super().__init__(params, lr, weight_decay, limit=limit)

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        super().update(w, g.clamp(-group["limit"], group["limit"]), group, state)


class DecayAfterClip(EachWeight):
    """SGD that clips each tensor's gradient to a norm of 1 and adds weight_decay x weight to the clipped one."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, max_norm: float = 1.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "max_norm": max_norm})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        clipped = g * torch.clamp(group["max_norm"] / (g.norm() + 1e-12), max=1.0)
        w.sub_(group["lr"] * (clipped + group["weight_decay"] * w))


class ClipByHistory(Optimizer):
    """AdamW that clips the norm of all gradients to twice its running mean, which the first group stores."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "usual_norm": 0.0})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        norm, first = length_of_all(self.param_groups), self.param_groups[0]
        share = 1.0
        if 0 < norm < math.inf:
            usual = first["usual_norm"] or norm
            share = min(1.0, 2 * usual / norm)
            first["usual_norm"] = 0.9 * usual + 0.1 * share * norm
        for w, g, group in with_gradient(self.param_groups):
            real, gradient = as_real(w, g)
            real -= group["lr"] * group["weight_decay"] * real
            real -= group["lr"] * adam(self.state[w], gradient * share, (0.9, 0.999), 1e-8)
        return loss


class UnitwiseClip(EachWeight):
    """SGD with momentum that clips the gradient of each row to a tenth of the row's norm, then adds weight_decay x weight."""

    takes_complex = False

    def __init__(self, params: Any, lr: float = 0.05, weight_decay: float = 0.0, clipping: float = 0.1) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "clipping": clipping, "momentum": 0.9})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        allowed = group["clipping"] * self.lengths(w).clamp(min=1e-3)
        length = self.lengths(g)
        clipped = torch.where(length > allowed, g * (allowed / length.clamp(min=1e-6)), g)
        pull = clipped + group["weight_decay"] * w
        state["sum"] = group["momentum"] * state["sum"] + pull if "sum" in state else pull
        w.sub_(group["lr"] * state["sum"])

    def lengths(self, x: Tensor) -> Tensor:
        """Return the norm of each row of two and more dimensions, and of a vector as a whole."""
        rows = list(range(1, x.ndim)) if x.ndim > 1 else list(range(x.ndim))
        return x.square().sum(dim=rows, keepdim=True).sqrt() if rows else x.abs()


class Centralised(PlainAdamW):
    """AdamW that subtracts from the gradient of each row its mean, for two and more dimensions, before the moments."""

    takes_complex = False

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if g.ndim > 1:
            g = g - g.mean(dim=tuple(range(1, g.ndim)), keepdim=True)
        super().update(w, g, group, state)


class UpdateCapped(EachWeight):
    """AdamW whose update of a tensor is scaled down to a root mean square of 1; the decay is not scaled."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": (0.9, 0.99)})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        pull = adam(state, g, group["betas"], 1e-8)
        size = float(pull.square().mean().sqrt()) if pull.numel() else 0.0
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * pull / max(1.0, size))


class RateCapped(EachWeight):
    """StableAdamW: the rate is lr / max(1, RMS of gradient over root), for the step and for the decay 1 - rate x weight_decay."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": (0.9, 0.99), "eps": 1e-6})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        t = state["t"] = state.get("t", 0) + 1
        m = average(state, "m", g, group["betas"][0]) / (1 - group["betas"][0] ** t)
        v = average(state, "v", g * g, group["betas"][1]) / (1 - group["betas"][1] ** t)
        size = float((g * g / v.clamp(min=group["eps"] ** 2)).mean().sqrt()) if g.numel() else 0.0
        rate = group["lr"] / max(1.0, size)
        w.mul_(1 - rate * group["weight_decay"]).sub_(rate * m / (v.sqrt() + group["eps"]))


class AcrossTheWeight(PlainAdamW):
    """AdamW that removes from the gradient its part along the weight and restores its norm, before the moments."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        along = (w * g).sum() / ((w * w).sum() + 1e-30)
        across = g - along * w
        super().update(w, across * (g.norm() / (across.norm() + 1e-30)), group, state)


class ProjectedSgd(EachWeight):
    """SGDP: no momentum along a weight that the gradient turns rather than lengthens; such a weight decays by a tenth only."""

    takes_complex = False

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, wd_ratio: float = 0.1) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "wd_ratio": wd_ratio, "momentum": 0.9})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        state["sum"] = move = group["momentum"] * state.get("sum", torch.zeros_like(g)) + g
        decay = group["weight_decay"]
        if w.ndim > 1 and self.turned(w, g):
            unit = w / (w.norm() + 1e-8)
            move, decay = move - (unit * move).sum() * unit, decay * group["wd_ratio"]
        w.mul_(1 - group["lr"] * decay).sub_(group["lr"] * move)

    def turned(self, w: Tensor, g: Tensor) -> bool:
        """Return True if the cosine of gradient and weight is below 0.1 over the root of the number of columns."""
        cosine = float((w * g).sum().abs() / (w.norm() * g.norm() + 1e-8))
        return cosine < 0.1 / math.sqrt(max(w[0].numel(), 1) if w.shape[0] else 1)


class ProjectedAdamW(PlainAdamW):
    """AdamP with wd_ratio 1: Adam's step without its part along a weight nearly orthogonal to its gradient; all decay."""

    takes_complex = False

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        move = adam(state, g, group["betas"], group["eps"])
        sizes = float(w.norm() * g.norm())
        if w.ndim > 1 and sizes > 0 and abs(float((w * g).sum())) / sizes < 0.1 / math.sqrt(w[0].numel()):
            unit = w / w.norm()
            move = move - (unit * move).sum() * unit
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * move)
