"""How does a probe take steps on gradients that it chose, some of them None? Weights, gradients and the step itself.

Most probes of how an optimizer is handled compare the subject with itself: the same weights on the same gradients,
grouped, saved or given in another way. Such runs differ by rounding alone, or not at all.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from harness.reading import Reading

EPS = sys.float_info.epsilon
SHAPE = (3, 4)  # a matrix: Muon takes nothing else


def matrices(count: int, *, seed: int) -> list[Tensor]:
    """Return `count` float64 matrices of one seed: sizes from 0.3 to 3, both signs, another order in each."""
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.logspace(0, 1, SHAPE[0] * SHAPE[1], base=10.0, dtype=torch.float64) * 0.3
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(len(sizes) // 2)
    orders = [torch.randperm(len(sizes), generator=generator) for _ in range(count)]
    return [(sizes * signs)[order].reshape(SHAPE) for order in orders]


def noise(steps: int, count: int, *, seed: int) -> list[list[Tensor]]:
    """Return a gradient for each of `count` matrices at each step, float64: normal, of a size for each row."""
    generator = torch.Generator().manual_seed(seed + 1000)
    scale = torch.tensor([0.1, 1.0, 10.0], dtype=torch.float64)[:, None]
    return [[scale * torch.randn(SHAPE, generator=generator, dtype=torch.float64) for _ in range(count)] for _ in range(steps)]


def silence(steps: int, weights: Sequence[Tensor]) -> list[list[Tensor]]:
    """Return gradients that are exactly zero, and not None."""
    return [[torch.zeros_like(weight) for weight in weights] for _ in range(steps)]


def parameters(starts: Iterable[Tensor]) -> list[torch.nn.Parameter]:
    """Return one leaf a start."""
    return [torch.nn.Parameter(start.clone()) for start in starts]


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


def distance(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """Return the largest difference between two lists of weights, as a fraction of the largest |w|; 1e300 where it is none."""
    worst = max(float((one - other).detach().abs().max()) for one, other in zip(ours, theirs, strict=True))
    largest = max(float(other.detach().abs().max()) for other in theirs)
    return min(worst / largest, 1e300) if worst == worst and largest > 0 else 1e300


def changed(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """Return how many elements are not equal; what is not a number is equal to nothing."""
    return float(sum(int((one != other).sum()) for one, other in zip(ours, theirs, strict=True)))


def rounding(value: float, *, steps: int, effect: float) -> Reading:
    """Return a distance that rounding alone may make: 16 roundings a step, of which torch's own AdamW takes 10."""
    return Reading(value, "fraction of max |w|", expected=0.0, tolerance=16 * EPS * steps, effect=effect)


def elements(value: float, *, at_stake: float) -> Reading:
    """Return a count of elements that must be zero; any tolerance under 1 would do, and EPS stays one in float32."""
    return Reading(value, "elements", expected=0.0, tolerance=EPS, effect=at_stake)


def factor(value: float, expected: float, *, steps: int = 1, effect: float) -> Reading:
    """Return what some steps leave of a weight: 4 roundings a step (1 - h l: two, its product: one, the division: one)."""
    return Reading(value, "fraction of w", expected=expected, tolerance=4 * EPS * steps, effect=effect)
