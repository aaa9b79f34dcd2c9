"""Tests of the probe impulse_response: the share of each gradient in the weights, and the time constant."""

from __future__ import annotations

from typing import Literal

import pytest

from harness.probes.rule import ImpulseResponseSettings
from harness.probes.rule.impulse_response import run
from tests.selftest.probes.subjects import meets_closed_form, mutant, torch_optim


@pytest.mark.parametrize("schedule", ["constant", "rising", "falling"])
def test_sgd_meets_the_closed_form_under_every_schedule(schedule: Literal["constant", "rising", "falling"]) -> None:
    measurements = run(torch_optim("SGD"), ImpulseResponseSettings(lr=0.2, weight_decay=0.4, schedule=schedule))
    assert all(meets_closed_form(measurement) for measurement in measurements.values())


def test_the_time_constant_is_minus_1_over_the_log_factor() -> None:
    measurements = run(torch_optim("SGD"), ImpulseResponseSettings(lr=0.1, weight_decay=0.5))
    assert measurements["timescale"].value == pytest.approx(19.4957, abs=1e-4)  # -1 / ln 0.95


def test_a_reversed_schedule_keeps_only_the_share_of_the_start() -> None:
    rising, falling = (
        run(torch_optim("SGD"), ImpulseResponseSettings(lr=0.2, weight_decay=0.4, schedule=schedule))
        for schedule in ("rising", "falling")
    )
    assert rising["initial_share"].value == pytest.approx(falling["initial_share"].value, rel=1e-13)
    assert falling["early_share"].value > 5 * rising["early_share"].value


@pytest.mark.parametrize(
    "name", ["SgdDecayForgotten", "SgdDecayTwice", "SgdDecayNotTimesLr", "SgdDecayAfterUpdate", "SgdWrongSign"]
)
def test_a_wrong_decay_gives_wrong_shares(name: str) -> None:
    measurements = run(mutant(name), ImpulseResponseSettings(lr=0.2, weight_decay=0.4))
    assert measurements["worst_error"].value > 0.01
