"""Probe of two starts: the share of their difference that remains. It needs no run without decay.

The same optimizer receives the same external gradients from w_0 and from w_0 + d. Closed form, if the update does not depend
on w and decay is linear in w: (w_T(w_0 + d) - w_T(w_0)) / d = P_T = prod(1 - h_t l) in every coordinate, for all gradients.
The other laws have their own factor in place of 1 - h_t l. Coupled L2 under an adaptive optimizer has no such P_T: the ratio
differs from coordinate to coordinate.
Source: the linearity of Loshchilov and Hutter 2019, Algorithm 2, line 12, in the weights.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws import closed_forms
from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.inputs import GROUP_FACTORS, external_gradients, halved, recorded_gradient, starting_weights
from harness.probes.rule import TwoInitsSettings
from harness.subject.loading import Factory
from harness.subject.stepping import GroupInput, run_groups

APART = 1.0  # d
EARLY = 10  # steps before the lr changes: much of the difference is left then, so a stale lr shows


def run(make: Factory, settings: TwoInitsSettings) -> dict[str, Measurement]:
    """Return the remaining share of a difference after one decay time, its spread over coordinates, and the largest error."""
    lrs = halved(settings.lr, settings.steps, after=EARLY)
    paths = _run(make, settings, lrs=lrs)
    ratios = [(path[:, 4:] - path[:, :4]) / APART for path in paths]
    predicted = [_survival(settings, [lr * factors[0] for lr in lrs], decay_factor=factors[1]) for factors in GROUP_FACTORS]
    worst = max(float((ratio - closed[:, None, None]).abs().max()) for ratio, closed in zip(ratios, predicted, strict=True))
    # Every step rounds each of the two weights by at most 3 eps |w| (scale, step, sum). Momentum
    # multiplies an error by 1 / (1 - m). Earlier errors shrink with the weights, but the bound
    # below does not use that.
    size = max(float(path.abs().max()) for path in paths)
    tolerance = 6 * EPS * size * settings.steps / APART / (1 - settings.momentum)
    when = _decay_time(predicted[0])
    effect = float(1 - predicted[0][1])  # the change of the share by one step of decay
    shares = ratios[0][when]
    return {
        "survival": Measurement(
            float(shares.mean()), "fraction of d", expected=float(predicted[0][when]), tolerance=tolerance, effect=effect
        ),
        "survival_spread": Measurement(
            float(shares.max() - shares.min()), "fraction of d", expected=0.0, tolerance=2 * tolerance, effect=effect
        ),
        "worst_error": Measurement(worst, "fraction of d", expected=0.0, tolerance=tolerance, effect=effect),
    }


def _run(make: Factory, settings: TwoInitsSettings, *, lrs: list[float]) -> list[Tensor]:
    """Return one path per group, with the paths of the two starts in one matrix: w_0 in rows 0-3, w_0 + d in rows 4-7.

    Each start has a run of its own: equal gradients in the rows of one matrix would have no full rank, which a rule for matrices
    may refuse.
    """
    sequences = external_gradients(settings.steps, smallest=settings.smallest, largest=settings.largest, seed=settings.seed)
    runs = []
    for apart in (0.0, APART):
        groups = [
            GroupInput(starting_weights(settings.seed + 1 + index) + apart, recorded_gradient(gradients), *factors)
            for index, (factors, gradients) in enumerate(zip(GROUP_FACTORS, sequences, strict=True))
        ]
        runs.append(run_groups(make, groups, lrs=lrs, weight_decay=settings.weight_decay))
    return [torch.cat(pair, dim=1) for pair in zip(*runs, strict=True)]


def _survival(settings: TwoInitsSettings, lrs: list[float], *, decay_factor: float) -> Tensor:
    decay = settings.weight_decay * decay_factor
    return closed_forms.survival(settings.law, lrs, weight_decay=decay, momentum=settings.momentum)


def _decay_time(shares: Tensor) -> int:
    """Return the smallest number of steps after which at most 1 / e is left."""
    return int((shares <= 0.36787944117144233).nonzero()[0])
