"""Optimizers that step by signs, by cautious masks, or by a ratio of norms."""

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

Betas = tuple[float, float]


class LionForeach(Optimizer):
    """Lion, all tensors of a group at once: shrink by 1 - lr x weight_decay, move lr along the sign of a mix with momentum."""

    def __init__(self, params: Any, lr: float = 1e-4, weight_decay: float = 0.0, betas: Betas = (0.9, 0.99)) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for group in self.param_groups:
            weights = [w for w in group["params"] if w.grad is not None]
            if weights:
                self._move(weights, group)
        return loss

    def _move(self, weights: list[Tensor], group: Group) -> None:
        pairs = [as_real(w, w.grad) for w in weights if w.grad is not None]
        real, gradients = [w for w, _ in pairs], [g for _, g in pairs]
        for w, g in zip(weights, gradients, strict=True):
            self.state[w].setdefault("m", torch.zeros_like(g))
        momenta = [self.state[w]["m"] for w in weights]
        mixed = torch._foreach_lerp(gradients, momenta, group["betas"][0])
        torch._foreach_sign_(mixed)
        torch._foreach_mul_(real, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(real, mixed, alpha=-float(group["lr"]))
        torch._foreach_lerp_(momenta, gradients, 1 - group["betas"][1])


class CautiousLion(EachWeight):
    """Lion that moves only where its sign agrees with the gradient, longer by the share of such numbers; decay everywhere."""

    def __init__(self, params: Any, lr: float = 1e-4, weight_decay: float = 0.0, betas: Betas = (0.9, 0.99)) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        (beta1, beta2), before = group["betas"], state.get("m", torch.zeros_like(g))
        sign = (beta1 * before + (1 - beta1) * g).sign()
        agrees = (sign * g > 0).to(g.dtype)
        state["m"] = beta2 * before + (1 - beta2) * g
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * sign * agrees / agrees.mean().clamp(min=1e-3))


class CautiousAdamWUpdate(PlainAdamW):
    """AdamW that moves only where the update agrees with the gradient, scaled by numbers / (agreeing + 1); decay everywhere."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        pull = adam(state, g, group["betas"], group["eps"])
        agrees = pull * g > 0
        scale = agrees.numel() / (float(agrees.sum()) + 1)
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * scale * torch.where(agrees, pull, torch.zeros_like(pull)))


class SignumNesterov(EachWeight):
    """Shrink by 1 - lr x weight_decay, move lr along the sign of 0.9 x averaged + 0.1 x new gradient."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        m, share = average(state, "m", g, group["momentum"]), group["momentum"]
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * torch.sign(share * m + (1 - share) * g))


class TigerRule(EachWeight):
    """Tiger: minus lr x (sign of the averaged gradient + weight_decay x weight), with a state of one tensor."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, beta: float = 0.965) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "beta": beta})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        m = average(state, "average", g, group["beta"])
        w.sub_(group["lr"] * (m.sign() + group["weight_decay"] * w))


class ScaledSign(EachWeight):
    """Shrink by 1 - lr x weight_decay, then move along the sign of the gradient by lr x its mean modulus."""

    def __init__(self, params: Any, lr: float = 0.05, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"])
        if g.numel():
            w.sub_(group["lr"] * g.abs().mean() * g.sign())


class SignWithErrorFeedback(EachWeight):
    """Sign steps that carry to the next step what the sign lost of lr x gradient; the decay stays outside of what is carried."""

    def __init__(self, params: Any, lr: float = 0.05, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        wanted = group["lr"] * g + state.get("lost", torch.zeros_like(g))
        taken = wanted.abs().mean() * wanted.sign() if g.numel() else wanted
        state["lost"] = wanted - taken
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(taken)


class ResilientSign(EachWeight):
    """Rprop with decay: shrink by 1 - lr x weight_decay, move along the sign by lr x a factor per number that signs change."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, etas: Betas = (0.5, 1.2)) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "etas": etas})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        turn = g.sign() * state.get("sign", torch.zeros_like(g))
        shorter, longer = group["etas"]
        factor = torch.ones_like(g).masked_fill(turn > 0, longer).masked_fill(turn < 0, shorter)
        state["factor"] = (state.get("factor", torch.ones_like(g)) * factor).clamp(1e-3, 50.0)
        state["sign"] = torch.where(turn < 0, torch.zeros_like(g), g.sign())
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * state["factor"] * state["sign"])


