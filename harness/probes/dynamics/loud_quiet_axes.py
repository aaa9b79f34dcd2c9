"""Probe of loud and quiet axes: the rate of decay of a weight after a history of large or of small gradients.

A loud axis has large gradients, a quiet axis small ones. In Adam a coupled penalty shrinks axis i, to first order, at the
rate lr * weight_decay / (sqrt(v_i) + eps) (after Loshchilov and Hutter 2019). After T steps under noise of standard deviation
s_i the fraction exp(-lr * weight_decay * T / s_i) remains, as long as |weight_decay * w| << s_i. Decoupled decay leaves
prod(1 - lr * weight_decay) on every axis. Under antithetic noise (each replica runs with g and with -g) the mean is exactly
that product, because an update that is odd in the gradients cancels. Three experiments:

known    a history of gradients +-2 and +-1/2 brings Adam's preconditioner to D = diag(1/2, 2); then one step has a zero
         gradient. Multiplier of lr * weight_decay * w: (1/2, 2) coupled, (1, 1) decoupled.
silent   all gradients are zero. Coupled: Adam's v contains only weight_decay * w, so D = 1 / (weight_decay * |w|) and w falls
         by lr a step for any weight_decay. Decoupled: w falls by 1 - (1 - lr * weight_decay)^T in all steps together.
noise    the gradients are noise with mean zero and a different size on each axis.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.dynamics import LoudQuietAxesSettings
from harness.subject.stepping import set_lr, step_once

_SCALES = torch.tensor([2.0, 0.5], dtype=torch.float64)  # |gradient| of the known history; D = 1 / _SCALES
_HISTORY = 200  # steps, even, so that the alternating gradients sum to zero
_HISTORY_LR = 1e-6  # so small that the history sets v and hardly moves the weights
_SIGNS = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
_SILENT_STEPS = 20
_STRONGER = 100.0  # weight decay of the second silent run, as a multiple of that of the first


def run(make: Any, settings: LoudQuietAxesSettings) -> dict[str, Measurement]:
    """Return the decay of weights with large and with small gradients, and the direction of the weight vector after it."""
    return {**_known(make, settings), **_silent(make, settings), **_noise(make, settings)}


def _known(make: Any, settings: LoudQuietAxesSettings) -> dict[str, Measurement]:
    """Measure one step with a zero gradient after the known history."""
    weight = torch.nn.Parameter(torch.ones(2, 2, dtype=torch.float64))  # (sign of the history, axis)
    optimizer = make([weight], lr=_HISTORY_LR, weight_decay=settings.known_weight_decay)
    for step in range(_HISTORY):
        step_once(optimizer, step, [weight], [(-1) ** step * _SIGNS * _SCALES])
    before = weight.detach().mean(0)  # mean of both signs: the updates are odd in the gradients and cancel, decay stays
    set_lr(optimizer, settings.known_lr)
    step_once(optimizer, _HISTORY, [weight], [torch.zeros_like(weight)])
    after = weight.detach().mean(0)
    shrink = settings.known_lr * settings.known_weight_decay
    multiplier = (before - after) / (shrink * before)
    return {**_multipliers(multiplier, settings, shrink=shrink), **_turns(before, after, settings=settings, shrink=shrink)}


def _multipliers(multiplier: Tensor, settings: LoudQuietAxesSettings, *, shrink: float) -> dict[str, Measurement]:
    coupled = settings.law == "preconditioned"
    expected = 1 / _SCALES if coupled else torch.ones_like(_SCALES)
    # The weight has the size 1 and a few operations each round by eps; the difference is divided
    # by lr * weight_decay. Coupled: v = s^2 + (weight_decay * w)^2, so D = 1/s only to first
    # order. There is no tolerance, and a claim must state a fraction.
    tolerance = None if coupled else 16 * EPS / shrink
    return {
        name: Measurement(float(value), "lr x weight_decay x w", float(closed), tolerance, 0.5)
        for name, value, closed in zip(("loud_multiplier", "quiet_multiplier"), multiplier, expected, strict=True)
    }


def _turns(before: Tensor, after: Tensor, *, settings: LoudQuietAxesSettings, shrink: float) -> dict[str, Measurement]:
    coupled = settings.law == "preconditioned"
    factors = 1 - shrink / _SCALES if coupled else torch.ones_like(_SCALES)
    # The cosine of a vector of size 1, which a few operations each rounded by eps. Coupled: first
    # order only, as above.
    tolerance, effect = None if coupled else 16 * EPS, _cosine(1 - shrink / _SCALES) - math.sqrt(0.5)
    return {
        "loud_cosine_before": Measurement(_cosine(before), "cosine", math.sqrt(0.5), tolerance, effect),
        "loud_cosine_after": Measurement(_cosine(after), "cosine", _cosine(factors), tolerance, effect),
    }


def _silent(make: Any, settings: LoudQuietAxesSettings) -> dict[str, Measurement]:
    """Measure the fall of a weight over zero gradients, at the weight decay and at _STRONGER times it."""
    lr, weak = settings.lr, settings.weight_decay
    falls = [_fall(make, lr=lr, weight_decay=decay) for decay in (weak, _STRONGER * weak)]
    decoupled = [1 - (1 - lr * decay) ** _SILENT_STEPS for decay in (weak, _STRONGER * weak)]
    coupled = settings.law == "preconditioned"
    pace, ratio = (1.0, 1.0) if coupled else (decoupled[0] / (lr * _SILENT_STEPS), decoupled[1] / decoupled[0])
    # Isotropic: each step rounds a weight of size 1 by eps; relative to the smaller fall.
    # Coupled: the step is lr / (1 + eps_adam / (weight_decay * |w|)), with eps_adam = 1e-8 and
    # |w| > 1/2 over 20 steps of 0.01.
    relative = 2 * 1e-8 / (0.5 * weak) if coupled else 4 * _SILENT_STEPS * EPS / decoupled[0]
    effect = decoupled[1] / decoupled[0] - 1
    return {
        "silent_pace": Measurement(falls[0] / (lr * _SILENT_STEPS), "lr per step", pace, relative * pace, abs(1 - weak)),
        "silent_ratio": Measurement(falls[1] / (falls[0] or 1.0), "ratio", ratio, relative * ratio, effect),
    }


def _fall(make: Any, *, lr: float, weight_decay: float) -> float:
    """Return the fall of a weight of 1 over _SILENT_STEPS zero gradients."""
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = make([weight], lr=lr, weight_decay=weight_decay)
    for step in range(_SILENT_STEPS):
        step_once(optimizer, step, [weight], [torch.zeros_like(weight)])
    return 1 - float(weight.detach())


def _noise(make: Any, settings: LoudQuietAxesSettings) -> dict[str, Measurement]:
    """Measure the mean weights under gradient noise: the remaining fractions, their direction, and the slope of the rates."""
    pairs = _run_noise(make, settings).mean(0)  # (replica, axis), mean of g and -g
    remaining = pairs.mean(0)
    errors = pairs.std(0) / math.sqrt(settings.replicas)
    loud, quiet = (_remaining(settings, axis, remaining=remaining, errors=errors) for axis in (0, -1))
    unit = settings.lr * settings.weight_decay * settings.steps
    rates = -remaining.clamp_min(1e-12).log() / unit
    slope = float(torch.log(rates[0] / rates[1])) / math.log(settings.axes[0] / settings.axes[1])
    cosine = _cosine(remaining[[0, -1]])
    coupled = settings.law == "preconditioned"
    closed = torch.tensor([loud.expected, quiet.expected], dtype=torch.float64)
    rounding = None if loud.tolerance is None else 2 * loud.tolerance / unit / math.log(settings.axes[0] / settings.axes[1])
    return {
        "loud_remaining": loud,
        "quiet_remaining": quiet,
        "noise_loud_cosine": Measurement(cosine, "cosine", _cosine(closed), loud.tolerance, 0.29),
        "rate_slope": Measurement(slope, "d log rate / d log noise", -1.0 if coupled else 0.0, rounding, 1.0),
    }


def _remaining(settings: LoudQuietAxesSettings, axis: int, *, remaining: Tensor, errors: Tensor) -> Measurement:
    shrink = settings.lr * settings.weight_decay
    if settings.law == "preconditioned":
        expected = math.exp(-shrink * settings.steps / settings.axes[axis])
        return Measurement(float(remaining[axis]), "of w0", expected, None, abs(1 - expected), float(errors[axis]))
    expected = (1 - shrink) ** settings.steps
    # Each of T steps rounds a weight by eps times its size; noise moves the weight by some
    # lr * axis * sqrt(T) at most.
    size = 1 + 8 * settings.lr * max(1.0, settings.axes[axis]) * math.sqrt(settings.steps)
    return Measurement(float(remaining[axis]), "of w0", expected, 4 * settings.steps * EPS * size, 1 - expected)


def _run_noise(make: Any, settings: LoudQuietAxesSettings) -> Tensor:
    """Return the last weights (sign, replica, axis) of a run under antithetic Gaussian gradients, started at 1."""
    generator = torch.Generator().manual_seed(settings.seed)
    shape, axes = (settings.replicas, len(settings.axes)), torch.tensor(settings.axes, dtype=torch.float64)
    weight = torch.nn.Parameter(torch.ones(2, *shape, dtype=torch.float64))
    optimizer = make([weight], lr=settings.lr, weight_decay=settings.weight_decay)
    for step in range(settings.steps):
        gradient = axes * torch.randn(shape, generator=generator, dtype=torch.float64)
        step_once(optimizer, step, [weight], [torch.stack([gradient, -gradient])])
    return weight.detach()


def _cosine(weight: Tensor) -> float:
    """Return the cosine of the angle between a (loud, quiet) vector and the loud axis."""
    return float(weight[0] / torch.linalg.vector_norm(weight))
