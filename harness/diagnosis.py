"""What does an optimizer's weight decay do instead? One sentence for a red claim.

Every known form of decay is a prediction of the same trajectory, made from the optimizer itself: from its run without
weight decay on the same gradients (decoupled forms), or from its run without weight decay on gradients to which
weight_decay x w was added outside (coupled forms). The form whose prediction fits to rounding names the behaviour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.subject import Factory

STEPS = 40
LR, WEIGHT_DECAY = 0.02, 4.0  # lr x weight_decay = 0.08: the known forms differ by far more than rounding
FIT = 1e-7  # residual relative to the effect of decay; rounding is below 1e-12, the nearest two forms differ by 1e-3
SINGLE_FIT = 1e-4  # the same for float32 inside, whose rounding is 1e-7 of a weight and more of the decay's effect


@dataclass(frozen=True)
class Decoupled:
    """w <- keep(lr, wd) x w + carry(lr, wd) x (what the optimizer adds without weight decay)."""

    says: str
    keep: Callable[[float, float], float]
    carry: Callable[[float, float], float] = lambda lr, wd: 1.0
    previous_lr: bool = False


FORMS = (
    Decoupled("decoupled weight decay, w <- (1 - lr*wd) w, before the update", lambda lr, wd: 1 - lr * wd),
    Decoupled(
        "decoupled weight decay applied after the update, (1 - lr*wd) (w - update)",
        lambda lr, wd: 1 - lr * wd,
        lambda lr, wd: 1 - lr * wd,
    ),
    Decoupled("weight decay that is not multiplied by the learning rate, w <- (1 - wd) w", lambda lr, wd: 1 - wd),
    Decoupled(
        "weight decay relative to the initial learning rate, w <- (1 - wd*lr/lr_initial) w", lambda lr, wd: 1 - wd * lr / LR
    ),
    Decoupled("decoupled weight decay of twice the strength, 1 - 2*lr*wd", lambda lr, wd: 1 - 2 * lr * wd),
    Decoupled("decoupled weight decay applied twice a step, (1 - lr*wd)^2", lambda lr, wd: (1 - lr * wd) ** 2),
    Decoupled("decoupled weight decay of half the strength, 1 - lr*wd/2", lambda lr, wd: 1 - lr * wd / 2),
    Decoupled("weight growth: the sign of the decay is wrong, 1 + lr*wd", lambda lr, wd: 1 + lr * wd),
    Decoupled("weight decay multiplied by the learning rate twice, 1 - lr^2*wd", lambda lr, wd: 1 - lr * lr * wd),
    Decoupled("weight decay with the initial learning rate instead of the current one", lambda lr, wd: 1 - LR * wd),
    Decoupled("weight decay with the previous step's learning rate", lambda lr, wd: 1 - lr * wd, previous_lr=True),
    Decoupled(
        "proximal weight decay, (w - update) / (1 + lr*wd)", lambda lr, wd: 1 / (1 + lr * wd), lambda lr, wd: 1 / (1 + lr * wd)
    ),
    Decoupled("weight decay by exp(-lr*wd) instead of 1 - lr*wd", lambda lr, wd: math.exp(-lr * wd)),
)
COUPLED = (
    (1.0, "coupled L2 (weight_decay*w is added to the gradient, so the update rule rescales it)"),
    (2.0, "coupled L2 of twice the strength"),
    (0.5, "coupled L2 of half the strength"),
    (-1.0, "coupled L2 with the wrong sign: weight_decay*w is subtracted from the gradient"),
)


def behaviour(make: Factory) -> str:
    """Return what the optimizer's weight decay does, as the end of the sentence 'it behaves like ...'."""
    plain, decayed = _run(make, 0.0), _run(make, WEIGHT_DECAY)
    effect = (decayed - plain).abs().max().item()
    if not math.isfinite(effect):
        return "no optimizer: its weights stop being finite within a few steps"
    if effect == 0.0:
        return "no weight decay at all: weight_decay changes nothing"
    form = _form(make, plain, decayed, error=FIT * effect)
    if form:
        return form + _exceptions(make)
    hidden = _hidden(make)
    if hidden:
        return f"weight decay of its own even at weight_decay 0: a step without gradient takes {hidden:.3g} of a weight"
    form = _form(make, plain, decayed, error=SINGLE_FIT * effect)
    if form:
        return f"{form}, but computed in single precision, where the claims need float64"
    first = (decayed[1] - plain[1]) / plain[0]
    spread = ", ".join(f"{-value:.3g}" for value in (first.max().item(), first.min().item()))
    return (
        f"none of the known forms: the first step takes {spread} of a weight (smallest, largest), lr*wd is {LR * WEIGHT_DECAY:g}"
    )


