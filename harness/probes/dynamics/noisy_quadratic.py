"""Probe of a noisy quadratic: the mean point of rest on three axes that differ only in their gradient noise.

The gradient is (w - w*) + sigma xi, xi normal; replicas come in pairs with xi and -xi. Closed forms of the mean as lr -> 0,
with the decay l:

adamw   (w* - w) / sqrt((w* - w)^2 + sigma^2) = l w, that is ridge with alpha = l x RMS gradient, different on each axis
ridge   alpha = l on every axis: L2 inside the gradient; no positive diagonal scaling moves its point of rest

At a finite lr the mean has an error of first order in lr and in 1 - beta2. So the measured values agree with the closed
forms to a fraction, not to rounding.

Source: the stationarity of each update's mean; Loshchilov and Hutter 2019, Algorithm 2, for the updates.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.dynamics import NoisyQuadraticSettings
from harness.subject.loading import Factory
from harness.subject.stepping import GroupInput, run_groups

MINIMUM = 3.0  # w*
NOISE = (0.5, 2.0, 8.0)  # sigma: quiet, middle, loud
NAMES = ("quiet", "middle", "loud")
START = 1.5


def run(make: Factory, settings: NoisyQuadraticSettings) -> dict[str, Measurement]:
    """Return the mean point of rest on each axis, and the ridge penalty alpha that has its minimum there."""
    means = _pair_means(_run(make, settings), settings)
    rest, error = means.mean(0), means.std(0) / settings.pairs**0.5
    closed, rival = _closed_form(settings), _closed_form(settings, rival=True)
    rounding = 4 * EPS * MINIMUM * settings.steps  # rounding of the steps alone; a claim states the distance to the law
    measurements = {
        f"weight_{name}": Measurement(
            float(rest[axis]),
            "weight",
            expected=float(closed[axis]),
            tolerance=rounding,
            effect=abs(float(closed[axis] - rival[axis])),
            standard_error=float(error[axis]),
        )
        for axis, name in enumerate(NAMES)
    }
    alphas, closed_alphas = _alphas(rest), _alphas(closed)
    for axis in (0, 2):
        steepness = MINIMUM / float(rest[axis]) ** 2  # alpha = (w* - w) / w
        measurements[f"alpha_{NAMES[axis]}"] = Measurement(
            float(alphas[axis]), "penalty", expected=float(closed_alphas[axis]), tolerance=steepness * rounding
        )
    measurements["alpha_slope"] = Measurement(_slope(rest), "1", expected=_slope(closed), tolerance=10 * rounding, effect=1.0)
    return measurements


def _run(make: Factory, settings: NoisyQuadraticSettings) -> Tensor:
    generator = torch.Generator().manual_seed(settings.seed)
    shape = (settings.steps, settings.pairs, len(NOISE))
    noise = torch.randn(shape, generator=generator, dtype=torch.float64) * torch.tensor(NOISE, dtype=torch.float64)
    both = torch.cat([noise, -noise], dim=1)  # antithetic
    start = torch.full((2 * settings.pairs, len(NOISE)), START, dtype=torch.float64)
    group = GroupInput(start, lambda step, weight: weight - MINIMUM + both[step])
    return run_groups(make, [group], lrs=[settings.lr] * settings.steps, weight_decay=settings.weight_decay)[0]


def _pair_means(path: Tensor, settings: NoisyQuadraticSettings) -> Tensor:
    """Return the mean over the second half of the run and over the two replicas of a pair, [pairs, axes]."""
    late = path[settings.steps // 2 :].mean(0)
    return (late[: settings.pairs] + late[settings.pairs :]) / 2


def _closed_form(settings: NoisyQuadraticSettings, *, rival: bool = False) -> Tensor:
    """Return the point of rest on each axis, [3], by the law of the settings, or by the other law if `rival`."""
    ridge = (settings.law == "ridge") != rival
    if ridge:
        return torch.full((len(NOISE),), MINIMUM / (1 + settings.weight_decay), dtype=torch.float64)
    return torch.tensor([_stationary(sigma, settings.weight_decay) for sigma in NOISE], dtype=torch.float64)


def _stationary(sigma: float, decay: float) -> float:
    """Return the only root in (0, w*) of (w* - w) / sqrt((w* - w)^2 + sigma^2) = decay w, by bisection."""
    low, high = 0.0, MINIMUM
    for _ in range(60):
        middle = (low + high) / 2
        pull = MINIMUM - middle
        if pull / (pull * pull + sigma * sigma) ** 0.5 > decay * middle:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _alphas(rest: Tensor) -> Tensor:
    return (MINIMUM - rest) / rest


def _slope(rest: Tensor) -> float:
    """Return the slope of log alpha against log RMS gradient over the axes."""
    rms = ((MINIMUM - rest).square() + torch.tensor(NOISE, dtype=torch.float64).square()).sqrt()
    x, y = rms.log(), _alphas(rest).log()
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / (x * x).sum())
