"""Does the probe rounding_remedies tell a decay that is kept from one that is lost?"""

from __future__ import annotations

import pytest

from harness.probes.numerics import RoundingRemediesSettings
from harness.probes.numerics import rounding_remedies as module
from harness.probes.numerics.rounding_remedies import run
from harness.subject.loading import factory
from tests.selftest.probes.judged import readings

NAME, FAULTY = "rounding_remedies", "tests.mutants.numerics:"
DUE = 0.999**60


@pytest.mark.parametrize("arm", ["master", "compensated"])
def test_a_remedy_keeps_the_decay_to_the_last_rounding(arm: str) -> None:
    """The mean over a binade is nearer than the half unit that a single weight may be off."""
    assert readings(NAME, arm)["left"].value == pytest.approx(DUE, rel=2**-9)
    assert readings(NAME, arm)["differing"].value == 0.0


def test_bfloat16_alone_keeps_every_bit() -> None:
    """And nearly all weights end elsewhere than the float32 run says."""
    found = readings(NAME, "plain")

    assert found["left"].value == 1.0
    assert found["differing"].value > 0.9
    assert found["felt"].value < 0.05


@pytest.mark.parametrize("seed", range(4))
def test_stochastic_rounding_is_right_on_average_for_any_seed(seed: int) -> None:
    """Within four standard errors, each time other ones."""
    make = factory("harness.optimizers:StochasticAdamW", {"seed": seed}, training=False)
    left = run(make, RoundingRemediesSettings(copies=100))["left"]

    assert left.standard_error is not None
    assert 0 < left.standard_error < (1 - DUE) / 100
    assert abs(left.value - DUE) < 4 * left.standard_error


@pytest.mark.parametrize(
    ("arm", "fault"),
    [
        ("master", "MasterReadBack"),
        ("master", "MasterWithoutDecay"),
        ("compensated", "CompensationForgotten"),
        ("stochastic", "DecayRoundedToNearest"),
    ],
)
def test_a_remedy_that_leaves_the_decay_out_loses_all_of_it(arm: str, fault: str) -> None:
    """Nothing in between: 1 where 0.94 is due."""
    assert readings(NAME, arm, path=FAULTY + fault)["left"].value == pytest.approx(1.0, abs=1e-6)


def test_the_decay_is_half_of_what_moves_a_bfloat16_weight() -> None:
    """lr x weight_decay = 1e-3 against 2^-9."""
    settings = RoundingRemediesSettings()

    assert settings.lr * settings.weight_decay == pytest.approx(1e-3)
    assert settings.lr * settings.weight_decay < 2**-9
    assert module.MANTISSAS == 128
