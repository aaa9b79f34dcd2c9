"""Loop over weights, Adam's direction and a running average, for styles that differ elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

Closure = Callable[[], Any]
Group = dict[str, Any]  # one entry of param_groups
State = dict[str, Any]  # state of one weight


def evaluated(closure: Closure | None) -> Any:
    """Return the closure's value, with gradients enabled; None without a closure."""
    return None if closure is None else torch.enable_grad()(closure)()


def as_real(w: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight and gradient; of complex numbers, their parts. Raises RuntimeError for a sparse gradient."""
    if g.layout != torch.strided:
        raise RuntimeError("sparse gradients are not supported, make them dense")
    return (torch.view_as_real(w), torch.view_as_real(g)) if w.is_complex() else (w, g)


def refuse_complex(w: Tensor) -> None:
    """Raise TypeError for a complex weight: a rule of rows and columns has no meaning for pairs of numbers."""
    if w.is_complex():
        raise TypeError("complex weights are not supported, this rule needs real numbers")


def with_gradient(groups: Iterable[Group]) -> Iterator[tuple[Tensor, Tensor, Group]]:
    """Yield each weight that has a gradient, with the gradient and the group."""
    for group in groups:
        for w in group["params"]:
            if w.grad is not None:
                yield w, w.grad, group


def length_of_all(groups: Iterable[Group]) -> float:
    """Return the norm of all gradients together."""
    return math.sqrt(sum(float(as_real(w, g)[1].double().square().sum()) for w, g, _ in with_gradient(groups)))


def average(state: State, name: str, new: Tensor, share: float) -> Tensor:
    """Return the running average `name`, which starts at zero and keeps `share` of itself."""
    state[name] = share * state.get(name, torch.zeros_like(new)) + (1 - share) * new
    kept: Tensor = state[name]
    return kept


def adam(state: State, g: Tensor, betas: tuple[float, float], eps: float) -> Tensor:
    """Return Adam's direction: the corrected mean over the corrected root mean square, with an eps above 0 in float16 too."""
    t = state["t"] = state.get("t", 0) + 1
    m = average(state, "m", g, betas[0]) / (1 - betas[0] ** t)
    v = average(state, "v", g * g, betas[1]) / (1 - betas[1] ** t)
    direction: Tensor = m / (v.sqrt() + max(eps, torch.finfo(g.dtype).tiny))
    return direction


class EachWeight(Optimizer):
    """Optimizer that calls `update` for each weight that has a gradient, with complex ones as pairs of real numbers."""

    takes_complex = True  # False for a rule of rows and columns

    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        with torch.no_grad():
            for w, g, group in with_gradient(self.param_groups):
                if not self.takes_complex:
                    refuse_complex(w)
                self.update(*as_real(w, g), group, self.state[w])
        return loss

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        raise NotImplementedError  # abstract: torch's Optimizer is no ABC


class PlainAdamW(EachWeight):
    """Shrink by 1 - lr x weight_decay, then take Adam's step."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, **options: Any) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": (0.9, 0.999), "eps": 1e-8, **options})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * adam(state, g, group["betas"], group["eps"]))
