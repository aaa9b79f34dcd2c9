"""Does the probe decay_range read what is taken and what it does?"""

from __future__ import annotations

import pytest

from harness.probes.rule import DecayRangeSettings
from harness.probes.rule.decay_range import POINTS, run
from tests.selftest.probes.handled import inexact, read, usual
from tests.selftest.probes.subjects import exact, torch_optim

SETTINGS = DecayRangeSettings(lr=0.125, weight_decay=0.6)


def test_torch_meets_every_closed_form_with_room() -> None:
    """And each of them would see the effect that it looks for."""
    assert inexact("decay_range") == []


@pytest.mark.parametrize("name", ["SGD", "Muon", "Adafactor"])
def test_other_decoupled_optimizers_have_the_same_range(name: str) -> None:
    """Half, nothing, and the other sign."""
    readings = run(torch_optim(name), SETTINGS)

    assert all(exact(readings[f"{point}_factor"]) for point in POINTS)


def test_decay_beyond_two_grows_without_a_word() -> None:
    """-1.5 a step, no warning; infinity is taken, and leaves no number."""
    readings = usual("decay_range", "torch_adamw")

    assert (readings["past_factor"].value, readings["warnings"].value) == (-1.5, 0.0)
    assert (readings["infinite_refused"].value, readings["infinite_lost"].value) == (0.0, 12.0)


@pytest.mark.parametrize("arm", ["rprop", "lbfgs", "sparse_adam"])
def test_what_takes_no_weight_decay_reads_as_that_alone(arm: str) -> None:
    """Nothing else can be asked of it."""
    assert {name: one.value for name, one in usual("decay_range", arm).items()} == {"weight_decay_refused": 1.0}


def test_a_hidden_decay_is_read_where_there_should_be_none() -> None:
    """ASGD's 1e-4 x lr, and the mutant's."""
    assert usual("decay_range", "asgd")["zero_factor"].value == pytest.approx(1 - 1.25e-5, abs=1e-15)
    assert read("decay_range", "any", "HiddenDecay")["zero_factor"].value == pytest.approx(1 - 1.25e-5, abs=1e-15)


def test_an_accepted_nan_is_seen() -> None:
    """Not below zero, and not above."""
    readings = read("decay_range", "torch_adamw", "NanDecayAccepted")

    assert (readings["negative_refused"].value, readings["nan_refused"].value) == (1.0, 0.0)
