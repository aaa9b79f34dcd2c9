"""The way to give gradients to an optimizer and step it, for probes, fingerprints and studies.

A subject may change its gradients in place, so it is given copies; it may draw random numbers, so they are seeded from the
number of the step (`randomness`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.subject.loading import Factory
from harness.subject.randomness import random_numbers_of

Gradient = Callable[[int, Tensor], Tensor]  # (step, weight) -> gradient of the data alone


def give_gradients(weights: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> None:
    """Set every weight's gradient to a copy of the given one, in the weight's dtype."""
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = None if gradient is None else gradient.to(weight.dtype, copy=True)


def set_group_lr(group: dict[str, Any], lr: float) -> None:
    """Set the learning rate of a group as torch's schedulers do: a tensor stays the same tensor."""
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
    """Take one step and return what it returns; `step` is its number in the run, from which random draws are seeded.

    Without `weights` the step is taken on the gradients that are there.
    """
    give_gradients(weights, gradients)
    with random_numbers_of(step):
        return optimizer.step() if closure is None else optimizer.step(closure)


def run_steps(
    optimizer: Any, weights: Sequence[Tensor], rows: Sequence[Sequence[Tensor | None]], *, first: int = 0
) -> list[Tensor]:
    """Take a step for each row of gradients and return where the weights end; `first` counts the steps before."""
    for step, gradients in enumerate(rows, start=first):
        step_once(optimizer, step, weights, gradients)
    return [weight.detach().clone() for weight in weights]


def run_path(
    optimizer: Any, weight: Tensor, gradient: Gradient, steps: int, *, lrs: Sequence[float] = (), first: int = 0
) -> list[Tensor]:
    """Return the weight before every step and after the last; `lrs`, one a step, are set in every group if given."""
    path = [weight.detach().clone()]
    for index in range(steps):
        if lrs:
            set_lr(optimizer, lrs[index])
        step_once(optimizer, first + index, [weight], [gradient(index, weight.detach())])
        path.append(weight.detach().clone())
    return path


@dataclass(frozen=True)
class GroupInput:
    """One parameter group of a run: a float64 matrix (Muon takes nothing else), its gradient, its share of lr and decay."""

    start: Tensor
    gradient: Gradient
    lr_factor: float = 1.0
    decay_factor: float = 1.0


def run_groups(make: Factory, groups: Sequence[GroupInput], *, lrs: Sequence[float], weight_decay: float) -> list[Tensor]:
    """Return one path a group, [steps + 1, *shape], under the learning rates `lrs`, one a step.

    Each group holds two tensors with the same start and gradients, and their mean is the path. This exposes bugs that affect
    only the first tensor of a group, or the others twice.
    """
    pairs = [[torch.nn.Parameter(group.start.clone()) for _ in range(2)] for group in groups]
    given = [
        {"params": pair, "lr": lrs[0] * group.lr_factor, "weight_decay": weight_decay * group.decay_factor}
        for pair, group in zip(pairs, groups, strict=True)
    ]
    optimizer = make(given, lr=lrs[0], weight_decay=weight_decay)
    paths = [[_mean(pair)] for pair in pairs]
    for step, lr in enumerate(lrs):
        for own, pair, group in zip(optimizer.param_groups, pairs, groups, strict=True):
            set_group_lr(own, lr * group.lr_factor)
            give_gradients(pair, [group.gradient(step, weight.detach()) for weight in pair])
        step_once(optimizer, step)
        for path, pair in zip(paths, pairs, strict=True):
            path.append(_mean(pair))
    return [torch.stack(path) for path in paths]


def _mean(pair: Sequence[Tensor]) -> Tensor:
    return (pair[0].detach() + pair[1].detach()) / 2  # exactly either of them when they agree
