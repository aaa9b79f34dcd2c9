"""Tests of the probe schedules: decay is measured at the learning rate and weight decay of each step."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from harness.probes.handling import SchedulesSettings
from harness.probes.handling.schedules import run
from tests.selftest.probes.handled import measure_as_shipped, measurements_of, missed_closed_forms
from tests.selftest.probes.subjects import meets_closed_form, torch_optim


def test_torch_meets_every_closed_form_with_margin() -> None:
    """Each reading is also sensitive: its effect is at least 1e4 tolerances."""
    assert missed_closed_forms("schedules") == []


@pytest.mark.parametrize("name", ["SGD", "Muon", "Adafactor"])
def test_decoupled_optimizers_follow_the_schedulers(name: str) -> None:
    """The product of the factors does not depend on the update rule."""
    measurements = run(torch_optim(name), SchedulesSettings(lr=0.1, weight_decay=0.6))

    assert all(
        meets_closed_form(measurements[measure])
        for measure in ("scheduler_error", "decays_written", "decay_schedule_error", "moved_at_zero_lr")
    )


def test_torchs_cosine_scheduler_follows_the_cosine_formula() -> None:
    """The probe multiplies factors from the groups; here the product is computed from the formula."""
    weight = torch.nn.Parameter(torch.full((2, 2), 1.9, dtype=torch.float64))
    optimizer = torch.optim.AdamW([weight], lr=0.1, weight_decay=0.6, foreach=False)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    for _ in range(10):
        weight.grad = torch.zeros_like(weight)
        optimizer.step()
        scheduler.step()

    expected = math.prod(1 - 0.6 * 0.1 * (1 + math.cos(math.pi * step / 10)) / 2 for step in range(10))
    assert float(weight.detach()[0, 0]) / 1.9 == pytest.approx(expected, rel=1e-13)


def test_a_float32_lr_gives_a_factor_rounded_in_float32() -> None:
    """The factor 1 - 0.1 x 0.6 is computed in float32 without torch. float32 rounds such a factor by up to 3e-8."""
    rounded = float(np.float32(1) - np.float32(np.float32(0.1) * np.float32(0.6)))

    measurements = measure_as_shipped("schedules", "tensor_lr")
    assert measurements["tensor_lr_factor"].value == pytest.approx(rounded, abs=1e-15)
    assert measurements["tensor_lr_error"].value == pytest.approx(abs(rounded - 0.94), rel=1e-6)


def test_a_decay_by_the_previous_lr_is_measured() -> None:
    """The error is the change of the schedule in one step."""
    assert measurements_of("schedules", "any", "PreviousLrDecay")["scheduler_error"].value > 0.01


def test_the_order_of_learning_rates_does_not_matter() -> None:
    """The share that remains is the product of ten factors, in both orders."""
    expected = math.prod(1 - 0.06 * (1 - step / 20) for step in range(10))

    measurements = measure_as_shipped("schedules", "any")
    assert (measurements["falling_survival"].value, measurements["rising_survival"].value) == pytest.approx(
        (expected, expected), rel=1e-13
    )
