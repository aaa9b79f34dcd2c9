"""Tests of the probe averaged_weights: the closed forms of averages, and an average that decays itself."""

from __future__ import annotations

from typing import Any

import pytest

from harness.probes.variants import AveragedWeightsSettings
from harness.probes.variants.averaged_weights import run
from harness.subject.loading import make_factory
from tests.selftest.probes.judged import measurements_of
from tests.selftest.probes.subjects import meets_closed_form, torch_optim

NAME, FAULTY = "averaged_weights", "tests.mutants.numerics:"


@pytest.mark.parametrize("name", ["AdamW", "SGD", "Muon", "Adafactor"])
@pytest.mark.parametrize("law", ["ema", "equal"])
def test_averages_of_decoupled_decay_meet_the_closed_form(name: str, law: Any) -> None:
    """The gradients are zero, so the update rule does not matter."""
    measured = run(torch_optim(name), AveragedWeightsSettings(law=law))

    assert all(meets_closed_form(measurement) for measurement in measured.values())


def test_the_lag_of_a_moving_average_converges() -> None:
    """Its limit is (1 - b) r / (r - b), 1.9 at r = 0.95 and b = 0.9. After forty steps it is 1.7907."""
    long_run = run(torch_optim("AdamW"), AveragedWeightsSettings(law="ema", steps=400))["lag"].value

    assert long_run == pytest.approx(0.1 * 0.95 / 0.05, rel=1e-6)
    assert measurements_of(NAME, "moving")["lag"].value == pytest.approx(1.7907, abs=1e-4)


def test_lookahead_meets_its_closed_form() -> None:
    """Eight rounds leave 1/2 + 0.95^5 / 2 each."""
    assert measurements_of(NAME, "lookahead")["averaged_left"].value == pytest.approx((0.5 + 0.5 * 0.95**5) ** 8, rel=1e-13)


@pytest.mark.parametrize(
    ("law", "decay_at_z", "left"),
    [("schedule_free_y", False, 0.582760), ("schedule_free_z", True, 0.999 * (1 - 0.999**1000) / 1)],
)
def test_schedule_free_meets_known_values(law: Any, decay_at_z: bool, left: float) -> None:
    """A thousand steps at lr 0.01 and weight decay 0.1.

    The value of y is from a separate iteration of its recursion, that of z from the geometric series.
    """
    make = make_factory("harness.optimizers:ScheduleFreeSGD", {"momentum": 0.9, "decay_at_z": decay_at_z}, training=False)
    measured = run(make, AveragedWeightsSettings(law=law, lr=0.01, weight_decay=0.1, steps=1000))

    assert measured["averaged_left"].value == pytest.approx(left, abs=1e-6)


def test_an_average_that_decays_in_eval_is_measured() -> None:
    """It shows in two measures: in the averaged weights and in the error of swapping."""
    measured = measurements_of(NAME, "schedule_free", path=FAULTY + "EvalDecays")

    assert not meets_closed_form(measured["averaged_left"])
    assert measured["swap_error"].value > 0.05


def test_a_decay_of_the_slow_weights_is_measured() -> None:
    """A round leaves (1/2) 0.95 + (1/2) 0.95^5 instead of 1/2 + (1/2) 0.95^5."""
    measured = measurements_of(NAME, "lookahead", path=FAULTY + "SlowWeightsDecayToo")

    assert measured["averaged_left"].value == pytest.approx((0.5 * 0.95 + 0.5 * 0.95**5) ** 8, rel=1e-13)
