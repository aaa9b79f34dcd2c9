"""Probe of the range of weight_decay: the values that are refused, and the effect of the others.

The weight has no gradient. Closed form of decoupled decay with learning rate h and decay l: a step multiplies the weight
by 1 - h l.

    h l in (0, 1)   the weight shrinks
    h l = 1         it is zero after one step
    h l in (1, 2)   it changes its sign at each step and still shrinks
    h l = 2         it only changes its sign
    h l > 2         it grows without bound

torch treats none of these as an error. It refuses a negative weight decay and NaN, and accepts infinity. With a weight
decay of 0 nothing shrinks and AdamW equals Adam; `hidden` is the decay that an optimizer still applies there (torch's
ASGD: lambd = 1e-4).
Source: the PyTorch documentation of torch.optim.AdamW and ASGD.
"""

from __future__ import annotations

import math
import warnings

import torch

from harness.decay_laws.tolerances import EPS, distance, factor_measurement, rounding_measurement
from harness.measurement import Measurement
from harness.probes.inputs import matrices, noise_gradients, parameters, zero_gradients
from harness.probes.rule import DecayRangeSettings
from harness.subject.loading import Factory
from harness.subject.stepping import run_steps

POINTS = {"half": 0.5, "whole": 1.0, "beyond": 1.5, "twice": 2.0, "past": 2.5}  # h l
REFUSABLE = {"negative": -1.0, "nan": math.nan, "infinite": math.inf}


def run(make: Factory, settings: DecayRangeSettings) -> dict[str, Measurement]:
    """Return the values of weight_decay that are refused and the factor of a step at the others, or that all are refused."""
    refused = _refused(make, settings, settings.weight_decay)
    if refused:
        return {"weight_decay_refused": _flag(refused)}
    measurements = {"weight_decay_refused": _flag(refused)}
    for name, value in REFUSABLE.items():
        measurements[f"{name}_refused"] = _flag(_refused(make, settings, value), expected=name != "infinite")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name, point in POINTS.items():
            # h l is exact, and so is 1 - h l. The effect is the distance to a factor that is cut off
            # at zero, or to a factor of 1.
            measurements[f"{name}_factor"] = factor_measurement(_step(make, settings, point / settings.lr), 1 - point, effect=0.5)
    hidden, lost = (
        settings.lr * settings.hidden,
        0.0 if measurements["infinite_refused"].value else _infinite_lost(make, settings),
    )
    return measurements | {
        "warnings": Measurement(float(len(caught)), "warnings", expected=0.0, tolerance=EPS, effect=1.0),
        "infinite_lost": Measurement(lost, "elements"),
        "zero_factor": factor_measurement(
            _step(make, settings, 0.0), 1 - hidden, effect=hidden or settings.lr * settings.weight_decay
        ),
        "adam_error": _adam_error(make, settings),
    }


def _refused(make: Factory, settings: DecayRangeSettings, decay: float) -> bool:
    try:
        make(parameters(matrices(1, seed=settings.seed)), lr=settings.lr, weight_decay=decay)
    except ValueError:  # RunError is a ValueError
        return True
    return False


def _flag(value: bool, *, expected: bool = True) -> Measurement:
    return Measurement(float(value), "1: yes", expected=float(expected), tolerance=EPS, effect=1.0)


def _step(make: Factory, settings: DecayRangeSettings, decay: float) -> float:
    """Return the weight after one step without a gradient, as a fraction of the weight before."""
    weights = parameters(matrices(1, seed=settings.seed))
    before = float(weights[0].detach()[0, 0])
    after = run_steps(make(weights, lr=settings.lr, weight_decay=decay), weights, zero_gradients(1, weights))[0]
    return float(after[0, 0]) / before


def _infinite_lost(make: Factory, settings: DecayRangeSettings) -> float:
    """Return the number of weights that are not finite after one step at an infinite weight decay."""
    weights = parameters(matrices(1, seed=settings.seed))
    after = run_steps(make(weights, lr=settings.lr, weight_decay=math.inf), weights, zero_gradients(1, weights))[0]
    return float((~torch.isfinite(after)).sum())


def _adam_error(make: Factory, settings: DecayRangeSettings) -> Measurement:
    """Return the distance from torch's Adam, both at a weight decay of 0 and on the same gradients."""
    rows, ends = noise_gradients(settings.steps, 1, seed=settings.seed), []
    for build in (make, torch.optim.Adam):
        weights = parameters(matrices(1, seed=settings.seed))
        ends.append(run_steps(build(weights, lr=settings.lr, weight_decay=0.0), weights, rows))
    return rounding_measurement(distance(*ends), steps=settings.steps, effect=settings.lr * settings.weight_decay)
