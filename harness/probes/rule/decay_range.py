"""Which values of weight_decay are taken, and what does each do to a weight without a gradient?

Closed form of decoupled decay, with h l from 0 to beyond 2: the factor of a step is 1 - h l. In (0, 1) weights shrink, at
1 they are gone in one step, in (1, 2) they change their sign at each step and still shrink, at 2 they only change it,
beyond it they grow without bound. Nothing in that is an error to torch, which refuses a negative weight decay and NaN and
takes infinity. A weight decay of 0 takes nothing, and AdamW is Adam; `hidden` is what an optimizer decays by all the same
(torch's ASGD: lambd = 1e-4).
Source: the PyTorch documentation of torch.optim.AdamW and ASGD.
"""

from __future__ import annotations

import math
import warnings

import torch

from harness.decay_laws.tolerances import EPS, distance, factor_measurement, rounding_measurement
from harness.measurement import Measurement
from harness.probes.inputs import matrices, noise, parameters, zero_gradients
from harness.probes.rule import DecayRangeSettings
from harness.subject.loading import Factory
from harness.subject.stepping import run_steps

POINTS = {"half": 0.5, "whole": 1.0, "beyond": 1.5, "twice": 2.0, "past": 2.5}  # h l
REFUSABLE = {"negative": -1.0, "nan": math.nan, "infinite": math.inf}


def run(make: Factory, settings: DecayRangeSettings) -> dict[str, Measurement]:
    """Return which values are refused and the factor of a step at the others; of what takes no weight decay, only that."""
    refused = _refused(make, settings, settings.weight_decay)
    if refused:
        return {"weight_decay_refused": _said(refused)}
    readings = {"weight_decay_refused": _said(refused)}
    for name, value in REFUSABLE.items():
        readings[f"{name}_refused"] = _said(_refused(make, settings, value), expected=name != "infinite")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name, point in POINTS.items():
            # Exact: h l is, and so is 1 - h l; the distance to a shrink that is cut off at zero, or to none, is the effect.
            readings[f"{name}_factor"] = factor_measurement(_step(make, settings, point / settings.lr), 1 - point, effect=0.5)
    none, lost = settings.lr * settings.hidden, 0.0 if readings["infinite_refused"].value else _lost(make, settings)
    return readings | {
        "warnings": Measurement(float(len(caught)), "warnings", expected=0.0, tolerance=EPS, effect=1.0),
        "infinite_lost": Measurement(lost, "elements"),
        "zero_factor": factor_measurement(
            _step(make, settings, 0.0), 1 - none, effect=none or settings.lr * settings.weight_decay
        ),
        "adam_error": _beside_adam(make, settings),
    }


def _refused(make: Factory, settings: DecayRangeSettings, decay: float) -> bool:
    try:
        make(parameters(matrices(1, seed=settings.seed)), lr=settings.lr, weight_decay=decay)
    except ValueError:  # a RunError is one
        return True
    return False


def _said(value: bool, *, expected: bool = True) -> Measurement:
    return Measurement(float(value), "1: yes", expected=float(expected), tolerance=EPS, effect=1.0)


def _step(make: Factory, settings: DecayRangeSettings, decay: float) -> float:
    """Return what one step without gradient leaves of a weight."""
    weights = parameters(matrices(1, seed=settings.seed))
    before = float(weights[0].detach()[0, 0])
    after = run_steps(make(weights, lr=settings.lr, weight_decay=decay), weights, zero_gradients(1, weights))[0]
    return float(after[0, 0]) / before


def _lost(make: Factory, settings: DecayRangeSettings) -> float:
    """Count the weights that are no numbers any more after a step at an infinite weight decay."""
    weights = parameters(matrices(1, seed=settings.seed))
    after = run_steps(make(weights, lr=settings.lr, weight_decay=math.inf), weights, zero_gradients(1, weights))[0]
    return float((~torch.isfinite(after)).sum())


def _beside_adam(make: Factory, settings: DecayRangeSettings) -> Measurement:
    """Compare with torch's Adam, both at a weight decay of 0 and on the same gradients."""
    rows, ends = noise(settings.steps, 1, seed=settings.seed), []
    for build in (make, torch.optim.Adam):
        weights = parameters(matrices(1, seed=settings.seed))
        ends.append(run_steps(build(weights, lr=settings.lr, weight_decay=0.0), weights, rows))
    return rounding_measurement(distance(*ends), steps=settings.steps, effect=settings.lr * settings.weight_decay)
