"""Probe of rotational equilibrium: the norm and the turn per step that noise and weight decay lead to.

sgd         The gradient is new noise at each step, orthogonal to the weights and of norm G / |w|, as before a normaliser. Then
            |w'|^2 = (1 - lr wd)^2 |w|^2 + (lr G / |w|)^2. The fixed point is |w|^4 = (lr G)^2 / (1 - (1 - lr wd)^2), about
            lr G^2 / (2 wd). There every step turns the weights by exactly arccos(1 - lr wd), and |w|^4 approaches it at the
            rate 4 lr wd (Li, Lyu and Arora 2020; Wan et al. 2021).
heavy_ball  The gradient is the same, with momentum mu and a coupled penalty: |w|^4 = lr G^2 / (2 wd (1 - mu)) and a turn of
            sqrt(2 lr wd / (1 + mu)) a step, to first order in lr wd / (1 - mu) (Wan et al. 2021; Kosson et al. 2024).
adamw       The gradient is independent noise, and the weights make a filtered random walk. With r = 1 - lr wd and b = beta1
            each weight has the variance
            lr^2 (1-b)^2 / (r-b)^2 * (r^2/(1-r^2) - 2 r b/(1-r b) + b^2/(1-b^2)), about lr / (2 wd),
            and the vector turns by sqrt(2 lr wd (1-b) / (1+b)) a step (Kosson et al. 2024).

Without decay the norms grow and the turn falls towards zero.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.dynamics import RotationalEquilibriumSettings
from harness.subject.stepping import step_once

_GRADIENT = 1.0  # G, the gradient's norm at |w| = 1
_RELAX_STEPS = 50
_OFF = 1.02  # initial norm over the equilibrium norm in the run that measures the relaxation


def run(make: Any, settings: RotationalEquilibriumSettings) -> dict[str, Measurement]:
    """Return the norm and the turn per step in the second half of a run that starts at the predicted norm."""
    norms, turns = _run(make, settings, steps=settings.steps, start=1.0)
    half = settings.steps // 2
    measurements = {
        "norm": _norm(norms[half:], settings),
        "turn": _turn(turns[half:], settings),
        "last_turn": Measurement(float(turns[-1].mean()), "radians a step", effect=_lost_turn(settings)),
        "last_norm": Measurement(
            float(norms[-1].mean() / norms[0].mean()), "of the initial norm", effect=_norm_growth(settings) - 1
        ),
    }
    if settings.law == "sgd" and settings.weight_decay > 0:
        measurements["relaxation"] = _relaxation(make, settings)
    return measurements


def _predicted(settings: RotationalEquilibriumSettings, decay: float) -> float:
    """Return the equilibrium norm (sgd, heavy_ball) or the norm of `inputs` weights of the equilibrium variance (adamw)."""
    rate, keep = settings.lr * decay, 1 - settings.lr * decay
    if settings.law == "sgd":
        return float(((settings.lr * _GRADIENT) ** 2 / (1 - keep**2)) ** 0.25)
    if settings.law == "heavy_ball":
        return float(((settings.lr * _GRADIENT) ** 2 / (2 * rate * (1 - settings.momentum))) ** 0.25)
    beta = settings.beta1
    sums = keep**2 / (1 - keep**2) - 2 * keep * beta / (1 - keep * beta) + beta**2 / (1 - beta**2)
    return settings.lr * (1 - beta) / abs(keep - beta) * math.sqrt(sums * settings.inputs)


def _norm_growth(settings: RotationalEquilibriumSettings) -> float:
    """Return the last norm over the initial norm of a run without decay that starts at the equilibrium norm.

    |w|^4 grows linearly. Under adamw |w|^2 does, because the weights make a random walk.
    """
    time = settings.lr * settings.reference * settings.steps
    return float((1 + 2 * time) ** 0.5 if settings.law == "adamw" else (1 + 4 * time) ** 0.25)


def _lost_turn(settings: RotationalEquilibriumSettings) -> float:
    """Return the decrease of the turn per step over a run without decay, in radians.

    The norm grows, and the steps have a constant length (adamw) or the length 1 / |w|.
    """
    return _predicted_turn(settings) * (1 - _norm_growth(settings) ** -(1 if settings.law == "adamw" else 2))


def _predicted_turn(settings: RotationalEquilibriumSettings) -> float:
    """Return the turn per step at the equilibrium where the run starts, in radians."""
    rate = settings.lr * settings.reference
    if settings.law == "sgd":
        return math.acos(1 - rate)
    if settings.law == "heavy_ball":
        return math.sqrt(2 * rate / (1 + settings.momentum))
    return math.sqrt(2 * rate * (1 - settings.beta1) / (1 + settings.beta1))


def _norm(norms: Tensor, settings: RotationalEquilibriumSettings) -> Measurement:
    value, error = _mean(norms)
    expected = _predicted(settings, settings.reference)
    effect = expected * (_norm_growth(settings) - 1)
    if settings.weight_decay == 0:
        return Measurement(value, "norm", effect=effect)
    if settings.law != "sgd":
        return Measurement(value, "norm", expected, None, effect, error)
    # The fixed point attracts, so rounding does not add up over the steps. A norm is a sum of
    # `inputs` squares, and each is rounded by eps.
    return Measurement(value, "norm", expected, 4 * settings.inputs * EPS * expected, effect)


def _turn(turns: Tensor, settings: RotationalEquilibriumSettings) -> Measurement:
    value, error = _mean(turns)
    if settings.weight_decay == 0:
        return Measurement(value, "radians a step", effect=_lost_turn(settings))
    expected = _predicted_turn(settings)
    if settings.law != "sgd":
        return Measurement(value, "radians a step", expected, None, expected, error)
    # The turn is arccos((1 - lr wd) |w| / |w'|). Its cosine is rounded by `inputs` * eps, and
    # d angle = d cos / sin(angle).
    return Measurement(value, "radians a step", expected, 4 * settings.inputs * EPS / math.sin(expected), expected)


def _mean(values: Tensor) -> tuple[float, float]:
    """Return the mean over (step, replica), and its standard error over the independent replicas."""
    replicas = values.mean(0)
    return float(replicas.mean()), float(replicas.std()) / math.sqrt(len(replicas))


def _relaxation(make: Any, settings: RotationalEquilibriumSettings) -> Measurement:
    """Measure the rate at which |w|^4 approaches its equilibrium from _OFF times the equilibrium norm."""
    norms, _ = _run(make, settings, steps=_RELAX_STEPS, start=_OFF)
    excess = (norms.mean(1) / _predicted(settings, settings.weight_decay)) ** 4 - 1
    rate = -math.log(max(float(excess[-1] / excess[0]), 1e-300)) / _RELAX_STEPS
    unit, keep = settings.lr * settings.weight_decay, 1 - settings.lr * settings.weight_decay
    # One step multiplies a small excess of |w|^4 by 2 (1 - lr wd)^2 - 1, about 1 - 4 lr wd.
    return Measurement(rate / unit, "lr x weight_decay per step", -math.log(2 * keep**2 - 1) / unit)


def _run(make: Any, settings: RotationalEquilibriumSettings, *, steps: int, start: float) -> tuple[Tensor, Tensor]:
    """Return norms (steps + 1, replicas) and turns (steps, replicas) in radians of a run from `start` x the predicted norm."""
    generator = torch.Generator().manual_seed(settings.seed)
    shape = (settings.replicas, settings.inputs)
    weight = torch.randn(shape, generator=generator, dtype=torch.float64)
    weight = torch.nn.Parameter(start * _predicted(settings, settings.reference) * torch.nn.functional.normalize(weight))
    optimizer = make([weight], lr=settings.lr, weight_decay=settings.weight_decay)
    norms, turns = [weight.detach().norm(dim=1)], list[Tensor]()
    for step in range(steps):
        before = weight.detach().clone()
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        step_once(optimizer, step, [weight], [noise if settings.law == "adamw" else _orthogonal(noise, before)])
        after = weight.detach()
        norms.append(after.norm(dim=1))
        turns.append(_angle(before, after))
    return torch.stack(norms), torch.stack(turns)


def _orthogonal(noise: Tensor, weight: Tensor) -> Tensor:
    """Return the part of `noise` orthogonal to `weight`, row by row, scaled to the norm G / |weight|."""
    unit = torch.nn.functional.normalize(weight)
    across = noise - (noise * unit).sum(1, keepdim=True) * unit
    gradient: Tensor = _GRADIENT * torch.nn.functional.normalize(across) / weight.norm(dim=1, keepdim=True)
    return gradient


def _angle(before: Tensor, after: Tensor) -> Tensor:
    """Return the angle between two weights, row by row, in radians."""
    before, after = (torch.nn.functional.normalize(weight) for weight in (before, after))
    return 2 * torch.asin(((before - after).norm(dim=1) / 2).clamp_max(1.0))  # accurate where a cosine is close to 1
