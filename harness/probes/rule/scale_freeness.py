"""Probe of gradient scale: two runs whose gradients differ by a constant factor in each coordinate.

Coordinate i of every gradient is multiplied by a factor c_i between 1e-4 and 1e4. Closed form: the factor changes neither an
adaptive step m / sqrt(v) nor decoupled decay, so with eps = 0 the two paths are equal. eps > 0 changes a step by a fraction
of at most eps / |c g|. Coupled L2 adds l w to c g (l is the decay), so its share of the step depends on c. No gradient is
exactly zero, because 0 would be divided by 0 at eps = 0.
Source: Zhuang et al. 2022, on scale-freeness; Loshchilov and Hutter 2019, Algorithm 2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.inputs import (
    COLUMNS,
    GROUP_FACTORS,
    ROWS,
    external_gradients,
    halved_midway,
    recorded_gradient,
    starting_weights,
)
from harness.probes.rule import ScaleFreenessSettings
from harness.subject.loading import Factory
from harness.subject.stepping import GroupInput, run_groups


def run(make: Factory, settings: ScaleFreenessSettings) -> dict[str, Measurement]:
    """Return the distance between the paths with scaled and unscaled gradients, as a fraction of the largest move."""
    lrs = halved_midway(settings.lr, settings.steps)
    factors = torch.logspace(-1, 1, ROWS * COLUMNS, base=settings.scale, dtype=torch.float64).reshape(ROWS, COLUMNS)
    plain, scaled = (_run(make, settings, lrs=lrs, factors=scale) for scale in (None, factors))
    change = torch.stack([_change(path, scaled_path) for path, scaled_path in zip(plain, scaled, strict=True)])
    scaled_up = (factors > 1).expand_as(change)
    tolerance = _rounding(plain, settings)
    parts = {
        name: Measurement(float(change[part].max()), "fraction of the way", tolerance=tolerance, effect=1.0)
        for name, part in (("change_scaled_up", scaled_up), ("change_scaled_down", ~scaled_up))
    }
    whole = Measurement(float(change.max()), "fraction of the way", expected=0.0, tolerance=tolerance, effect=1.0)
    return {"change": whole} | parts


def _run(make: Factory, settings: ScaleFreenessSettings, *, lrs: list[float], factors: Tensor | None) -> list[Tensor]:
    sequences = external_gradients(settings.steps, smallest=1.0, largest=10.0, seed=settings.seed, zeros=False)
    groups = [
        GroupInput(
            starting_weights(settings.seed + 1 + index), recorded_gradient(plain if factors is None else factors * plain), *group
        )
        for index, (group, plain) in enumerate(zip(GROUP_FACTORS, sequences, strict=True))
    ]
    return run_groups(make, groups, lrs=lrs, weight_decay=settings.weight_decay)


def _change(plain: Tensor, scaled: Tensor) -> Tensor:
    """Return, for each coordinate, the largest distance between the paths over the largest move of the unscaled path."""
    return (plain - scaled).abs().amax(0) / (plain - plain[0]).abs().amax(0)


def _rounding(plain: list[Tensor], settings: ScaleFreenessSettings) -> float:
    """Return the largest distance between the two paths that rounding can cause, as a fraction of the way.

    The two runs round differently. The relative error of an adaptive step's two moments is 1530 eps (see
    `constant_gradient`), and a step is at most lr / sqrt(1 - 0.999) long. Each step also makes 6 roundings of w.
    """
    longest = settings.lr * 32
    errors = [settings.steps * (1530 * longest + 6 * path.abs().amax(0)) / (path - path[0]).abs().amax(0) for path in plain]
    return EPS * max(float(error.max()) for error in errors)
