"""Probe estimated_rate: decay of an optimizer that estimates its own learning rate, by the estimate d x lr.

Weights with a steady gradient let the estimate grow. Beside them, weights with a gradient of exactly zero show the
decay alone: their factor at step t is 1 - d_t x lr x weight_decay, where d_t is the group's value before the step
(Mishchenko and Defazio 2023). Range: at the start d x lr x weight_decay is at most 1e-4, on purpose: the probe
measures that decay starts so small.
"""

from __future__ import annotations

import torch

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.variants import EstimatedRateSettings
from harness.subject.loading import Factory
from harness.subject.stepping import step_once


def run(make: Factory, settings: EstimatedRateSettings) -> dict[str, Measurement]:
    """Return the largest distance of the decay from d x lr x weight_decay, the decay of the first step, and its growth."""
    busy = torch.nn.Parameter(torch.tensor([[2.0, -1.0, 0.5]], dtype=torch.float64))
    idle = torch.nn.Parameter(torch.tensor([[1.5, -0.3, -4.0]], dtype=torch.float64))
    optimizer = make([busy, idle], lr=settings.lr, weight_decay=settings.weight_decay)
    measured, expected = [], []
    for step in range(settings.steps):
        before = idle.detach().clone()
        expected.append(float(optimizer.param_groups[0].get("d", 1.0)) * settings.lr * settings.weight_decay)
        step_once(optimizer, step, [busy, idle], [busy.detach() - 5.0, torch.zeros_like(idle)])
        measured.append(float((1 - idle.detach() / before)[0, 0]))
    first = settings.d0 * settings.lr * settings.weight_decay
    tolerance = 4 * EPS  # 1 - d h l, its product with w, and the division by w
    error = max(abs(ours - theirs) for ours, theirs in zip(measured, expected, strict=True))
    growth, expected_growth = measured[-1] / measured[0] if measured[0] else 0.0, expected[-1] / first
    return {
        "worst_error": Measurement(error, "of w", 0.0, tolerance, max(expected)),
        "first_decay": Measurement(measured[0], "of w", first, tolerance, first),
        "growth": Measurement(growth, "ratio", expected_growth, expected_growth * 2 * tolerance / first, expected_growth),
    }