def _form(make: Factory, plain: Tensor, decayed: Tensor, *, error: float) -> str:
    """Return the known form that predicts `decayed` to within `error`, or nothing."""
    for form in FORMS:
        if (_predicted(form, plain) - decayed).abs().max().item() <= error:
            return form.says
    for strength, says in COUPLED:
        if (_run(make, 0.0, added=strength * WEIGHT_DECAY) - decayed).abs().max().item() <= error:
            return says
    return ""


def _exceptions(make: Factory) -> str:
    """Return what a form leaves out: coordinates whose gradient is zero, a group's own weight decay, a changed one."""
    weight, other, exempt = (torch.nn.Parameter(torch.tensor([2.0, -3.0], dtype=torch.float64)) for _ in range(3))
    groups = [{"params": [weight, other]}, {"params": [exempt], "weight_decay": 0.0}]
    optimizer = make(groups, lr=LR, weight_decay=WEIGHT_DECAY)
    for parameter in (weight, other, exempt):
        parameter.grad = torch.zeros(2, dtype=torch.float64)
    optimizer.step()
    if weight[0].item() == other[0].item() == 2.0:
        return ", but not where the gradient is exactly zero"
    if exempt[0].item() != 2.0 and math.isfinite(exempt[0].item()):  # with eps = 0 a zero gradient is 0/0
        return ", but also in a group whose weight_decay is 0"
    if weight[0].item() != other[0].item():
        return ", but not alike for all tensors of a group"
    once = weight[0].item()
    optimizer.param_groups[0]["weight_decay"] = 0.0
    for parameter in (weight, other, exempt):
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    captured = math.isclose(weight[0].item() / once, once / 2.0, rel_tol=FIT)
    return ", but with the weight_decay of its first step, whatever its group says later" if captured else ""


def _hidden(make: Factory) -> float:
    """Return the share that one step at weight_decay 0 and gradient zero takes of every weight; 0 when they differ."""
    weight = torch.nn.Parameter(torch.tensor([2.0, -3.0], dtype=torch.float64))
    start = weight.detach().clone()
    weight.grad = torch.zeros_like(start)
    make([weight], lr=LR, weight_decay=0.0).step()
    taken = (1 - weight.detach() / start).tolist()
    return taken[0] if math.isclose(taken[0], taken[1], rel_tol=FIT) else 0.0


def _predicted(form: Decoupled, plain: Tensor) -> Tensor:
    increments, predicted = plain.diff(dim=0), [plain[0]]
    rates = list(_rates())
    for step, increment in enumerate(increments):
        lr = rates[max(step - 1, 0)] if form.previous_lr else rates[step]
        predicted.append(form.keep(lr, WEIGHT_DECAY) * predicted[-1] + form.carry(lr, WEIGHT_DECAY) * increment)
    return torch.stack(predicted)


def _run(make: Factory, weight_decay: float, *, added: float = 0.0) -> Tensor:
    """Return the trajectory (steps + 1, coordinates) on fixed gradients, plus `added` x w where asked."""
    generator = torch.Generator().manual_seed(0)
    magnitudes = torch.logspace(-2, 1, 8, dtype=torch.float64)
    weight = torch.nn.Parameter(torch.cat([magnitudes, -magnitudes]) * 1.1)
    scales = torch.logspace(-2, 2, 16, dtype=torch.float64)[torch.randperm(16, generator=generator)]
    optimizer = make([weight], lr=LR, weight_decay=weight_decay)
    path = [weight.detach().clone()]
    for lr in _rates():
        noise = torch.randn(16, generator=generator, dtype=torch.float64)
        weight.grad = noise * scales + added * weight.detach()
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
        path.append(weight.detach().clone())
    return torch.stack(path)


def _rates() -> Iterator[float]:
    for step in range(STEPS):
        yield LR * (1.0 if step < STEPS // 2 else 0.5)
