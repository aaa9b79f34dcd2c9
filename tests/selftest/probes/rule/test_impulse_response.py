"""Does the impulse response give each gradient its share of the weights?"""

from __future__ import annotations

from typing import Literal

import pytest

from harness.probes.rule import ImpulseResponseSettings
from harness.probes.rule.impulse_response import run
from tests.selftest.probes.subjects import exact, mutant, torch_optim


@pytest.mark.parametrize("schedule", ["constant", "rising", "falling"])
def test_sgd_meets_the_closed_form_under_every_schedule(schedule: Literal["constant", "rising", "falling"]) -> None:
    readings = run(torch_optim("SGD"), ImpulseResponseSettings(lr=0.2, weight_decay=0.4, schedule=schedule))
    assert all(exact(reading) for reading in readings.values())


def test_the_time_constant_is_minus_one_over_the_log_of_the_factor() -> None:
    readings = run(torch_optim("SGD"), ImpulseResponseSettings(lr=0.1, weight_decay=0.5))
    assert readings["timescale"].value == pytest.approx(19.4957, abs=1e-4)  # -1 / ln 0.95


def test_a_schedule_and_its_reverse_share_the_start_and_nothing_else() -> None:
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
    readings = run(mutant(name), ImpulseResponseSettings(lr=0.2, weight_decay=0.4))
    assert readings["worst_error"].value > 0.01
