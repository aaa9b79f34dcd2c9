"""How long does a weight remember one gradient? The kernel of the moving average that decay makes of the updates.

Coordinate i receives a gradient of 1 at step i and 0 otherwise. Closed form under SGD: w_T[i] = -h_i prod_{j>i} (1 - h_j l),
so with the shares c_i = h_i l prod_{j>i} (1 - h_j l) and P_T = prod (1 - h_j l) of the start, sum c_i + P_T = 1: the
weights are an average of the start and of -g_i / l, with time constant -1 / ln(1 - h l), about 1 / (h l) steps.
Source: Wang and Aitchison 2024, on the timescale of AdamW; Bergsma et al. 2025, on the shares c_i under a schedule.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.inputs import GROUPS, given
from harness.probes.rule import ImpulseResponseSettings
from harness.subject.loading import Factory
from harness.subject.stepping import GroupInput, run_groups


def run(make: Factory, settings: ImpulseResponseSettings) -> dict[str, Measurement]:
    """Return the shares of the start and of the gradients in the final weights, and the kernel's time constant."""
    lrs = _schedule(settings)
    impulses = torch.eye(settings.steps + 1, dtype=torch.float64)[:-1, None, :]  # the last column never sees a gradient
    start = torch.zeros(1, settings.steps + 1, dtype=torch.float64)
    start[0, -1] = 1.0
    groups = [GroupInput(start, given(impulses), *factors) for factors in GROUPS]
    ends = [path[-1, 0] for path in run_groups(make, groups, lrs=lrs, weight_decay=settings.weight_decay)]
    shares = [_shares(end, settings.weight_decay * decay) for end, (_, decay) in zip(ends, GROUPS, strict=True)]
    due = [_closed([lr * factor for lr in lrs], settings.weight_decay * decay) for factor, decay in GROUPS]
    return _readings(shares, due, settings=settings, lrs=lrs)


def _schedule(settings: ImpulseResponseSettings) -> list[float]:
    rising = [settings.lr * (step + 1) / settings.steps for step in range(settings.steps)]
    return {"constant": [settings.lr] * settings.steps, "rising": rising, "falling": rising[::-1]}[settings.schedule]


def _shares(end: Tensor, decay: float) -> Tensor:
    """c_0 ... c_{T-1} and, last, P_T."""
    return torch.cat([-decay * end[:-1], end[-1:]])


def _closed(lrs: list[float], decay: float) -> Tensor:
    after = torch.ones((), dtype=torch.float64)
    shares: list[Tensor] = []
    for lr in reversed(lrs):
        shares.append(lr * decay * after)
        after = after * (1 - lr * decay)
    return torch.stack([*reversed(shares), after])


def _readings(
    shares: list[Tensor], due: list[Tensor], *, settings: ImpulseResponseSettings, lrs: list[float]
) -> dict[str, Measurement]:
    steps, half = settings.steps, settings.steps // 2
    # A share is a product of at most steps + 2 numbers, each made and multiplied with 3 roundings, on either side.
    relative = 6 * EPS * (steps + 2)
    effect = float(min(lrs)) * settings.weight_decay  # one step's decay changes each share by this fraction
    worst = max(float(((own - closed) / closed).abs().max()) for own, closed in zip(shares, due, strict=True))
    first, closed = shares[0], due[0]
    early, early_due = float(first[:half].sum()), float(closed[:half].sum())
    timescale, timescale_due = _timescale(first[:-1], lrs), _timescale(closed[:-1], lrs)
    return {
        "worst_error": Measurement(worst, "fraction of the share", expected=0.0, tolerance=relative, effect=effect),
        "initial_share": Measurement(
            float(first[-1]), "fraction", expected=float(closed[-1]), tolerance=relative, effect=float(1 - closed[-1])
        ),
        "total_share": Measurement(float(first.sum()), "fraction", expected=1.0, tolerance=relative, effect=effect),
        "early_share": Measurement(early, "fraction", expected=early_due, tolerance=relative, effect=effect),
        # The slope of log c errs by no more than the largest error of log c, `relative`; the time constant is -1 / slope.
        "timescale": Measurement(
            timescale, "steps", expected=timescale_due, tolerance=relative * timescale_due**2, effect=timescale_due
        ),
    }


def _timescale(shares: Tensor, lrs: list[float]) -> float:
    """-1 / slope of log (share / its own lr) against age: the number of steps over which an update's trace falls by e."""
    age = -torch.arange(len(shares), dtype=torch.float64)
    age, logs = age - age.mean(), (shares.abs() / torch.tensor(lrs, dtype=torch.float64)).log()
    return float(-(age * age).sum() / (age * (logs - logs.mean())).sum())
