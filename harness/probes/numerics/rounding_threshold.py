"""Probe rounding_threshold: the smallest lr x weight_decay that changes a rounded weight, and its effect just above.

The weights fill one binade evenly, m = 1, 1 + 1/n, ... with a zero gradient. A step computes w x fl(1 - x), where
x = lr x weight_decay, and rounds to the weight's own precision, half to even. The unit in the last place is u = 2^-7
(bfloat16) or 2^-23 (float32).

Range of x          Weights that decay
below u / 4         none
between             those with x m > u / 2, and m = 1, below which the spacing is finer
above u / 2         all

`factor_bits` is the precision of 1 - x itself: 24 in a for-loop over bfloat16 weights, 8 where it is rounded to
bfloat16 first. The expected weights are rounded with exact integers, without torch. Range: x is far under 0.03 on
purpose, since the probe measures decays that are too small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.numerics import RoundingThresholdSettings
from harness.subject.loading import Factory
from harness.subject.stepping import step_once

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
BITS = {"bfloat16": 8, "float16": 11, "float32": 24}  # of a significand
WEIGHTS = {"bfloat16": 128, "float16": 256, "float32": 2048}  # all bfloat16 numbers of a binade, a part of the others


def run(make: Factory, settings: RoundingThresholdSettings) -> dict[str, Measurement]:
    """Return the share of the weights that decay, their mean and extreme decay, and the share that decays under gradients."""
    count = WEIGHTS[settings.dtype]
    start = [1 + index / count for index in range(count)]
    end = _run(make, settings, start, gradients=torch.zeros(settings.steps, count), decay=0.5).double()
    broken = float((~end.isfinite()).double().mean())
    measurements = {"not_finite": Measurement(broken, "share of weights", 0.0 if settings.finite else 1.0, 1e-6, 1.0)}
    if settings.finite and not broken:
        measurements |= _compared(end, start, settings)
    if settings.noisy_steps:
        measurements["changed_by_decay"] = _under_gradients(make, settings, start)
    return measurements


def _compared(end: Tensor, start: Sequence[float], settings: RoundingThresholdSettings) -> dict[str, Measurement]:
    """Compare the last weights with the closed form, which holds bit for bit."""
    expected = torch.tensor([_expected_end(weight, settings) for weight in start], dtype=torch.float64)
    first = torch.tensor(start, dtype=torch.float64)
    nominal = 1 - (1 - settings.lr_decay) ** settings.steps
    moved, expected_moved = (float((weights != first).double().mean()) for weights in (end, expected))
    left, expected_left = (float((weights / first).mean()) for weights in (end, expected))
    measurements = {
        "moved": Measurement(moved, "share of weights", expected_moved, 1e-6, 1.0),
        "left": Measurement(left, "of w0", expected_left, 8 * EPS, nominal),
    }
    decay, expected_decay = 1 - end / first, 1 - expected / first
    tolerance = 8 * EPS / nominal  # the division by w rounds, here relative to the decay
    for name, reduce in (("least", torch.min), ("mean", torch.mean), ("most", torch.max)):
        value, closed_form = float(reduce(decay)) / nominal, float(reduce(expected_decay)) / nominal
        measurements[f"strength_{name}"] = Measurement(value, "of the nominal decay", closed_form, tolerance, 1.0)
    return measurements


def _expected_end(weight: float, settings: RoundingThresholdSettings) -> float:
    """Return the value of one weight after all steps, with every rounding."""
    factor = _rounded(1 - settings.lr_decay, settings.factor_bits)
    for _ in range(settings.steps):
        weight = _rounded(_rounded(weight * factor, 24), BITS[settings.dtype])  # the product is formed in float32
    return weight


def _rounded(value: float, bits: int) -> float:
    """Return the nearest number with `bits` significant bits, half to even."""
    fraction, exponent = math.frexp(value)
    return math.ldexp(round(math.ldexp(fraction, bits)), exponent - bits)


def _under_gradients(make: Factory, settings: RoundingThresholdSettings, start: Sequence[float]) -> Measurement:
    """Return the share of weights that decay changes in a run with gradients: 0 where rounding removes every step's decay."""
    generator = torch.Generator().manual_seed(settings.seed)
    gradients = torch.randn(settings.noisy_steps, len(start), generator=generator)
    decayed, undecayed = (_run(make, settings, start, gradients=gradients, decay=decay) for decay in (0.5, 0.0))
    return Measurement(float((decayed != undecayed).double().mean()), "share of weights", 0.0, 1e-6, 1.0)


def _run(
    make: Factory, settings: RoundingThresholdSettings, start: Sequence[float], *, gradients: Tensor, decay: float
) -> Tensor:
    weight = torch.nn.Parameter(torch.tensor(start, dtype=DTYPES[settings.dtype])[None])  # a matrix: Muon takes nothing else
    optimizer = make([weight], lr=2 * settings.lr_decay, weight_decay=decay)
    for step, gradient in enumerate(gradients):
        step_once(optimizer, step, [weight], [gradient[None]])
    return weight.detach()[0]
