"""Probe of single gradients: the share of each gradient in the weights after further steps with decay.

Coordinate i receives a gradient of 1 at step i and 0 at every other step. Closed form under SGD with learning rates h_j and
decay l: w_T[i] = -h_i prod_{j>i} (1 - h_j l). The share of the gradient of step i is c_i = h_i l prod_{j>i} (1 - h_j l), the
share of the start P_T = prod (1 - h_j l), and sum c_i + P_T = 1. So decay makes
the weights a moving average of the start and of -g_i / l, with the time constant -1 / ln(1 - h l), about 1 / (h l) steps.
Source: Wang and Aitchison 2024, on the timescale of AdamW; Bergsma et al. 2025, on the shares c_i under a schedule.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.inputs import GROUP_FACTORS, recorded_gradient
from harness.probes.rule import ImpulseResponseSettings
from harness.subject.loading import Factory
from harness.subject.stepping import GroupInput, run_groups


def run(make: Factory, settings: ImpulseResponseSettings) -> dict[str, Measurement]:
    """Return the shares of the start and of the gradients in the final weights, and the time constant of the decay."""
    lrs = _schedule(settings)
    impulses = torch.eye(settings.steps + 1, dtype=torch.float64)[:-1, None, :]  # the last column never receives a gradient
    start = torch.zeros(1, settings.steps + 1, dtype=torch.float64)
    start[0, -1] = 1.0
    groups = [GroupInput(start, recorded_gradient(impulses), *factors) for factors in GROUP_FACTORS]
    ends = [path[-1, 0] for path in run_groups(make, groups, lrs=lrs, weight_decay=settings.weight_decay)]
    shares = [_shares(end, settings.weight_decay * decay) for end, (_, decay) in zip(ends, GROUP_FACTORS, strict=True)]
    predicted = [_closed([lr * factor for lr in lrs], settings.weight_decay * decay) for factor, decay in GROUP_FACTORS]
    return _measurements(shares, predicted, settings=settings, lrs=lrs)


def _schedule(settings: ImpulseResponseSettings) -> list[float]:
    rising = [settings.lr * (step + 1) / settings.steps for step in range(settings.steps)]
    return {"constant": [settings.lr] * settings.steps, "rising": rising, "falling": rising[::-1]}[settings.schedule]


def _shares(end: Tensor, decay: float) -> Tensor:
    """Return c_0 ... c_{T-1} and, last, P_T, as the final weights give them."""
    return torch.cat([-decay * end[:-1], end[-1:]])


def _closed(lrs: list[float], decay: float) -> Tensor:
    """Return c_0 ... c_{T-1} and, last, P_T, as the closed form gives them."""
    remaining = torch.ones((), dtype=torch.float64)
    shares: list[Tensor] = []
    for lr in reversed(lrs):
        shares.append(lr * decay * remaining)
        remaining = remaining * (1 - lr * decay)
    return torch.stack([*reversed(shares), remaining])


def _measurements(
    shares: list[Tensor], predicted: list[Tensor], *, settings: ImpulseResponseSettings, lrs: list[float]
) -> dict[str, Measurement]:
    steps, half = settings.steps, settings.steps // 2
    # A share is a product of at most steps + 2 numbers. Each costs 3 roundings, in the subject
    # and in the closed form.
    relative = 6 * EPS * (steps + 2)
    effect = float(min(lrs)) * settings.weight_decay  # the decay of one step changes each share by this fraction
    worst = max(float(((share - closed) / closed).abs().max()) for share, closed in zip(shares, predicted, strict=True))
    first, closed = shares[0], predicted[0]
    early, closed_early = float(first[:half].sum()), float(closed[:half].sum())
    timescale, closed_timescale = _timescale(first[:-1], lrs), _timescale(closed[:-1], lrs)
    return {
        "worst_error": Measurement(worst, "fraction of the share", expected=0.0, tolerance=relative, effect=effect),
        "initial_share": Measurement(
            float(first[-1]), "fraction", expected=float(closed[-1]), tolerance=relative, effect=float(1 - closed[-1])
        ),
        "total_share": Measurement(float(first.sum()), "fraction", expected=1.0, tolerance=relative, effect=effect),
        "early_share": Measurement(early, "fraction", expected=closed_early, tolerance=relative, effect=effect),
        # The error of the slope of log c is at most the largest error of log c, `relative`. The
        # time constant is -1 / slope.
        "timescale": Measurement(
            timescale, "steps", expected=closed_timescale, tolerance=relative * closed_timescale**2, effect=closed_timescale
        ),
    }


def _timescale(shares: Tensor, lrs: list[float]) -> float:
    """Return the steps over which the share of an update falls to 1 / e: -1 / slope of log (share / its lr) against age."""
    age = -torch.arange(len(shares), dtype=torch.float64)
    age, logs = age - age.mean(), (shares.abs() / torch.tensor(lrs, dtype=torch.float64)).log()
    return float(-(age * age).sum() / (age * (logs - logs.mean())).sum())
