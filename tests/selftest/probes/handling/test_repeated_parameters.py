"""Tests of the probe repeated_parameters: shared, normalised and repeated weights and their numbers of decays."""

from __future__ import annotations

import pytest
import torch

from harness.probes.handling import RepeatedParametersSettings
from harness.probes.handling.repeated_parameters import run
from tests.selftest.probes.handled import measure_as_shipped, measurements_of, missed_closed_forms
from tests.selftest.probes.subjects import meets_closed_form, torch_optim


def test_torch_meets_every_closed_form_with_margin() -> None:
    """Each reading is also sensitive: its effect is at least 1e4 tolerances."""
    assert missed_closed_forms("repeated_parameters") == []


@pytest.mark.parametrize("name", ["SGD", "Muon", "Adafactor"])
def test_decoupled_optimizers_decay_a_shared_weight_once(name: str) -> None:
    """The measurements of a normalised layer are exact too."""
    measurements = run(torch_optim(name), RepeatedParametersSettings(lr=0.1, weight_decay=0.6))

    assert all(meets_closed_form(measurement) for measurement in measurements.values())


def test_a_weight_listed_twice_decays_twice() -> None:
    """0.94 squared remains, and torch gives one warning."""
    measurements = measure_as_shipped("repeated_parameters", "torch_adamw")

    assert measurements["repeated_factor"].value == pytest.approx(0.8836, rel=1e-14)
    assert measurements["repeat_warnings"].value == 1.0


def test_an_accepted_overlap_of_groups_is_measured() -> None:
    assert measurements_of("repeated_parameters", "torch_adamw", "OverlapAccepted")["overlap_refused"].value == 0.0


def test_a_normalised_weight_is_independent_of_norm_of_v() -> None:
    """With w = g v / |v|, a smaller v gives the same w and a smaller g a smaller w."""
    direction, length = (
        torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)),
        torch.ones(3, 1).double(),
    )
    weight = length * direction / direction.norm(dim=1, keepdim=True)
    shrunk = (0.94 * length) * (0.94 * direction) / (0.94 * direction).norm(dim=1, keepdim=True)

    torch.testing.assert_close(shrunk, 0.94 * weight, rtol=1e-14, atol=0.0)


def test_a_default_decay_of_an_exempt_length_is_measured() -> None:
    """The weight shrinks although its length is in an exempt group."""
    measurement = measurements_of("repeated_parameters", "any", "DefaultDecayForAllGroups")["direction_decay_change"]

    assert measurement.value == pytest.approx(0.06, rel=1e-10)
