"""Stepping of an optimizer on given gradients, for probes, fingerprints and studies.

A subject may change its gradients in place, so it gets copies. It may draw random numbers, so they are seeded from the number
of the step (`randomness`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.subject.loading import Factory
from harness.subject.randomness import seeded_by_step

Gradient = Callable[[int, Tensor], Tensor]  # (step, weight) -> gradient of the data alone


def give_gradients(weights: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> None:
    """Set every weight's gradient to a copy of the given one, in the weight's dtype."""
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = None if gradient is None else gradient.to(weight.dtype, copy=True)


def set_group_lr(group: dict[str, Any], lr: float) -> None:
    """Set the learning rate of a group as torch's schedulers do: a tensor is filled in place."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(lr)
    else:
        group["lr"] = lr


def set_lr(optimizer: Any, lr: float) -> None:
    """Set the learning rate of every group."""
    for group in optimizer.param_groups:
        set_group_lr(group, lr)


def step_once(
    optimizer: Any,
    step: int,
    weights: Sequence[Tensor] = (),
    gradients: Sequence[Tensor | None] = (),
    *,
    closure: Callable[[], Any] | None = None,
) -> Any:
    """Take one step and return what `optimizer.step` returns; `step` is its number in the run, which seeds random draws.

    Without `weights` the step uses the gradients that the weights already have.
    """
    give_gradients(weights, gradients)
    with seeded_by_step(step):
        return optimizer.step() if closure is None else optimizer.step(closure)


def run_steps(
    optimizer: Any, weights: Sequence[Tensor], rows: Sequence[Sequence[Tensor | None]], *, first: int = 0
) -> list[Tensor]:
    """Take a step for each row of gradients and return the last weights; `first` is the number of the first step."""
    for step, gradients in enumerate(rows, start=first):
        step_once(optimizer, step, weights, gradients)
    return [weight.detach().clone() for weight in weights]


def run_path(
    optimizer: Any, weight: Tensor, gradient: Gradient, steps: int, *, lrs: Sequence[float] = (), first: int = 0
) -> list[Tensor]:
    """Return the weight before every step and after the last. `lrs`, if given, has a learning rate per step, for all groups.

    Step i draws its random numbers with the seed `first + i`. `gradient` and `lrs` get i, from 0.
    """
    path = [weight.detach().clone()]
    for index in range(steps):
        if lrs:
            set_lr(optimizer, lrs[index])
        step_once(optimizer, first + index, [weight], [gradient(index, weight.detach())])
        path.append(weight.detach().clone())
    return path


@dataclass(frozen=True)
class GroupInput:
    """One parameter group of a run: a float64 matrix (Muon takes only matrices), its gradient, its factors of lr and decay."""

    start: Tensor
    gradient: Gradient
    lr_factor: float = 1.0
    decay_factor: float = 1.0


def run_groups(make: Factory, groups: Sequence[GroupInput], *, lrs: Sequence[float], weight_decay: float) -> list[Tensor]:
    """Return one path per group, [steps + 1, *shape], with the learning rates `lrs`, one per step.

    Each group holds two tensors with the same start and gradients, and their mean is the path. This exposes bugs that affect
    only the first tensor of a group, or that decay the other tensors twice.
    """
    pairs = [[torch.nn.Parameter(group.start.clone()) for _ in range(2)] for group in groups]
    options = [
        {"params": pair, "lr": lrs[0] * group.lr_factor, "weight_decay": weight_decay * group.decay_factor}
        for pair, group in zip(pairs, groups, strict=True)
    ]
    optimizer = make(options, lr=lrs[0], weight_decay=weight_decay)
    paths = [[_mean(pair)] for pair in pairs]
    for step, lr in enumerate(lrs):
        for param_group, pair, group in zip(optimizer.param_groups, pairs, groups, strict=True):
            set_group_lr(param_group, lr * group.lr_factor)
            give_gradients(pair, [group.gradient(step, weight.detach()) for weight in pair])
        step_once(optimizer, step)
        for path, pair in zip(paths, pairs, strict=True):
            path.append(_mean(pair))
    return [torch.stack(path) for path in paths]


def _mean(pair: Sequence[Tensor]) -> Tensor:
    return (pair[0].detach() + pair[1].detach()) / 2  # exactly equal to both of them if they agree
