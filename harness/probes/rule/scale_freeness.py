"""Does the size of a coordinate's gradients matter? Two runs whose gradients differ by a constant factor for each coordinate.

Coordinate i of every gradient is multiplied by c_i between 1e-4 and 1e4. Closed form: an adaptive step m / sqrt(v) does
not change, and neither does decoupled decay, so with eps = 0 the two paths are equal; eps > 0 changes a step by at most
eps / |c g|, relatively. Coupled L2 adds l w to c g, so its share changes with c. Coordinates whose gradient is exactly
zero would divide 0 by 0 at eps = 0 and are left out here.
Source: Zhuang et al. 2022, on scale-freeness; Loshchilov and Hutter 2019, Algorithm 2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.inputs import COLUMNS, GROUPS, ROWS, external_gradients, given, halved_midway, starting_weights
from harness.probes.rule import ScaleFreenessSettings
from harness.subject.loading import Factory
from harness.subject.stepping import GroupInput, run_groups


def run(make: Factory, settings: ScaleFreenessSettings) -> dict[str, Measurement]:
    """Return how far scaling the gradients moves the path, as a fraction of what it travels."""
    lrs = halved_midway(settings.lr, settings.steps)
    factors = torch.logspace(-1, 1, ROWS * COLUMNS, base=settings.scale, dtype=torch.float64).reshape(ROWS, COLUMNS)
    plain, scaled = (_run(make, settings, lrs=lrs, factors=own) for own in (None, factors))
    change = torch.stack([_change(one, other) for one, other in zip(plain, scaled, strict=True)])
    half = (factors > 1).expand_as(change)
    tolerance = _rounding(plain, settings)
    readings = {
        name: Measurement(float(change[part].max()), "fraction of the way", tolerance=tolerance, effect=1.0)
        for name, part in (("change_scaled_up", half), ("change_scaled_down", ~half))
    }
    whole = Measurement(float(change.max()), "fraction of the way", expected=0.0, tolerance=tolerance, effect=1.0)
    return {"change": whole} | readings


def _run(make: Factory, settings: ScaleFreenessSettings, *, lrs: list[float], factors: Tensor | None) -> list[Tensor]:
    sequences = external_gradients(settings.steps, smallest=1.0, largest=10.0, seed=settings.seed, zeros=False)
    groups = [
        GroupInput(starting_weights(settings.seed + 1 + index), given(one if factors is None else factors * one), *group)
        for index, (group, one) in enumerate(zip(GROUPS, sequences, strict=True))
    ]
    return run_groups(make, groups, lrs=lrs, weight_decay=settings.weight_decay)


def _change(one: Tensor, other: Tensor) -> Tensor:
    """Worst distance at any step, over the farthest that the unscaled path gets from its start: one a coordinate."""
    return (one - other).abs().amax(0) / (one - one[0]).abs().amax(0)


def _rounding(plain: list[Tensor], settings: ScaleFreenessSettings) -> float:
    """What rounding leaves between the two paths.

    The two moments of an adaptive step err by 1530 eps relatively (see `constant_gradient`), as the two runs round
    differently; a step is at most lr / sqrt(1 - 0.999) long, and 6 roundings of w come on top, at each step.
    """
    longest = settings.lr * 32
    errors = [settings.steps * (1530 * longest + 6 * path.abs().amax(0)) / (path - path[0]).abs().amax(0) for path in plain]
    return EPS * max(float(error.max()) for error in errors)
