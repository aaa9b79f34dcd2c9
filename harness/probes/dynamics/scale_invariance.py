"""Probe of scale invariance: weight decay on weights whose outputs pass a normaliser.

For L(c w) = L(w) Euler's identity gives <grad L(w), w> = 0 and grad L(c w) = grad L(w) / c (van Laarhoven 2017; Li and Arora
2020). Hence under plain SGD |w_{t+1}|^2 = (1 - lr wd)^2 |w_t|^2 + lr^2 |g_t|^2 exactly, and without decay the norm cannot fall.
Decay alone changes the norm and not the function, so L + wd/2 |w|^2 has no minimiser. A run from (c w0, c^p lr, wd / c^p) has
the same directions as the run from (w0, lr, wd): p = 2 for SGD (effective rate lr / |w|^2), p = 1 for updates that do not
depend on the gradient's scale (lr / |w|; Adam with eps = 0).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.dynamics import ScaleInvarianceSettings
from harness.probes.scale_invariant_loss import ScaleInvariantLoss, direction, largest_turn, regression
from harness.subject.stepping import run_path, step_once

_SCALE = 3.0  # not a power of two, which would only change exponents
_NORMALISER_EPS = 1e-5  # torch's default in batch and layer normalisation
_POWER = {"sgd": 2, "normalised": 1}
_IDLE_STEPS = 10  # steps with zero gradients


def run(make: Any, settings: ScaleInvarianceSettings) -> dict[str, Measurement]:
    """Return measures of gradients, norms, loss and directions of weights before a normaliser, with and without decay."""
    losses, start = regression(settings.seed, steps=settings.steps)
    path = _train(make, losses, start=start, lr=settings.lr, weight_decay=settings.weight_decay)
    free = _train(make, losses, start=start, lr=settings.lr, weight_decay=0.0)
    return {
        **_euler(losses, path),
        **_norms(losses, settings, path=path, free=free),
        **_idle(make, settings, loss=losses[0], start=start),
        "rescaled_turn": _rescaled(make, settings, losses=losses, path=path),
    }


def _train(make: Any, losses: list[ScaleInvariantLoss], *, start: Tensor, lr: float, weight_decay: float) -> list[Tensor]:
    """Return the weights before every step and after the last; each loss gives one step."""
    weight = torch.nn.Parameter(start.clone())
    optimizer = make([weight], lr=lr, weight_decay=weight_decay)
    return run_path(optimizer, weight, lambda step, current: losses[step].gradient(current), len(losses))


def _euler(losses: list[ScaleInvariantLoss], path: list[Tensor]) -> dict[str, Measurement]:
    """Measure the two consequences of Euler's identity: the angle of gradient and weight, and the gradient's scaling."""
    weights, loss = torch.stack(path[:-1]), losses[0]
    gradients = torch.stack([loss.gradient(weight) for loss, weight in zip(losses, weights, strict=True)])
    cosines = (gradients * weights).sum(1) / gradients.norm(dim=1) / weights.norm(dim=1)
    scaled = _SCALE * loss.gradient(_SCALE * weights[0])
    error = float((scaled - gradients[0]).norm() / gradients[0].norm())
    # The entries of a gradient are sums over the batch of terms as large as features / |w|.
    # Cancellation makes their rounding larger relative to the gradient's norm.
    terms = float(loss.features.norm() / weights.norm(dim=1).min() / gradients.norm(dim=1).min())
    tolerance = 8 * len(loss.target) * EPS * terms
    plain = loss.features.T @ (loss.features @ path[0] - loss.target)  # gradient of the same regression without the normaliser
    effect = abs(float(direction(plain) @ path[0]))
    return {
        "gradient_cosine": Measurement(float(cosines.abs().max()), "cosine", 0.0, tolerance, effect),
        "gradient_scaling": Measurement(error, "of the gradient", 0.0, tolerance, _SCALE**2 - 1),
    }


def _norms(
    losses: list[ScaleInvariantLoss], settings: ScaleInvarianceSettings, *, path: list[Tensor], free: list[Tensor]
) -> dict[str, Measurement]:
    keep = 1 - settings.lr * settings.weight_decay
    defects: list[float] = []
    for loss, before, after in zip(losses, path, path[1:], strict=False):
        step = settings.lr * loss.gradient(before)
        defects.append(abs(float(after @ after - keep**2 * before @ before - step @ step) / float(before @ before)))
    apart = float((path[-1].norm() - free[-1].norm()).abs())
    growth = [float(after.norm() / before.norm()) - 1 for before, after in pairwise(free)]
    # Squares of sums of a few terms, each rounded by eps. 2 lr <g, w> is zero only up to the
    # rounding of the gradient.
    sgd, tolerance = settings.law == "sgd", 256 * EPS
    return {
        "norm_defect": Measurement(max(defects), "of |w|^2", 0.0 if sgd else None, tolerance, 1 - keep**2),
        "smallest_growth": Measurement(min(growth), "of |w| a step", effect=1 - keep),
        "norm_without_decay": Measurement(float(free[-1].norm()), "of |w0|", effect=apart),
        "norm_with_decay": Measurement(float(path[-1].norm()), "of |w0|", effect=apart),
    }


def _idle(make: Any, settings: ScaleInvarianceSettings, *, loss: ScaleInvariantLoss, start: Tensor) -> dict[str, Measurement]:
    """Measure the norm, the loss and the penalised loss over steps with zero gradients."""
    weight = torch.nn.Parameter(start.clone())
    optimizer = make([weight], lr=settings.lr, weight_decay=settings.weight_decay)
    penalised = [_penalised(loss, start, weight_decay=settings.weight_decay)]
    for step in range(_IDLE_STEPS):
        step_once(optimizer, step, [weight], [torch.zeros_like(weight)])
        penalised.append(_penalised(loss, weight.detach(), weight_decay=settings.weight_decay))
    end, drops = weight.detach(), [before - after for before, after in pairwise(penalised)]
    factor = (1 - settings.lr * settings.weight_decay) ** _IDLE_STEPS
    change, with_eps = (abs(float(loss(end, eps=eps) - loss(start, eps=eps))) for eps in (0.0, _NORMALISER_EPS))
    outputs = loss.features @ start
    plain = (outputs - loss.target).square().mean() - (factor * outputs - loss.target).square().mean()
    # Ten steps each round a weight by eps, and the loss is a sum over the batch.
    tolerance = 16 * len(loss.target) * EPS
    return {
        "idle_norm": Measurement(float(end.norm()), "of |w0|", factor, 4 * _IDLE_STEPS * EPS, 1 - factor),
        "function_change": Measurement(change, "loss", 0.0, tolerance, abs(float(plain)) / 2),
        "function_change_with_eps": Measurement(with_eps, "loss"),
        "smallest_penalised_drop": Measurement(min(drops), "loss"),
    }


def _penalised(loss: ScaleInvariantLoss, weight: Tensor, *, weight_decay: float) -> float:
    return float(loss(weight)) + weight_decay / 2 * float(weight @ weight)


def _rescaled(
    make: Any, settings: ScaleInvarianceSettings, *, losses: list[ScaleInvariantLoss], path: list[Tensor]
) -> Measurement:
    factor = _SCALE ** _POWER[settings.law]
    start, lr, decay = _SCALE * path[0], settings.lr, settings.weight_decay
    rescaled = _train(make, losses, start=start, lr=factor * lr, weight_decay=decay / factor)
    not_rescaled = _train(make, losses, start=start, lr=lr, weight_decay=decay)
    # Each step adds a few eps to the direction. The steps are too short to overshoot, so these
    # errors do not grow.
    return Measurement(largest_turn(path, rescaled), "of |w|", 0.0, 64 * settings.steps * EPS, largest_turn(path, not_rescaled))
