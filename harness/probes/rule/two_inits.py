"""How much of a difference between two starts survives? A decay meter that needs no run without decay.

The same optimizer sees the same external gradients from w_0 and from w_0 + d. Closed form: where the update does not
depend on w and decay is linear in it, (w_T(w_0 + d) - w_T(w_0)) / d = P_T = prod(1 - h_t l) for every coordinate,
whatever its gradients were; the other laws put their own factor of a step there. Coupled L2 under an adaptive
optimizer has no such P_T: the ratio differs from coordinate to coordinate.
Source: the linearity of Loshchilov and Hutter 2019, Algorithm 2, line 12, in the weights.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws import closed_forms
from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.inputs import GROUPS, external_gradients, given, halved, starting_weights
from harness.probes.rule import TwoInitsSettings
from harness.subject.loading import Factory
from harness.subject.stepping import GroupInput, run_groups

APART = 1.0  # d
EARLY = 10  # the learning rate changes while much of the difference is left, or a stale one would go unseen


def run(make: Factory, settings: TwoInitsSettings) -> dict[str, Measurement]:
    """Return the surviving share after one decay time, its spread over coordinates and the worst departure at any step."""
    lrs = halved(settings.lr, settings.steps, after=EARLY)
    paths = _run(make, settings, lrs=lrs)
    ratios = [(path[:, 4:] - path[:, :4]) / APART for path in paths]
    due = [_survival(settings, [lr * factors[0] for lr in lrs], decay_factor=factors[1]) for factors in GROUPS]
    worst = max(float((ratio - left[:, None, None]).abs().max()) for ratio, left in zip(ratios, due, strict=True))
    # Every step rounds each of the two weights by at most 3 eps |w| (scale, step, sum); momentum carries an error on by
    # 1 / (1 - m). The shares of earlier errors shrink with the weights, but the bound below does not count on it.
    size = max(float(path.abs().max()) for path in paths)
    tolerance = 6 * EPS * size * settings.steps / APART / (1 - settings.momentum)
    when = _decay_time(due[0])
    effect = float(1 - due[0][1])  # what a single step's decay changes in the share
    shown = ratios[0][when]
    return {
        "survival": Measurement(
            float(shown.mean()), "fraction of d", expected=float(due[0][when]), tolerance=tolerance, effect=effect
        ),
        "survival_spread": Measurement(
            float(shown.max() - shown.min()), "fraction of d", expected=0.0, tolerance=2 * tolerance, effect=effect
        ),
        "worst_error": Measurement(worst, "fraction of d", expected=0.0, tolerance=tolerance, effect=effect),
    }


def _run(make: Factory, settings: TwoInitsSettings, *, lrs: list[float]) -> list[Tensor]:
    """Both starts in one matrix, rows 0-3 and 4-7; one path a group."""
    sequences = external_gradients(settings.steps, smallest=settings.smallest, largest=settings.largest, seed=settings.seed)
    groups: list[GroupInput] = []
    for index, ((lr_factor, decay_factor), gradients) in enumerate(zip(GROUPS, sequences, strict=True)):
        start = starting_weights(settings.seed + 1 + index)
        both = torch.cat([start, start + APART])
        groups.append(GroupInput(both, given(torch.cat([gradients, gradients], dim=1)), lr_factor, decay_factor))
    return run_groups(make, groups, lrs=lrs, weight_decay=settings.weight_decay)


def _survival(settings: TwoInitsSettings, lrs: list[float], *, decay_factor: float) -> Tensor:
    decay = settings.weight_decay * decay_factor
    return closed_forms.survival(settings.law, lrs, weight_decay=decay, momentum=settings.momentum)


def _decay_time(left: Tensor) -> int:
    """The first step at which no more than 1 / e is left."""
    return int((left <= 0.36787944117144233).nonzero()[0])
