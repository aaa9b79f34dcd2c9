"""Closed forms of the path of weights under each convention of weight decay that is linear in w.

Each law predicts the decayed path from a run without decay on the same gradients. D_t are the increments of that run, h_t
the learning rates, l the weight decay, s_t = h_t / h_0:
decoupled         w <- (1 - h_t l) w + D_t            torch.optim.AdamW; plain SGD with L2
decay_after       w <- (1 - h_t l) (w + D_t)
independent       w <- (1 - s_t l) w + D_t            Loshchilov and Hutter 2019, Algorithms 1 and 2
independent_after w <- (1 - s_t l) (w + D_t)
unscaled          w <- (1 - l) w + D_t
corrected         w <- (1 - h_t^2 l / max h) w + D_t    Defazio 2025 (AdamC); max h is h_0, as no schedule here rises
proximal          w <- (w + D_t) / (1 + h_t l)        Zhuang et al. 2022, on proximal updates
exponential       w <- exp(-h_t l) w + D_t
coupled_momentum  b <- m b + l w; w <- w + D_t - h_t b   SGD with momentum m whose L2 gradient enters the buffer
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from harness.decay_laws import Law

AFTER = ("decay_after", "independent_after", "proximal")  # laws that shrink the increment D_t as well


def step_factor(law: Law, lr: float, *, weight_decay: float, first_lr: float) -> float:
    """Return the factor by which one step multiplies a weight, for a law without memory (all but coupled_momentum)."""
    if law in ("independent", "independent_after"):
        return 1 - weight_decay * lr / first_lr
    if law == "unscaled":
        return 1 - weight_decay
    if law == "corrected":
        return 1 - weight_decay * lr * lr / first_lr
    if law == "proximal":
        return 1 / (1 + lr * weight_decay)
    return math.exp(-lr * weight_decay) if law == "exponential" else 1 - lr * weight_decay


def predict(law: Law, moves: Tensor, *, start: Tensor, lrs: Sequence[float], weight_decay: float, momentum: float) -> Tensor:
    """Return the path [steps + 1, *shape] that `law` predicts from the increments `moves` [steps, *shape] without decay."""
    path, buffer = [start], torch.zeros_like(start)
    for lr, move in zip(lrs, moves, strict=True):
        weight, factor = path[-1], step_factor(law, lr, weight_decay=weight_decay, first_lr=lrs[0])
        if law == "coupled_momentum":
            buffer = momentum * buffer + weight_decay * weight
            path.append(weight + move - lr * buffer)
        else:
            path.append(factor * (weight + move) if law in AFTER else factor * weight + move)
    return torch.stack(path)


def survival(law: Law, lrs: Sequence[float], *, weight_decay: float, momentum: float) -> Tensor:
    """Return the value, before the first step and after each, of a weight that starts at 1 and has no gradient: [steps + 1]."""
    start = torch.ones((), dtype=torch.float64)
    return predict(law, torch.zeros(len(lrs)).double(), start=start, lrs=lrs, weight_decay=weight_decay, momentum=momentum)


def momentum_root(lr_decay: float, momentum: float) -> float:
    """Return the larger root of x^2 - (1 + m - h l) x + m, the limit of a step's factor under coupled L2 with momentum m.

    The root is real while h l <= (1 - sqrt(m))^2 (Li and Arora 2020, on momentum). For larger h l the weight oscillates and
    no factor describes it: AssertionError.
    """
    middle = 1 + momentum - lr_decay
    square = middle * middle - 4 * momentum
    assert square > 0, f"lr x weight_decay = {lr_decay} gives no real root at momentum {momentum}"
    return (middle + math.sqrt(square)) / 2
