"""Tests of the probe noisy_quadratic: a ridge penalty that grows with the noise, and one that does not."""

from __future__ import annotations

import pytest

from harness.probes.dynamics import NoisyQuadraticSettings
from harness.probes.dynamics.noisy_quadratic import NOISE, run
from tests.selftest.probes.subjects import mutant, torch_optim

ADAMW = NoisyQuadraticSettings(lr=0.05, weight_decay=0.5, law="adamw")
RIDGE = NoisyQuadraticSettings(lr=0.05, weight_decay=0.5, law="ridge")
WEIGHTS = ("weight_quiet", "weight_middle", "weight_loud")


@pytest.mark.parametrize(("name", "settings"), [("AdamW", ADAMW), ("Adam", RIDGE)])
def test_adamw_and_adam_rest_near_their_own_laws(name: str, settings: NoisyQuadraticSettings) -> None:
    measurements = run(torch_optim(name), settings)
    for measure in WEIGHTS:
        assert measurements[measure].value == pytest.approx(measurements[measure].expected, rel=0.015)


def test_the_closed_form_solves_its_equation() -> None:
    measurements = run(torch_optim("AdamW"), NoisyQuadraticSettings(lr=0.05, weight_decay=0.5, law="adamw", steps=2, pairs=2))
    for sigma, measure in zip(NOISE, WEIGHTS, strict=True):
        rest = measurements[measure].expected
        assert rest is not None
        assert (3 - rest) / ((3 - rest) ** 2 + sigma**2) ** 0.5 == pytest.approx(0.5 * rest, rel=1e-12)


def test_the_effect_is_many_standard_errors() -> None:
    measurements = run(torch_optim("AdamW"), ADAMW)
    for measure in WEIGHTS:
        effect, error = measurements[measure].effect, measurements[measure].standard_error
        assert effect is not None
        assert error is not None
        assert effect >= 10 * error > 0


@pytest.mark.parametrize(("name", "slope"), [("AdamWTwin", 1.0), ("CoupledL2", 0.0), ("DecayScaledByGradient", 0.0)])
def test_the_slope_separates_noise_scaled_and_plain_ridge(name: str, slope: float) -> None:
    assert run(mutant(name), ADAMW)["alpha_slope"].value == pytest.approx(slope, abs=0.05)
