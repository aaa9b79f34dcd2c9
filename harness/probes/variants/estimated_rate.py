"""What does decay follow where an optimizer estimates its own learning rate: lr, or the estimate d x lr?

Weights with a steady gradient let the estimate grow; beside them weights with a gradient of exactly zero show the decay
alone: their factor at step t is 1 - d_t x lr x weight_decay, d_t as the group says before the step (Mishchenko and Defazio 2023).
Range: at the start d x lr x weight_decay is 1e-4 at most, on purpose: that the decay starts so small is the point.
"""

from __future__ import annotations

import torch

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.variants import EstimatedRateSettings
from harness.subject.loading import Factory
from harness.subject.stepping import step_once


def run(make: Factory, settings: EstimatedRateSettings) -> dict[str, Measurement]:
    """Return the worst distance of the decay from d x lr x weight_decay, its first value, and how much it grows."""
    busy = torch.nn.Parameter(torch.tensor([[2.0, -1.0, 0.5]], dtype=torch.float64))
    idle = torch.nn.Parameter(torch.tensor([[1.5, -0.3, -4.0]], dtype=torch.float64))
    optimizer = make([busy, idle], lr=settings.lr, weight_decay=settings.weight_decay)
    taken, due = [], []
    for step in range(settings.steps):
        before = idle.detach().clone()
        due.append(float(optimizer.param_groups[0].get("d", 1.0)) * settings.lr * settings.weight_decay)
        step_once(optimizer, step, [busy, idle], [busy.detach() - 5.0, torch.zeros_like(idle)])
        taken.append(float((1 - idle.detach() / before)[0, 0]))
    first = settings.d0 * settings.lr * settings.weight_decay
    tolerance = 4 * EPS  # 1 - d h l, its product with w, and the division by w
    error = max(abs(one - other) for one, other in zip(taken, due, strict=True))
    growth, wanted = taken[-1] / taken[0] if taken[0] else 0.0, due[-1] / first
    return {
        "worst_error": Measurement(error, "of w", 0.0, tolerance, max(due)),
        "first_decay": Measurement(taken[0], "of w", first, tolerance, first),
        "growth": Measurement(growth, "ratio", wanted, wanted * 2 * tolerance / first, wanted),
    }
