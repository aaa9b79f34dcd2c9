"""Does the probe schedules read decay at the learning rate that is in force?"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from harness.probes.handling import SchedulesSettings
from harness.probes.handling.schedules import run
from tests.selftest.probes.handled import inexact, read, usual
from tests.selftest.probes.subjects import exact, torch_optim


def test_torch_meets_every_closed_form_with_room() -> None:
    """And each of them would see the effect that it looks for."""
    assert inexact("schedules") == []


@pytest.mark.parametrize("name", ["SGD", "Muon", "Adafactor"])
def test_other_optimizers_that_decay_by_lr_follow_the_schedulers(name: str) -> None:
    """The product is the decay's, whatever the update rule."""
    readings = run(torch_optim(name), SchedulesSettings(lr=0.1, weight_decay=0.6))

    assert all(
        exact(readings[measure]) for measure in ("scheduler_error", "decays_written", "decay_schedule_error", "moved_at_zero_lr")
    )


def test_a_cosine_of_torch_is_the_cosine() -> None:
    """The product that the probe takes from the groups is the one that the formula gives."""
    weight = torch.nn.Parameter(torch.full((2, 2), 1.9, dtype=torch.float64))
    optimizer = torch.optim.AdamW([weight], lr=0.1, weight_decay=0.6, foreach=False)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    for _ in range(10):
        weight.grad = torch.zeros_like(weight)
        optimizer.step()
        scheduler.step()

    due = math.prod(1 - 0.6 * 0.1 * (1 + math.cos(math.pi * step / 10)) / 2 for step in range(10))
    assert float(weight.detach()[0, 0]) / 1.9 == pytest.approx(due, rel=1e-13)


def test_a_float32_rate_is_off_by_its_rounding() -> None:
    """1 - 0.1 x 0.6 in float32, worked out without torch; a half and 0.6 would be off by as much as 3e-8."""
    rounded = float(np.float32(1) - np.float32(np.float32(0.1) * np.float32(0.6)))

    readings = usual("schedules", "tensor_lr")
    assert readings["tensor_lr_factor"].value == pytest.approx(rounded, abs=1e-15)
    assert readings["tensor_lr_error"].value == pytest.approx(abs(rounded - 0.94), rel=1e-6)


def test_the_rates_of_two_steps_are_told_apart() -> None:
    """Decay by the rate of the step before is off by what the schedule changes in a step."""
    assert read("schedules", "any", "PreviousLrDecay")["scheduler_error"].value > 0.01


def test_a_product_does_not_know_its_order() -> None:
    """The share that is left is the product of ten factors, either way."""
    due = math.prod(1 - 0.06 * (1 - step / 20) for step in range(10))

    readings = usual("schedules", "any")
    assert (readings["falling_survival"].value, readings["rising_survival"].value) == pytest.approx((due, due), rel=1e-13)
