"""Probe averaged_weights: decay of weights under a moving average, a plain average, Lookahead and Schedule-Free.

Without a gradient all of these are linear. With r = 1 - lr x weight_decay, T steps and a start of 1, the averages are:

Law              Rule and closed form
ema              a_1 = r, a <- b a + (1 - b) r^t:   a_T = b^(T-1) r + (1 - b) sum of b^(T-t) r^t
equal            the mean of r ... r^T:             r (1 - r^T) / (T (1 - r))
lookahead        k steps, then p of the way:        (1 - p + p r^k)^(T/k), so decay acts at p of its rate
schedule_free_z  z_T = r^T, and x is their mean:    as `equal`
schedule_free_y  z <- z - lr l y, x their mean, y = (1 - b) z + b x: no closed form; two scalars are iterated here

The average of a decaying weight lags behind it and is larger. The average itself must not decay a second time. Writing
it into the parameters and putting the trained weights back must change nothing.
Source: torch.optim.swa_utils; Izmailov et al. 2018; Zhang et al. 2019; Defazio et al. 2024.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.variants import AveragedWeightsSettings
from harness.subject.loading import Factory
from harness.subject.stepping import step_once


class _Weights(torch.nn.Module):
    """A module of one matrix, for torch's averaging."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(start.clone())


def run(make: Factory, settings: AveragedWeightsSettings) -> dict[str, Measurement]:
    """Return the remaining shares of the averaged and of the trained weights, their ratio, and the error of swapping them."""
    start = torch.tensor([[1.5, -0.2, 4.0], [-3.0, 0.05, 0.7]], dtype=torch.float64)
    model = _Weights(start)
    optimizer = make(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    average = _average(model, settings)
    for step in range(settings.steps):
        step_once(optimizer, step, [model.weight], [torch.zeros_like(start)])
        if average is not None:
            average.update_parameters(model)
    trained = model.weight.detach().clone()
    averaged, swap_error = _swapped(optimizer, model) if average is None else (next(average.parameters()).detach(), 0.0)
    expected = _closed_form(settings)
    tolerance = 8 * EPS * settings.steps  # each step rounds weight and average a few times; errors do not grow
    averaged_left, trained_left = float(_worst(averaged / start, expected)), float((trained / start)[0, 0])
    expected_trained = (1 - settings.lr * settings.weight_decay) ** settings.steps
    measurements = {
        "averaged_left": Measurement(averaged_left, "of w0", expected, tolerance, 1 - expected),
        "trained_left": Measurement(trained_left, "of w0"),
        "lag": Measurement(averaged_left / trained_left, "ratio", effect=expected / expected_trained - 1),
        "swap_error": Measurement(swap_error, "of w0", 0.0, tolerance, 1 - expected),
    }
    if settings.law in ("ema", "equal"):
        measurements["trained_left"] = Measurement(trained_left, "of w0", expected_trained, tolerance, 1 - expected_trained)
        measurements["lag"] = Measurement(
            averaged_left / trained_left,
            "ratio",
            expected / expected_trained,
            4 * tolerance / expected_trained,
            expected / expected_trained - 1,
        )
    return measurements


def _average(model: _Weights, settings: AveragedWeightsSettings) -> AveragedModel | None:
    if settings.law == "ema":
        return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(settings.keep))
    return AveragedModel(model) if settings.law == "equal" else None


def _swapped(optimizer: Any, model: _Weights) -> tuple[Tensor, float]:
    """Return the weights after `eval()`, and the largest change over two rounds of `train()` and `eval()`."""
    trained = model.weight.detach().clone()
    optimizer.eval()
    averaged = model.weight.detach().clone()
    changes = [0.0]
    for _ in range(2):
        optimizer.train()
        changes.append(float(((model.weight.detach() - trained) / trained).abs().max()))
        optimizer.eval()
        changes.append(float(((model.weight.detach() - averaged) / averaged).abs().max()))
    return averaged, max(changes)


def _worst(ratios: Tensor, expected: float) -> Tensor:
    return ratios.flatten()[(ratios - expected).abs().argmax()]


def _closed_form(settings: AveragedWeightsSettings) -> float:
    rate, steps, keep = 1 - settings.lr * settings.weight_decay, settings.steps, settings.keep
    if settings.law == "ema":
        return keep ** (steps - 1) * rate + (1 - keep) * sum(keep ** (steps - t) * rate**t for t in range(2, steps + 1))
    if settings.law == "lookahead":
        assert steps % settings.every == 0
        return float((1 - settings.pull + settings.pull * rate**settings.every) ** (steps // settings.every))
    if settings.law != "schedule_free_y":
        return float(rate * (1 - rate**steps) / (steps * (1 - rate)))
    x = y = z = 1.0
    for step in range(1, steps + 1):
        z -= settings.lr * settings.weight_decay * y
        x += (z - x) / step
        y = (1 - keep) * z + keep * x
    return x
