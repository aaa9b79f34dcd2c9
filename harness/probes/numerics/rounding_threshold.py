"""How small can lr x weight_decay be before rounding takes the decay away, and what is left of it just above?

Weights fill one binade evenly, m = 1, 1 + 1/n, ... with a zero gradient. A step computes w x fl(1 - x), x = lr x weight_decay,
and rounds to the weight's own precision, half to even. With units of u = 2^-7 (bfloat16) or 2^-23 (float32) in the last place,
m keeps its value up to x m = u / 2: nothing moves below x = u / 4, everything above u / 2. `factor_bits` is the precision of
1 - x itself: 24 in a for-loop over bfloat16 weights, 8 where it is rounded to bfloat16 first. The expectation is rounded here
with exact integers, without torch. Range: x is far under 0.03 on purpose, for this is about decays that are too small.
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
WEIGHTS = {"bfloat16": 128, "float16": 256, "float32": 2048}  # every bfloat16 number of a binade, some of the others


def run(make: Factory, settings: RoundingThresholdSettings) -> dict[str, Measurement]:
    """Return which share of the weights decays, how strongly, what many steps leave, and whether gradients change that."""
    count = WEIGHTS[settings.dtype]
    start = [1 + index / count for index in range(count)]
    end = _run(make, settings, start, gradients=torch.zeros(settings.steps, count), decay=0.5).double()
    broken = float((~end.isfinite()).double().mean())
    readings = {"not_finite": Measurement(broken, "share of weights", 0.0 if settings.finite else 1.0, 1e-6, 1.0)}
    if settings.finite and not broken:
        readings |= _compared(end, start, settings)
    if settings.noisy_steps:
        readings["changed_by_decay"] = _under_gradients(make, settings, start)
    return readings


def _compared(end: Tensor, start: Sequence[float], settings: RoundingThresholdSettings) -> dict[str, Measurement]:
    """Compare with the closed form, which holds bit for bit."""
    due = torch.tensor([_walk(one, settings) for one in start], dtype=torch.float64)
    first = torch.tensor(start, dtype=torch.float64)
    nominal = 1 - (1 - settings.lr_decay) ** settings.steps
    moved, meant = (float((one != first).double().mean()) for one in (end, due))
    left, wanted_left = (float((one / first).mean()) for one in (end, due))
    readings = {
        "moved": Measurement(moved, "share of weights", meant, 1e-6, 1.0),
        "left": Measurement(left, "of w0", wanted_left, 8 * EPS, nominal),
    }
    decay, wanted = 1 - end / first, 1 - due / first
    tolerance = 8 * EPS / nominal  # of the division by w, relative to the decay
    for name, reduce in (("least", torch.min), ("mean", torch.mean), ("most", torch.max)):
        value, closed = float(reduce(decay)) / nominal, float(reduce(wanted)) / nominal
        readings[f"strength_{name}"] = Measurement(value, "of the nominal decay", closed, tolerance, 1.0)
    return readings


def _walk(weight: float, settings: RoundingThresholdSettings) -> float:
    """Return what rounding makes of one weight after all steps."""
    factor = _rounded(1 - settings.lr_decay, settings.factor_bits)
    for _ in range(settings.steps):
        weight = _rounded(_rounded(weight * factor, 24), BITS[settings.dtype])  # the product is formed in float32
    return weight


def _rounded(value: float, bits: int) -> float:
    """Return the nearest number with so many significant bits, half to even."""
    fraction, exponent = math.frexp(value)
    return math.ldexp(round(math.ldexp(fraction, bits)), exponent - bits)


def _under_gradients(make: Factory, settings: RoundingThresholdSettings, start: Sequence[float]) -> Measurement:
    """Count the weights that decay changes in a run with gradients: none, where every step's decay is rounded away."""
    generator = torch.Generator().manual_seed(settings.seed)
    gradients = torch.randn(settings.noisy_steps, len(start), generator=generator)
    one, other = (_run(make, settings, start, gradients=gradients, decay=decay) for decay in (0.5, 0.0))
    return Measurement(float((one != other).double().mean()), "share of weights", 0.0, 1e-6, 1.0)


def _run(
    make: Factory, settings: RoundingThresholdSettings, start: Sequence[float], *, gradients: Tensor, decay: float
) -> Tensor:
    weight = torch.nn.Parameter(torch.tensor(start, dtype=DTYPES[settings.dtype])[None])  # a matrix: Muon takes nothing else
    optimizer = make([weight], lr=2 * settings.lr_decay, weight_decay=decay)
    for step, gradient in enumerate(gradients):
        step_once(optimizer, step, [weight], [gradient[None]])
    return weight.detach()[0]
