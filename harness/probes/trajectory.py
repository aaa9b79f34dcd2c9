"""Which path do the weights take when every gradient is given? Drives a subject through torch's public interface only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.subject import Factory

GROUPS = ((1.0, 1.0), (0.75, 2.0))  # (lr, decay) of the two groups of most probes, as multiples

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


def halved_midway(lr: float, steps: int) -> list[float]:
    """Return a schedule of two learning rates: `lr` for the first half of the steps, half of it after."""
    return halved(lr, steps, after=steps // 2)


def halved(lr: float, steps: int, *, after: int) -> list[float]:
    """Return a schedule of two learning rates: `lr` for the first `after` steps, half of it for the others."""
    return [lr if step < after else lr / 2 for step in range(steps)]


def given(gradients: Tensor) -> Gradient:
    """Return the gradient that a recorded sequence [steps, *shape] gives, whatever the weights."""
    return lambda step, weight: gradients[step]


def no_gradient(step: int, weight: Tensor) -> Tensor:
    """Return a gradient that is exactly zero, and not None."""
    return torch.zeros_like(weight)
