"""The way to give gradients to an optimizer and step it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.subject.loading import Factory


def take(optimizer: Any, weights: Sequence[Tensor], gradients: Sequence[Tensor | None], *, seed: int) -> None:
    """Take one step; the gradients are copies, since optimizers change them in place, and random draws are those of `seed`."""
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = None if gradient is None else gradient.to(weight.dtype, copy=True)
    torch.manual_seed(seed)
    optimizer.step()


def walk(optimizer: Any, weights: Sequence[Tensor], rows: Sequence[Sequence[Tensor | None]], *, first: int = 0) -> list[Tensor]:
    """Take a step for each row of gradients and return where the weights end; `first` counts the steps before."""
    for step, gradients in enumerate(rows, start=first):
        take(optimizer, weights, gradients, seed=step)
    return [weight.detach().clone() for weight in weights]


Gradient = Callable[[int, Tensor], Tensor]  # (step, weight) -> gradient of the data alone


@dataclass(frozen=True)
class Track:
    """One parameter group of a run: a float64 matrix (Muon takes nothing else), its gradient, its share of lr and decay."""

    start: Tensor
    gradient: Gradient
    lr_factor: float = 1.0
    decay_factor: float = 1.0


def follow(make: Factory, tracks: Sequence[Track], *, lrs: Sequence[float], weight_decay: float) -> list[Tensor]:
    """Return one path a track, [steps + 1, *shape], under the learning rates `lrs`, one a step.

    Each group holds two tensors with the same start and gradients, and their mean is the path: what an optimizer does to
    the first tensor of a group only, or to the others twice, shows.
    """
    pairs = [[torch.nn.Parameter(track.start.clone()) for _ in range(2)] for track in tracks]
    groups = [
        {"params": pair, "lr": lrs[0] * track.lr_factor, "weight_decay": weight_decay * track.decay_factor}
        for pair, track in zip(pairs, tracks, strict=True)
    ]
    optimizer = make(groups, lr=lrs[0], weight_decay=weight_decay)
    paths = [[_mean(pair)] for pair in pairs]
    for step, lr in enumerate(lrs):
        for group, pair, track in zip(optimizer.param_groups, pairs, tracks, strict=True):
            group["lr"] = lr * track.lr_factor
            for weight in pair:
                weight.grad = track.gradient(step, weight.detach()).clone()  # a subject may change it in place
        optimizer.step()
        for path, pair in zip(paths, pairs, strict=True):
            path.append(_mean(pair))
    return [torch.stack(path) for path in paths]


def _mean(pair: Sequence[Tensor]) -> Tensor:
    return (pair[0].detach() + pair[1].detach()) / 2  # exactly either of them when they agree
