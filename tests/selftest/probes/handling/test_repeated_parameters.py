"""Does the probe repeated_parameters count how often a weight decays?"""

from __future__ import annotations

import pytest
import torch

from harness.probes.handling import RepeatedParametersSettings
from harness.probes.handling.repeated_parameters import run
from tests.selftest.probes.handled import inexact, read, usual
from tests.selftest.probes.subjects import exact, torch_optim


def test_torch_meets_every_closed_form_with_room() -> None:
    """And each of them would see the effect that it looks for."""
    assert inexact("repeated_parameters") == []


@pytest.mark.parametrize("name", ["SGD", "Muon", "Adafactor"])
def test_other_decoupled_optimizers_decay_a_shared_weight_once(name: str) -> None:
    """And a normalised layer as well."""
    readings = run(torch_optim(name), RepeatedParametersSettings(lr=0.1, weight_decay=0.6))

    assert all(exact(reading) for reading in readings.values())


def test_a_repeated_weight_has_two_factors() -> None:
    """0.94 squared, and one warning."""
    readings = usual("repeated_parameters", "torch_adamw")

    assert readings["repeated_factor"].value == pytest.approx(0.8836, rel=1e-14)
    assert readings["repeat_warnings"].value == 1.0


def test_an_overlap_that_is_accepted_is_seen() -> None:
    """As no refusal."""
    assert read("repeated_parameters", "torch_adamw", "OverlapAccepted")["overlap_refused"].value == 0.0


def test_a_normalised_weight_does_not_know_the_length_of_its_direction() -> None:
    """w = g v / |v|, worked out here: a shrunken v gives the same w, a shrunken g a shrunken one."""
    direction, length = (
        torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)),
        torch.ones(3, 1).double(),
    )
    weight = length * direction / direction.norm(dim=1, keepdim=True)
    shrunk = (0.94 * length) * (0.94 * direction) / (0.94 * direction).norm(dim=1, keepdim=True)

    torch.testing.assert_close(shrunk, 0.94 * weight, rtol=1e-14, atol=0.0)


def test_a_default_that_reaches_the_exempt_length_is_seen() -> None:
    """The layer shrinks although its length is exempt."""
    reading = read("repeated_parameters", "any", "DefaultDecayForAllGroups")["direction_decay_change"]

    assert reading.value == pytest.approx(0.06, rel=1e-10)
