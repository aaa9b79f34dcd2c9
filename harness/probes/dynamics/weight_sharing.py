"""Probe of weight sharing: the decay rate of a weight that is used many times in one step.

A weight with k uses receives k per-use gradients, which autograd sums; a loss averaged over the uses divides the sum by k.
The per-use gradients have the standard deviation s. Adam divides the coupled penalty by the standard deviation of the whole
gradient (after Loshchilov and Hutter 2019), as long as |weight_decay * w| is small compared with the gradient:

                                    standard deviation   coupled decay rate, relative to k = 1
sum       independent gradients     s * sqrt(k)          k^(-1/2)
mean      independent gradients     s / sqrt(k)          k^(+1/2)
coherent  equal gradients, summed   k * s                1/k

Under decoupled decay the relative rate is 1 in every case. Noise is antithetic: each replica runs with g and with -g.

A second experiment differentiates a recurrent weight through time at a zero state, where the data gradient is exactly zero
for any length of the unroll. Decay acts once per update, so the weight must not depend on the number of uses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.dynamics import WeightSharingSettings
from harness.subject.stepping import step_once

_FIRST_ORDER: Mapping[str, Callable[[int], float]] = {  # coupled decay rate of k uses, relative to one use
    "sum": lambda k: k**-0.5,
    "mean": lambda k: k**0.5,
    "coherent": lambda k: 1 / k,
}
_UNROLL_STEPS = 10


def run(make: Any, settings: WeightSharingSettings) -> dict[str, Measurement]:
    """Return the decay rate of shared weights, relative to the rate of a weight that is used once in a step."""
    uses = (1, settings.few, settings.many)
    pairs = _run(make, settings, uses=uses).mean(0)  # (replica, reduction, uses)
    remaining = pairs.mean(0)
    rates = -remaining.clamp_min(1e-12).log()
    relative_errors = pairs.std(0) / math.sqrt(settings.replicas) / (remaining * rates)
    measurements: dict[str, Measurement] = {}
    for row, reduction in enumerate(_FIRST_ORDER):
        for column, k in enumerate(uses[1:], start=1):
            multiplier = float(rates[row, column] / rates[row, 0])
            error = multiplier * float(relative_errors[row, [0, column]].norm())
            name = f"{reduction}_{'few' if column == 1 else 'many'}"
            measurements[name] = _multiplier(
                settings, multiplier, error=error, first_order=_FIRST_ORDER[reduction](k), longest=settings.lr * k
            )
    return {**measurements, "once_remaining": _once(float(remaining[0, 0]), settings), **_unrolled(make, settings)}


def _multiplier(
    settings: WeightSharingSettings, value: float, *, error: float, first_order: float, longest: float
) -> Measurement:
    effect = abs(first_order - 1)
    if settings.law == "preconditioned":
        return Measurement(value, "decay rate of one use", first_order, None, effect, error)
    # Each of T steps rounds a weight by eps times its size, which is at most 1 + T * `longest`,
    # the longest step.
    rounding = 4 * settings.steps * EPS * (1 + longest * settings.steps)
    shrunk = 1 - (1 - settings.lr * settings.weight_decay) ** settings.steps
    return Measurement(value, "decay rate of one use", 1.0, rounding / shrunk, effect)


def _once(remaining: float, settings: WeightSharingSettings) -> Measurement:
    shrink = settings.lr * settings.weight_decay
    expected = (1 - shrink) ** settings.steps
    # Rounding as in _multiplier. Coupled decay gives this value to first order only:
    # v = 1 + (weight_decay * w)^2.
    rounding = 4 * settings.steps * EPS * (1 + settings.lr * settings.steps)
    tolerance = None if settings.law == "preconditioned" else rounding
    return Measurement(remaining, "of w0", expected, tolerance, 1 - expected)


def _run(make: Any, settings: WeightSharingSettings, *, uses: tuple[int, ...]) -> Tensor:
    """Return the last weights (sign, replica, reduction, uses) of a run under antithetic noise, started at 1."""
    generator = torch.Generator().manual_seed(settings.seed)
    weight = torch.nn.Parameter(torch.ones(2, settings.replicas, len(_FIRST_ORDER), len(uses), dtype=torch.float64))
    optimizer = make([weight], lr=settings.lr, weight_decay=settings.weight_decay)
    for step in range(settings.steps):
        per_use = torch.randn(settings.replicas, max(uses), generator=generator, dtype=torch.float64)
        gradient = torch.stack([reduce(per_use[:, :k]) for k in uses], dim=-1)
        step_once(optimizer, step, [weight], [torch.stack([gradient, -gradient])])
    return weight.detach()


def reduce(per_use: Tensor) -> Tensor:
    """Return the gradients of a weight from those of its uses (replica, use): the sum, the mean, k times the first use."""
    k = per_use.shape[1]
    return torch.stack([per_use.sum(1), per_use.mean(1), k * per_use[:, 0]], dim=-1)


def _unrolled(make: Any, settings: WeightSharingSettings) -> dict[str, Measurement]:
    once, often = (_recur(make, settings, uses=uses) for uses in (1, settings.unroll))
    shrink = settings.unroll_lr * settings.unroll_weight_decay
    closed = (1 - shrink) ** _UNROLL_STEPS
    expected = None if settings.law == "preconditioned" else closed
    # Both runs have the same gradients, so they are equal bit by bit. A decay once per use would
    # leave (1 - lr * weight_decay)^(uses * steps), about 0.
    return {
        "unroll_difference": Measurement(often - once, "of w0", 0.0, 0.0, closed),
        "unroll_remaining": Measurement(often, "of w0", expected, 4 * _UNROLL_STEPS * EPS, 1 - closed),
    }


def _recur(make: Any, settings: WeightSharingSettings, *, uses: int) -> float:
    """Return a recurrent weight of 1 after updates through `uses` applications at state zero."""
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = make([weight], lr=settings.unroll_lr, weight_decay=settings.unroll_weight_decay)
    for step in range(_UNROLL_STEPS):
        state = torch.zeros(1, dtype=torch.float64)
        for _ in range(uses):
            state = torch.tanh(weight * state)
        step_once(optimizer, step, [weight], torch.autograd.grad(state.sum(), weight))
    return float(weight.detach())