class LambWithMaxNorm(Optimizer):
    """LAMB that first clips the norm of all gradients to max_grad_norm; weight_decay x weight is under the trust ratio."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, max_grad_norm: float = 1.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": (0.9, 0.999), "max_grad_norm": max_grad_norm})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        length = length_of_all(self.param_groups)
        for w, g, group in with_gradient(self.param_groups):
            real, gradient = as_real(w, g)
            gradient = gradient / max(1.0, length / group["max_grad_norm"])
            pull = adam(self.state[w], gradient, group["betas"], 1e-6) + group["weight_decay"] * real
            sizes = float(real.norm()), float(pull.norm())
            ratio = sizes[0] / sizes[1] if min(sizes) > 0 else 1.0
            real.sub_(group["lr"] * ratio * pull)
        return loss


class LambClampedSize(PlainAdamW):
    """LAMB whose weight norm is clamped to 0.01 to 10 in the trust ratio, with weight_decay x weight under the ratio."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        pull = adam(state, g, group["betas"], 1e-6) + group["weight_decay"] * w
        size = w.norm().clamp(0.01, 10.0)
        w.sub_(group["lr"] * pull * size / pull.norm().clamp(min=1e-12))


class LarsVectorsPlain(EachWeight):
    """LARS for two and more dimensions, SGD with momentum for the rest; both add weight_decay x weight to the gradient."""

    takes_complex = False

    def __init__(self, params: Any, lr: float = 0.1, weight_decay: float = 0.0, trust: float = 0.02) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "trust": trust, "momentum": 0.9})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        pull = g + group["weight_decay"] * w
        if w.ndim > 1:
            size, length = w.norm(), pull.norm()
            pull = torch.where((size > 0) & (length > 0), group["trust"] * size / length, torch.ones_like(size)) * pull
        state["sum"] = group["momentum"] * state.get("sum", torch.zeros_like(g)) + pull
        w.sub_(group["lr"] * state["sum"])


class NovoGradInside(EachWeight):
    """NovoGrad: the gradient over its averaged norm, plus weight_decay x weight, is summed in a momentum of 0.95."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, betas: Betas = (0.95, 0.98)) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        square = g.square().sum()
        state["v"] = torch.lerp(square, state["v"], group["betas"][1]) if "v" in state else square
        pull = g / (state["v"].sqrt() + 1e-8) + group["weight_decay"] * w
        state["m"] = group["betas"][0] * state["m"] + pull if "m" in state else pull
        w.sub_(group["lr"] * state["m"])


class NovoGradOutside(EachWeight):
    """NovoGrad with its decay outside of the momentum: shrink by 1 - lr x weight_decay, then step on the averaged directions."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, betas: Betas = (0.9, 0.25)) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        t = state["t"] = state.get("t", 0) + 1
        v = average(state, "v", g.square().sum(), group["betas"][1]) / (1 - group["betas"][1] ** t)
        m = average(state, "m", g / (v.sqrt() + 1e-8), group["betas"][0])
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * m)


class RatioOfUpdateOnly(PlainAdamW):
    """AdamW whose update, without the decay, is scaled to lr x the root mean square of the weight, and by 0.001 at least."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        pull = adam(state, g, group["betas"], group["eps"])
        size = max(float(w.norm()) / math.sqrt(max(w.numel(), 1)), 1e-3)
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * size * pull)
