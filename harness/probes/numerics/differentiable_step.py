"""Is weight decay differentiated where a step is (torch's differentiable=True, for learned optimizers and hypergradients)?

On given gradients w' = (1 - h l) w - h u with u free of w and l, so d' = (1 - h l) d - h w for the derivative d by l, and the
derivative by the starting weight is the product of 1 - h l. Both hold for AdamW and for plain SGD with L2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.measurement import Reading
from harness.probes.inputs import halved_midway
from harness.probes.probe import Probe
from harness.subject.loading import Factory

EPS = torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class Settings:
    """A run of `steps` with the learning rate halved midway; weight_decay is a tensor that asks for its gradient."""

    lr: float = 0.1
    weight_decay: float = 0.6
    steps: int = 10
    seed: int = 51


def differentiable_step(make: Factory, settings: Settings) -> dict[str, Reading]:
    """Return the two derivatives of the mean weight, over their closed forms."""
    decay = torch.tensor(settings.weight_decay, dtype=torch.float64, requires_grad=True)
    start = torch.tensor([2.0, -0.3, 0.05, -4.0], dtype=torch.float64, requires_grad=True)
    path = _run(make, settings, start, decay)
    by_decay, by_start = _derivative(path[-1], decay), _derivative(path[-1], start).mean()
    due, kept = torch.zeros(()).double(), 1.0
    for lr, weight in zip(halved_midway(settings.lr, settings.steps), path[:-1], strict=True):
        due = (1 - lr * settings.weight_decay) * due - lr * weight.detach().sum()
        kept *= 1 - lr * settings.weight_decay
    # Both are sums and products of `steps` terms of one size, each rounded a few times.
    tolerance = 16 * EPS * settings.steps
    return {
        "by_decay": Reading(float(by_decay / due), "of the closed form", 1.0, tolerance, 1.0),
        "by_start": Reading(float(by_start), "1", kept, tolerance, 1 - kept),
    }


def _run(make: Factory, settings: Settings, start: Tensor, decay: Tensor) -> list[Tensor]:
    generator = torch.Generator().manual_seed(settings.seed)
    weight = start.clone()  # not a leaf: the step writes its graph into it
    # A subject is promised a number; torch's differentiable path takes a tensor too, and that is what is asked here.
    optimizer = make([weight], lr=settings.lr, weight_decay=decay)
    path = [weight.clone()]
    for lr in halved_midway(settings.lr, settings.steps):
        optimizer.param_groups[0]["lr"] = lr
        weight.grad = torch.randn(len(start), generator=generator, dtype=torch.float64)
        optimizer.step()
        path.append(weight.clone())
    return path


def _derivative(weight: Tensor, by: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(weight.sum(), by, retain_graph=True, allow_unused=True)
    return torch.zeros_like(by) if found is None else found


PROBE = Probe(
    run=differentiable_step,
    settings=Settings,
    measures={
        "by_decay": "derivative of the summed last weights by weight_decay, over its closed form (1)",
        "by_start": "derivative of a last weight by its starting value: the product of the decay factors (1)",
    },
)
