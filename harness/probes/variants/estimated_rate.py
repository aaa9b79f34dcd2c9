"""What does decay follow where an optimizer estimates its own learning rate: lr, or the estimate d x lr?

Weights with a steady gradient let the estimate grow; beside them weights with a gradient of exactly zero show the decay
alone: their factor at step t is 1 - d_t x lr x weight_decay, d_t as the group says before the step (Mishchenko and Defazio 2023).
Range: at the start d x lr x weight_decay is 1e-4 at most, on purpose: that the decay starts so small is the point.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from harness.measurement import Reading
from harness.probes.probe import Probe
from harness.subject.loading import Factory

EPS = torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class Settings:
    """A run of `steps`; `d0` is what the arm's subject starts its estimate from."""

    lr: float = 1.0
    weight_decay: float = 0.2
    d0: float = 1.0e-4
    steps: int = 40


def estimated_rate(make: Factory, settings: Settings) -> dict[str, Reading]:
    """Return the worst distance of the decay from d x lr x weight_decay, its first value, and how much it grows."""
    busy = torch.nn.Parameter(torch.tensor([[2.0, -1.0, 0.5]], dtype=torch.float64))
    idle = torch.nn.Parameter(torch.tensor([[1.5, -0.3, -4.0]], dtype=torch.float64))
    optimizer = make([busy, idle], lr=settings.lr, weight_decay=settings.weight_decay)
    taken, due = [], []
    for _ in range(settings.steps):
        before = idle.detach().clone()
        due.append(float(optimizer.param_groups[0].get("d", 1.0)) * settings.lr * settings.weight_decay)
        busy.grad, idle.grad = (busy.detach() - 5.0).clone(), torch.zeros_like(idle)
        optimizer.step()
        taken.append(float((1 - idle.detach() / before)[0, 0]))
    first = settings.d0 * settings.lr * settings.weight_decay
    tolerance = 4 * EPS  # 1 - d h l, its product with w, and the division by w
    error = max(abs(one - other) for one, other in zip(taken, due, strict=True))
    growth, wanted = taken[-1] / taken[0] if taken[0] else 0.0, due[-1] / first
    return {
        "worst_error": Reading(error, "of w", 0.0, tolerance, max(due)),
        "first_decay": Reading(taken[0], "of w", first, tolerance, first),
        "growth": Reading(growth, "ratio", wanted, wanted * 2 * tolerance / first, wanted),
    }


PROBE = Probe(
    run=estimated_rate,
    settings=Settings,
    measures={
        "worst_error": "worst distance of a step's decay from d x lr x weight_decay (of w)",
        "first_decay": "share of the weight that the first step's decay takes (of w)",
        "growth": "decay of the last step over that of the first (ratio)",
    },
)
