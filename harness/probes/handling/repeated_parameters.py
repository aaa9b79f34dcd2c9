"""Probe repeated_parameters: decay of a weight that the optimizer or the model holds more than once.

Case                             Closed form of one step without gradient (h: learning rate, l: weight decay)
listed twice in one group        two steps, (1 - h l)^2, and torch warns
listed in two groups             refused
shared by two modules            one parameter, one decay: 1 - h l
weight normalisation w = g v/|v|
  g and v decayed                w shrinks by 1 - h l, not by its square, since |v| cancels
  v alone decayed                w, and with it all that the network computes, is unchanged

Source: the PyTorch documentation of torch.optim.Optimizer.add_param_group and of parametrizations.weight_norm.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from harness.decay_laws.tolerances import EPS, factor_measurement
from harness.measurement import Measured, Measurement
from harness.probes.handling import RepeatedParametersSettings
from harness.probes.inputs import SHAPE, matrices, parameters, zero_gradients
from harness.probes.probe import Experiment, collect
from harness.subject.loading import Factory
from harness.subject.stepping import run_steps, step_once

ROUNDINGS = 32  # of a product with v / |v|, twice: twelve squares, their sum, a root, two products


class _Tied(nn.Module):
    """An embedding that shares its table with the head."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(table.clone(), freeze=False)
        self.head = nn.Linear(table.shape[1], table.shape[0], bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Any:
        return self.head(self.embedding(tokens))


def run(make: Factory, settings: RepeatedParametersSettings) -> Measured:
    """Return the factor of a step for a shared weight, a normalised weight and, with `repeated`, a weight listed twice."""
    experiments: dict[str | tuple[str, ...], Experiment] = {
        "tied_factor": lambda: _tied(make, settings),
        "normalised_factor": lambda: _normalised(make, settings),
        ("direction_decay_change", "direction_factor"): lambda: _direction(make, settings),
    }
    if settings.repeated:
        experiments["repeated_factor", "repeat_warnings"] = lambda: _repeated(make, settings)
        experiments["overlap_refused"] = lambda: _overlapping(make, settings)
    return collect(experiments)


def _tied(make: Factory, settings: RepeatedParametersSettings) -> Measurement:
    """Return the factor of one step after a backward pass of a zero loss through both uses of the table."""
    (table,) = matrices(1, seed=settings.seed)
    model = _Tied(table)
    optimizer = make(list(model.parameters()), lr=settings.lr, weight_decay=settings.weight_decay)
    (0.0 * model(torch.arange(SHAPE[0])).sum()).backward()
    step_once(optimizer, 0)
    decay = settings.lr * settings.weight_decay
    return factor_measurement(float(model.head.weight.detach()[0, 0] / table[0, 0]), 1 - decay, effect=decay)


def _normalised(make: Factory, settings: RepeatedParametersSettings) -> Measurement:
    """Return the factor of a normalised layer's weight whose length and direction both decay."""
    decay = settings.lr * settings.weight_decay
    before, after, *_ = _layer(make, settings, 1.0)
    factor = float((after / before)[0, 0])
    return Measurement(factor, "fraction of w", expected=1 - decay, tolerance=ROUNDINGS * EPS, effect=decay * (1 - decay))


def _direction(make: Factory, settings: RepeatedParametersSettings) -> dict[str, Measurement]:
    """Return the change of a normalised layer's weight, and the factor of its direction, if the direction alone decays."""
    decay = settings.lr * settings.weight_decay
    direction = _layer(make, settings, 0.0)
    return {
        "direction_decay_change": Measurement(
            float((direction[1] / direction[0] - 1).abs().max()), "fraction of w", 0.0, ROUNDINGS * EPS, decay
        ),
        "direction_factor": factor_measurement(float((direction[3] / direction[2])[0, 0]), 1 - decay, effect=decay),
    }


def _layer(make: Factory, settings: RepeatedParametersSettings, share: float) -> Sequence[Tensor]:
    """Return the weight and then the direction v, each before and after a step; the length g has `share` of the decay."""
    (start,) = matrices(1, seed=settings.seed)
    layer = nn.Linear(SHAPE[1], SHAPE[0], bias=False).double()
    with torch.no_grad():
        layer.weight.copy_(start)
    length, direction = weight_norm(layer).parameters()
    groups = [{"params": [length], "weight_decay": settings.weight_decay * share}, {"params": [direction]}]
    before, first = layer.weight.detach().clone(), direction.detach().clone()
    optimizer = make(groups, lr=settings.lr, weight_decay=settings.weight_decay)
    run_steps(optimizer, [length, direction], zero_gradients(1, [length, direction]))
    return before, layer.weight.detach().clone(), first, direction.detach().clone()


def _repeated(make: Factory, settings: RepeatedParametersSettings) -> dict[str, Measurement]:
    weights = parameters(matrices(1, seed=settings.seed))
    before = float(weights[0].detach()[0, 0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        optimizer = make(weights * 2, lr=settings.lr, weight_decay=settings.weight_decay)
    after = float(run_steps(optimizer, weights, zero_gradients(1, weights))[0][0, 0])
    decay = settings.lr * settings.weight_decay
    return {
        "repeated_factor": factor_measurement(after / before, (1 - decay) ** 2, steps=2, effect=decay * (1 - decay)),
        "repeat_warnings": Measurement(float(len(caught)), "warnings", expected=1.0, tolerance=EPS, effect=1.0),
    }


def _overlapping(make: Factory, settings: RepeatedParametersSettings) -> Measurement:
    """Return 1 if two groups with one weight in common are refused."""
    weights = parameters(matrices(1, seed=settings.seed))
    try:
        make([{"params": weights}, {"params": weights, "weight_decay": 0.0}], lr=settings.lr, weight_decay=settings.weight_decay)
    except ValueError:  # RunError is a ValueError
        return Measurement(1.0, "1: yes", expected=1.0, tolerance=EPS, effect=1.0)
    return Measurement(0.0, "1: yes", expected=1.0, tolerance=EPS, effect=1.0)
