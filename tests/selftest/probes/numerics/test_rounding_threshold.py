"""Tests of the probe rounding_threshold: its rounding is that of torch, and it finds the weights that move."""

from __future__ import annotations

import math

import pytest
import torch

from harness.probes.numerics import RoundingThresholdSettings
from harness.probes.numerics import rounding_threshold as module
from harness.probes.numerics.rounding_threshold import run
from tests.selftest.probes.judged import measurements_of
from tests.selftest.probes.subjects import meets_closed_form, torch_optim

NAME, FAULTY = "rounding_threshold", "tests.mutants.numerics:"


@pytest.mark.parametrize(("dtype", "bits"), [(torch.bfloat16, 8), (torch.float16, 11), (torch.float32, 24)])
def test_the_exact_rounding_agrees_with_torchs_cast(dtype: torch.dtype, bits: int) -> None:
    """They agree on ten thousand numbers between a quarter and four, and on ties."""
    drawn = torch.rand(10_000, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 3.75 + 0.25
    ties = 1 + (2 * torch.arange(64, dtype=torch.float64) + 1) * 2.0**-bits
    numbers = torch.cat([drawn, ties]).float().double()  # torch casts to float16 by way of float32

    ours = [module._rounded(number, bits) for number in numbers.tolist()]

    assert ours == numbers.to(dtype).double().tolist()


@pytest.mark.parametrize("x", [1.9e-3, 1.96e-3, 2.5e-3, 3.0e-3, 3.8e-3, 4.0e-3])
def test_the_place_in_the_binade_decides_which_weights_move(x: float) -> None:
    """m moves if m x exceeds 2^-8. The weight 1 has finer spacing below it and moves above x = 2^-9."""
    expected = sum((1 + k / 128) * x > 2**-8 or (k == 0 and x > 2**-9) for k in range(128)) / 128

    moved = run(torch_optim("AdamW"), RoundingThresholdSettings(dtype="bfloat16", lr_decay=x))["moved"]

    assert moved.value == expected
    assert meets_closed_form(moved)


def test_float32_above_the_threshold_takes_one_last_unit() -> None:
    """One unit in the last place is a strength of 2^-23 / (m x). The mean over a binade is 2^-23 ln 2 / x, 2.755 at 3e-8."""
    measured = measurements_of(NAME, "float32_above")

    assert measured["strength_most"].value == pytest.approx(2**-23 / 3e-8, rel=1e-3)
    assert measured["strength_mean"].value == pytest.approx(2**-23 * math.log(2) / 3e-8, rel=1e-3)
    assert measured["strength_least"].value == pytest.approx(2**-24 / 3e-8, rel=1e-3)


def test_thirty_steps_of_one_unit_leave_the_scenarios_number() -> None:
    """Each of 128 bfloat16 numbers falls by thirty units in the last place, computed here on their bits."""
    start = (1 + torch.arange(128) / 128).bfloat16()
    end = (start.view(torch.int16) - 30).view(torch.bfloat16)

    left = float((end.double() / start.double()).mean())

    assert left == pytest.approx(0.8503142578354672, abs=1e-15)
    assert [measurements_of(NAME, arm)["left"].value for arm in ("bfloat16_weaker", "bfloat16_stronger")] == [left, left]


def test_every_arm_meets_its_closed_form() -> None:
    """The form holds bit for bit, for every dtype and path. Fused steps with gradients are left out: there the decay acts."""
    for arm in ("usual", "bfloat16_below_foreach", "bfloat16_between_foreach", "float32_millionth", "float16_fused"):
        assert all(meets_closed_form(measurement) for measurement in measurements_of(NAME, arm).values()), arm


@pytest.mark.parametrize(
    ("arm", "fault"),
    [
        ("bfloat16_below", "DecayTruncated"),
        ("bfloat16_between", "FactorInWeightsPrecision"),
        ("bfloat16_between_foreach", "FactorInFloat32"),
        ("float32_above", "FactorInDouble"),
    ],
)
def test_another_rounding_changes_the_mean_strength(arm: str, fault: str) -> None:
    """The place and the kind of a rounding decide how many weights move and by how much."""
    measured = measurements_of(NAME, arm, path=FAULTY + fault)

    assert not meets_closed_form(measured["strength_mean"])
    assert abs(measured["strength_mean"].value - (measured["strength_mean"].expected or 0.0)) > 0.5


def test_nan_is_counted_and_never_compared() -> None:
    """The only reading is the share of weights that are not finite."""
    assert set(measurements_of(NAME, "float16_usual_eps")) == {"not_finite"}
    assert measurements_of(NAME, "float16_usual_eps")["not_finite"].value == 1.0
