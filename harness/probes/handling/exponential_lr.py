"""Probe exponential_lr: weight decay before a normaliser as an exponentially growing learning rate.

Main theorem of Li and Arora 2020: on a scale-invariant loss, SGD with momentum mu, rate lr and coupled decay wd takes
the same directions as SGD without decay at the rate lr * a^(-2t-1), and |w_t| = a^t |v_t|. Here a is the larger root
of x^2 - (1 + mu - lr wd) x + mu (a = 1 - lr wd for mu = 0), which is real for lr wd <= (1 - sqrt(mu))^2. The decayed
run must start from the momentum buffer (1 - a) w0 / (lr a), as if it came from w0 / a. One step from w0 / a, with a
gradient chosen for it, fills that buffer through the public interface. For updates that depend only on the gradient's
sign the exponent is t + 1. Adam's moments average gradients of earlier scales, so the equivalence is only approximate
for Adam.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.handling import ExponentialLrSettings
from harness.probes.scale_invariant_loss import ScaleInvariantLoss, largest_turn, regression
from harness.subject.stepping import run_path, step_once

_EXPONENT: dict[str, Callable[[int], int]] = {"sgd": lambda t: 2 * t + 1, "sign": lambda t: t + 1}
_OTHER = {"sgd": "sign", "sign": "sgd"}


def run(make: Any, settings: ExponentialLrSettings) -> dict[str, Measurement]:
    """Return the distance of a run with decay from a run without decay whose learning rate grows."""
    root, ((loss,), start) = _root(settings), regression(settings.seed)
    decayed = _decayed(make, settings, loss=loss, start=start)
    growing = _growing(make, settings, loss=loss, start=decayed[0], law=settings.law)
    other_law = _growing(make, settings, loss=loss, start=decayed[0], law=_OTHER[settings.law])
    constant = _growing(make, settings, loss=loss, start=decayed[0], law=None)
    effect = largest_turn(decayed, constant)
    ratio = float(decayed[-1].norm() / growing[-1].norm())
    # Every step rounds both directions by a few eps, and a stable descent does not amplify these
    # errors. The norms differ by T factors, each rounded by eps, and by the difference of the
    # directions.
    tolerance = 64 * settings.steps * EPS
    remaining = root**settings.steps
    return {
        "direction_error": Measurement(largest_turn(decayed, growing), "of |w|", 0.0, tolerance, effect),
        "norm_ratio": Measurement(ratio, "ratio", remaining, tolerance, 1 - remaining),
        "other_exponent_error": Measurement(largest_turn(decayed, other_law), "of |w|"),
        "constant_lr_error": Measurement(effect, "of |w|"),
        "lr_growth": Measurement(root ** -_exponent(settings.law, settings.steps), "of the first lr", information=True),
        "effective_lr_gain": Measurement(_gain(settings, decayed=decayed, constant=constant), "ratio"),
    }


def _root(settings: ExponentialLrSettings) -> float:
    """Return the larger root of x^2 - (1 + mu - lr wd) x + mu."""
    middle = 1 + settings.momentum - settings.lr * settings.weight_decay
    return (middle + math.sqrt(middle**2 - 4 * settings.momentum)) / 2


def _exponent(law: str | None, step: int) -> int:
    return _EXPONENT[law](step) if law else 0


def _decayed(make: Any, settings: ExponentialLrSettings, *, loss: ScaleInvariantLoss, start: Tensor) -> list[Tensor]:
    """Return the path of the weights with decay at constant lr: before every step and after the last."""
    root, lr, decay = _root(settings), settings.lr, settings.weight_decay
    weight = torch.nn.Parameter((start / root if settings.momentum else start).clone())
    optimizer = make([weight], lr=lr, weight_decay=decay)
    if settings.momentum:
        # The buffer, gradient + decay * weight, must become (1 - root) * start / (lr * root).
        step_once(optimizer, 0, [weight], [(1 - root) / (lr * root) * start - decay * start / root])
    return run_path(optimizer, weight, lambda step, current: loss.gradient(current), settings.steps, first=1)


def _growing(
    make: Any, settings: ExponentialLrSettings, *, loss: ScaleInvariantLoss, start: Tensor, law: str | None
) -> list[Tensor]:
    """Return the path of the weights without decay, at the rate of `law`; None keeps the rate constant."""
    root = _root(settings)
    weight = torch.nn.Parameter(start.clone())
    optimizer = make([weight], lr=settings.lr, weight_decay=0.0)
    lrs = [settings.lr * root ** -_exponent(law, step) for step in range(settings.steps)]
    return run_path(optimizer, weight, lambda step, current: loss.gradient(current), settings.steps, lrs=lrs)


def _gain(settings: ExponentialLrSettings, *, decayed: list[Tensor], constant: list[Tensor]) -> float:
    """Return the last effective learning rate (lr / |w|^2, or lr / |w| for sign) with decay, over the one without decay."""
    ratio = float(constant[-1].norm() / decayed[-1].norm())
    return ratio**2 if settings.law == "sgd" else ratio
