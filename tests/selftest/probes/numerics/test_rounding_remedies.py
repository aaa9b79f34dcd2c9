"""Tests of the probe rounding_remedies: a decay that a remedy keeps, and one that rounding removes."""

from __future__ import annotations

import pytest

from harness.probes.numerics import RoundingRemediesSettings
from harness.probes.numerics import rounding_remedies as module
from harness.probes.numerics.rounding_remedies import run
from harness.subject.loading import make_factory
from tests.selftest.probes.judged import measurements_of

NAME, FAULTY = "rounding_remedies", "tests.mutants.numerics:"
EXPECTED = 0.999**60


@pytest.mark.parametrize("arm", ["master", "compensated"])
def test_a_remedy_keeps_the_decay_to_the_last_rounding(arm: str) -> None:
    """The mean over a binade is nearer than half a unit, the rounding of a single weight."""
    assert measurements_of(NAME, arm)["left"].value == pytest.approx(EXPECTED, rel=2**-9)
    assert measurements_of(NAME, arm)["differing"].value == 0.0


def test_bfloat16_alone_loses_the_decay() -> None:
    """Without gradients no weight changes. With gradients nearly all weights differ from the float32 run."""
    measured = measurements_of(NAME, "plain")

    assert measured["left"].value == 1.0
    assert measured["differing"].value > 0.9
    assert measured["felt"].value < 0.05


@pytest.mark.parametrize("seed", range(4))
def test_stochastic_rounding_is_right_on_average(seed: int) -> None:
    """The mean is within four of its standard errors, for several seeds."""
    make = make_factory("harness.optimizers:StochasticAdamW", {"seed": seed}, training=False)
    left = run(make, RoundingRemediesSettings(copies=100))["left"]

    assert left.standard_error is not None
    assert 0 < left.standard_error < (1 - EXPECTED) / 100
    assert abs(left.value - EXPECTED) < 4 * left.standard_error


@pytest.mark.parametrize(
    ("arm", "fault"),
    [
        ("master", "MasterReadBack"),
        ("master", "MasterWithoutDecay"),
        ("compensated", "CompensationForgotten"),
        ("stochastic", "DecayRoundedToNearest"),
    ],
)
def test_a_faulty_remedy_loses_all_of_the_decay(arm: str, fault: str) -> None:
    """The share that remains is 1, where 0.94 is expected."""
    assert measurements_of(NAME, arm, path=FAULTY + fault)["left"].value == pytest.approx(1.0, abs=1e-6)


def test_the_decay_is_half_of_the_bfloat16_threshold() -> None:
    """lr x weight_decay is 1e-3. The least decay that moves a bfloat16 weight is 2^-9."""
    settings = RoundingRemediesSettings()

    assert settings.lr * settings.weight_decay == pytest.approx(1e-3)
    assert settings.lr * settings.weight_decay < 2**-9
    assert module.MANTISSAS == 128
