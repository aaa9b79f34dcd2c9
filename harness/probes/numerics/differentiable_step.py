"""Probe differentiable_step: derivatives through a step by weight decay and by the starting weights.

torch's option differentiable=True, for learned optimizers and hypergradients, puts a step into the autograd graph. On
given gradients w' = (1 - h l) w - h u (h: learning rate, l: weight decay), where u does not depend on w and l. The
derivative d by l follows d' = (1 - h l) d - h w, and the derivative by the starting weight is the product of 1 - h l.
Both hold for AdamW and for plain SGD with L2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.inputs import halved_midway
from harness.probes.numerics import DifferentiableStepSettings
from harness.subject.loading import Factory
from harness.subject.stepping import set_lr, step_once


def run(make: Factory, settings: DifferentiableStepSettings) -> dict[str, Measurement]:
    """Return the derivatives of the last weights by weight_decay and by the starting weights."""
    decay = torch.tensor(settings.weight_decay, dtype=torch.float64, requires_grad=True)
    start = torch.tensor([2.0, -0.3, 0.05, -4.0], dtype=torch.float64, requires_grad=True)
    path = _run(make, settings, start, decay)
    by_decay, by_start = _derivative(path[-1], decay), _derivative(path[-1], start).mean()
    expected_by_decay, remaining = torch.zeros(()).double(), 1.0
    for lr, weight in zip(halved_midway(settings.lr, settings.steps), path[:-1], strict=True):
        expected_by_decay = (1 - lr * settings.weight_decay) * expected_by_decay - lr * weight.detach().sum()
        remaining *= 1 - lr * settings.weight_decay
    # Both are sums and products of `steps` terms of one size, each rounded a few times.
    tolerance = 16 * EPS * settings.steps
    return {
        "by_decay": Measurement(float(by_decay / expected_by_decay), "of the closed form", 1.0, tolerance, 1.0),
        "by_start": Measurement(float(by_start), "1", remaining, tolerance, 1 - remaining),
    }


def _run(make: Factory, settings: DifferentiableStepSettings, start: Tensor, decay: Tensor) -> list[Tensor]:
    generator = torch.Generator().manual_seed(settings.seed)
    weight = start.clone()  # not a leaf, so that the step can record its graph in it
    # Subjects get a number as weight_decay elsewhere. torch's differentiable path also takes a
    # tensor, which has a gradient.
    optimizer = make([weight], lr=settings.lr, weight_decay=decay)
    path = [weight.clone()]
    for step, lr in enumerate(halved_midway(settings.lr, settings.steps)):
        set_lr(optimizer, lr)
        step_once(optimizer, step, [weight], [torch.randn(len(start), generator=generator, dtype=torch.float64)])
        path.append(weight.clone())
    return path


def _derivative(weight: Tensor, by: Tensor) -> Tensor:
    (derivative,) = torch.autograd.grad(weight.sum(), by, retain_graph=True, allow_unused=True)
    return torch.zeros_like(by) if derivative is None else derivative
