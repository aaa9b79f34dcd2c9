"""Probe rounding_remedies: master weights, compensated sums and stochastic rounding of bfloat16 weights.

x = lr x weight_decay = 1e-3 is half of the least decay that moves a bfloat16 weight, so plain bfloat16 weights do not decay. The
weights fill a binade, in `copies` copies. Without a gradient, (1 - x)^T should be left on average: under stochastic
rounding exactly in expectation (within the standard error of the mean), under the other remedies up to one rounding of
the last weight, at most half a unit in the last place or 2^-8. With gradients, weights that are rounded from a float32
master are bit for bit the rounded weights of the float32 run. Range: x is under 0.03 on purpose.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harness.measurement import Measurement
from harness.probes.numerics import RoundingRemediesSettings
from harness.subject.loading import Factory
from harness.subject.stepping import step_once

MANTISSAS = 128  # every bfloat16 number of a binade


def run(make: Factory, settings: RoundingRemediesSettings) -> dict[str, Measurement]:
    """Return the mean remaining share of the weights, and the distance of runs with gradients from the rounded float32 run."""
    start = (1 + torch.arange(MANTISSAS) / MANTISSAS).repeat_interleave(settings.copies)
    idle = torch.zeros(settings.steps, 1)
    ratio = _run(make, settings, start.bfloat16(), gradients=idle).double() / start.double()
    expected = (1 - settings.lr * settings.weight_decay) ** settings.steps
    error = float(ratio.std()) / math.sqrt(len(ratio)) if settings.copies > 1 else None
    left = Measurement(float(ratio.mean()), "of w0", expected, None, 1 - expected, error)
    return {"left": left} if settings.copies > 1 else {"left": left, **_compared_with_float32(make, settings, start)}


def _compared_with_float32(make: Factory, settings: RoundingRemediesSettings, start: Tensor) -> dict[str, Measurement]:
    """Compare bfloat16 weights with those of a float32 run on the same gradients."""
    generator = torch.Generator().manual_seed(settings.seed)
    gradients = torch.randn(settings.noisy_steps, len(start), generator=generator).bfloat16()
    low, wide = (_run(make, settings, weights, gradients=gradients) for weights in (start.bfloat16(), start.float()))
    undecayed = _run(make, settings, start.float(), gradients=gradients, decay=0.0)
    differing = float((low != wide.bfloat16()).double().mean())
    felt = float((low.double() - undecayed.double()).mean() / (wide.double() - undecayed.double()).mean())
    return {
        "differing": Measurement(differing, "share of weights", 0.0, 1e-6, 1.0),
        "felt": Measurement(felt, "of the decay's effect", 1.0),
    }


def _run(
    make: Factory, settings: RoundingRemediesSettings, start: Tensor, *, gradients: Tensor, decay: float | None = None
) -> Tensor:
    weight = torch.nn.Parameter(start.clone())
    optimizer = make([weight], lr=settings.lr, weight_decay=settings.weight_decay if decay is None else decay)
    for step, gradient in enumerate(gradients):
        step_once(optimizer, step, [weight], [gradient.to(start.dtype).expand_as(start).clone()])
    return weight.detach()
