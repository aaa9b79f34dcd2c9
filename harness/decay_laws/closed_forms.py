"""Where does weight decay take a path that is known without it? One prediction for each convention that is linear in w.

With increments D_t of the undecayed run on the same gradients, learning rates h_t, decay l and s_t = h_t / h_0:
decoupled         w <- (1 - h_t l) w + D_t            torch.optim.AdamW; plain SGD with L2
decay_after       w <- (1 - h_t l) (w + D_t)
independent       w <- (1 - s_t l) w + D_t            Loshchilov and Hutter 2019, Algorithms 1 and 2
independent_after w <- (1 - s_t l) (w + D_t)
unscaled          w <- (1 - l) w + D_t
corrected         w <- (1 - h_t^2 l / max h) w + D_t    Defazio 2025 (AdamC); max h is h_0 here, as no rate rises
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

AFTER = ("decay_after", "independent_after", "proximal")  # the increment shrinks too


def keep(law: Law, lr: float, *, weight_decay: float, first_lr: float) -> float:
    """Return the factor that one step leaves of a weight, for a law without memory."""
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
    """Return the decayed path [steps + 1, *shape] that `law` predicts from the undecayed increments `moves` [steps, *shape]."""
    path, buffer = [start], torch.zeros_like(start)
    for lr, move in zip(lrs, moves, strict=True):
        weight, kept = path[-1], keep(law, lr, weight_decay=weight_decay, first_lr=lrs[0])
        if law == "coupled_momentum":
            buffer = momentum * buffer + weight_decay * weight
            path.append(weight + move - lr * buffer)
        else:
            path.append(kept * (weight + move) if law in AFTER else kept * weight + move)
    return torch.stack(path)


def survival(law: Law, lrs: Sequence[float], *, weight_decay: float, momentum: float) -> Tensor:
    """Return what is left of a weight of 1 after each step without any gradient, [steps + 1]."""
    one = torch.ones((), dtype=torch.float64)
    return predict(law, torch.zeros(len(lrs)).double(), start=one, lrs=lrs, weight_decay=weight_decay, momentum=momentum)


def momentum_root(lr_decay: float, momentum: float) -> float:
    """Return the larger root of x^2 - (1 + m - h l) x + m: the factor a step tends to under coupled L2 with momentum m.

    Real while h l <= (1 - sqrt(m))^2 (Li and Arora 2020, on momentum); an oscillation beyond, which no factor describes.
    """
    middle = 1 + momentum - lr_decay
    square = middle * middle - 4 * momentum
    assert square > 0, f"lr x weight_decay = {lr_decay} gives no real root at momentum {momentum}"
    return (middle + math.sqrt(square)) / 2
