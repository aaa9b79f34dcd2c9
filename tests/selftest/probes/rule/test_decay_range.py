"""Tests of the probe decay_range: the values of weight_decay that are refused, and the factors at the others."""

from __future__ import annotations

import pytest

from harness.probes.rule import DecayRangeSettings
from harness.probes.rule.decay_range import POINTS, run
from tests.selftest.probes.handled import measure_as_shipped, measurements_of, missed_closed_forms
from tests.selftest.probes.subjects import meets_closed_form, torch_optim

SETTINGS = DecayRangeSettings(lr=0.125, weight_decay=0.6)


def test_torch_meets_every_closed_form_with_margin() -> None:
    """The errors are at most half of the tolerances, and the tolerances are small enough to show the effects."""
    assert missed_closed_forms("decay_range") == []


@pytest.mark.parametrize("name", ["SGD", "Muon", "Adafactor"])
def test_other_decoupled_optimizers_have_the_same_range(name: str) -> None:
    """From h l = 0.5 to 2.5 the factors are those of AdamW."""
    measurements = run(torch_optim(name), SETTINGS)

    assert all(meets_closed_form(measurements[f"{point}_factor"]) for point in POINTS)


def test_decay_beyond_two_grows_weights_without_a_warning() -> None:
    """The factor at h l = 2.5 is -1.5 a step. Infinity is accepted, and leaves no weight finite."""
    measurements = measure_as_shipped("decay_range", "torch_adamw")

    assert (measurements["past_factor"].value, measurements["warnings"].value) == (-1.5, 0.0)
    assert (measurements["infinite_refused"].value, measurements["infinite_lost"].value) == (0.0, 12.0)


@pytest.mark.parametrize("arm", ["rprop", "lbfgs", "sparse_adam"])
def test_without_weight_decay_only_the_refusal_is_measured(arm: str) -> None:
    """Nothing else can be measured of an optimizer that refuses the argument."""
    assert {name: measurement.value for name, measurement in measure_as_shipped("decay_range", arm).items()} == {
        "weight_decay_refused": 1.0
    }


def test_a_hidden_decay_at_weight_decay_0_is_measured() -> None:
    """torch's ASGD and the mutant both take 1e-4 x lr of the weight."""
    assert measure_as_shipped("decay_range", "asgd")["zero_factor"].value == pytest.approx(1 - 1.25e-5, abs=1e-15)
    assert measurements_of("decay_range", "any", "HiddenDecay")["zero_factor"].value == pytest.approx(1 - 1.25e-5, abs=1e-15)


def test_an_accepted_nan_is_noticed() -> None:
    """A check for values below zero lets NaN pass."""
    measurements = measurements_of("decay_range", "torch_adamw", "NanDecayAccepted")

    assert (measurements["negative_refused"].value, measurements["nan_refused"].value) == (1.0, 0.0)
