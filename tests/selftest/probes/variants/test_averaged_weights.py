"""Does the probe averaged_weights know what is left of an average?"""

from __future__ import annotations

from typing import Any

import pytest

from harness.probes.variants import AveragedWeightsSettings
from harness.probes.variants.averaged_weights import run
from harness.subject.loading import factory
from tests.selftest.probes.judged import readings
from tests.selftest.probes.subjects import exact, torch_optim

NAME, FAULTY = "averaged_weights", "tests.mutants.numerics:"


@pytest.mark.parametrize("name", ["AdamW", "SGD", "Muon", "Adafactor"])
@pytest.mark.parametrize("law", ["ema", "equal"])
def test_an_average_of_any_decoupled_decay_meets_its_form(name: str, law: Any) -> None:
    """What the rule does with gradients plays no part."""
    found = run(torch_optim(name), AveragedWeightsSettings(law=law))

    assert all(exact(reading) for reading in found.values())


def test_a_moving_average_of_a_geometric_series_has_a_lag_of_its_own() -> None:
    """In the long run (1 - b) r / (r - b): 1.9 at r = 0.95 and b = 0.9; forty steps are not all of the way."""
    long_run = run(torch_optim("AdamW"), AveragedWeightsSettings(law="ema", steps=400))["lag"].value

    assert long_run == pytest.approx(0.1 * 0.95 / 0.05, rel=1e-6)
    assert readings(NAME, "moving")["lag"].value == pytest.approx(1.7907, abs=1e-4)


def test_lookahead_leaves_the_power_that_its_docstring_gives() -> None:
    """Eight rounds of 1/2 + 0.95^5 / 2."""
    assert readings(NAME, "lookahead")["averaged_left"].value == pytest.approx((0.5 + 0.5 * 0.95**5) ** 8, rel=1e-13)


@pytest.mark.parametrize(
    ("law", "decay_at_z", "left"),
    [("schedule_free_y", False, 0.582760), ("schedule_free_z", True, 0.999 * (1 - 0.999**1000) / 1)],
)
def test_a_thousand_steps_of_schedule_free(law: Any, decay_at_z: bool, left: float) -> None:
    """lr 0.01, weight decay 0.1: at y by iterating its recursion elsewhere, at z by the geometric series."""
    make = factory("harness.optimizers:ScheduleFreeSGD", {"momentum": 0.9, "decay_at_z": decay_at_z}, training=False)
    found = run(make, AveragedWeightsSettings(law=law, lr=0.01, weight_decay=0.1, steps=1000))

    assert found["averaged_left"].value == pytest.approx(left, abs=1e-6)


def test_an_average_that_decays_when_it_is_shown_is_seen_twice() -> None:
    """In what is left and in what swapping changes."""
    found = readings(NAME, "schedule_free", path=FAULTY + "EvalDecays")

    assert not exact(found["averaged_left"])
    assert found["swap_error"].value > 0.05


def test_slow_weights_that_decay_too_lose_five_per_cent_more_a_round() -> None:
    """(1/2) 0.95 + (1/2) 0.95^5 instead of 1/2 + (1/2) 0.95^5."""
    found = readings(NAME, "lookahead", path=FAULTY + "SlowWeightsDecayToo")

    assert found["averaged_left"].value == pytest.approx((0.5 * 0.95 + 0.5 * 0.95**5) ** 8, rel=1e-13)
