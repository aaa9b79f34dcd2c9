"""Does the probe rounding_threshold round as the hardware does, and know which weights move?"""

from __future__ import annotations

import math

import pytest
import torch

from harness.probes.numerics import RoundingThresholdSettings
from harness.probes.numerics import rounding_threshold as module
from harness.probes.numerics.rounding_threshold import run
from tests.selftest.probes.judged import readings
from tests.selftest.probes.subjects import exact, torch_optim

NAME, FAULTY = "rounding_threshold", "tests.mutants.numerics:"


@pytest.mark.parametrize(("dtype", "bits"), [(torch.bfloat16, 8), (torch.float16, 11), (torch.float32, 24)])
def test_rounding_by_hand_is_torchs_cast(dtype: torch.dtype, bits: int) -> None:
    """Over ten thousand numbers between a quarter and four, and on ties."""
    drawn = torch.rand(10_000, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 3.75 + 0.25
    ties = 1 + (2 * torch.arange(64, dtype=torch.float64) + 1) * 2.0**-bits
    numbers = torch.cat([drawn, ties]).float().double()  # torch casts to float16 by way of float32

    ours = [module._rounded(one, bits) for one in numbers.tolist()]

    assert ours == numbers.to(dtype).double().tolist()


@pytest.mark.parametrize("x", [1.9e-3, 1.96e-3, 2.5e-3, 3.0e-3, 3.8e-3, 4.0e-3])
def test_which_bfloat16_weights_move_is_a_matter_of_their_place_in_the_binade(x: float) -> None:
    """m moves if m x exceeds 2^-8; 1 itself, with the finer spacing below it, from x = 2^-9."""
    due = sum((1 + k / 128) * x > 2**-8 or (k == 0 and x > 2**-9) for k in range(128)) / 128

    found = run(torch_optim("AdamW"), RoundingThresholdSettings(dtype="bfloat16", lr_decay=x))

    assert found["moved"].value == due
    assert exact(found["moved"])


def test_just_above_the_threshold_float32_takes_one_unit_in_the_last_place() -> None:
    """2^-23 / (m x): the mean over a binade is 2^-23 ln 2 / x, 2.755 at 3e-8."""
    found = readings(NAME, "float32_above")

    assert found["strength_most"].value == pytest.approx(2**-23 / 3e-8, rel=1e-3)
    assert found["strength_mean"].value == pytest.approx(2**-23 * math.log(2) / 3e-8, rel=1e-3)
    assert found["strength_least"].value == pytest.approx(2**-24 / 3e-8, rel=1e-3)


def test_one_unit_a_step_gives_the_number_that_the_scenario_names() -> None:
    """Thirty steps down from each of 128 bfloat16 numbers, counted in their bits."""
    start = (1 + torch.arange(128) / 128).bfloat16()
    end = (start.view(torch.int16) - 30).view(torch.bfloat16)

    left = float((end.double() / start.double()).mean())

    assert left == pytest.approx(0.8503142578354672, abs=1e-15)
    assert [readings(NAME, arm)["left"].value for arm in ("bfloat16_weaker", "bfloat16_stronger")] == [left, left]


def test_every_arm_meets_its_closed_form() -> None:
    """Bit for bit, whatever the dtype and the path; gradients under fused apart, where a lost decay comes back."""
    for arm in ("usual", "bfloat16_below_foreach", "bfloat16_between_foreach", "float32_millionth", "float16_fused"):
        assert all(exact(reading) for reading in readings(NAME, arm).values()), arm


@pytest.mark.parametrize(
    ("arm", "fault"),
    [
        ("bfloat16_below", "DecayTruncated"),
        ("bfloat16_between", "FactorInWeightsPrecision"),
        ("bfloat16_between_foreach", "FactorInFloat32"),
        ("float32_above", "FactorInDouble"),
    ],
)
def test_another_rounding_is_another_number(arm: str, fault: str) -> None:
    """Where it is rounded, and how, shows in how many weights move or by how much."""
    found = readings(NAME, arm, path=FAULTY + fault)

    assert not exact(found["strength_mean"])
    assert abs(found["strength_mean"].value - (found["strength_mean"].expected or 0.0)) > 0.5


def test_nan_is_counted_and_never_compared() -> None:
    """A share of weights, and no other reading."""
    assert set(readings(NAME, "float16_usual_eps")) == {"not_finite"}
    assert readings(NAME, "float16_usual_eps")["not_finite"].value == 1.0
