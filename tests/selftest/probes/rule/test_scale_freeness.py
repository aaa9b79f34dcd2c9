"""Tests of the probe scale_freeness: which optimizers depend on the size of the gradients."""

from __future__ import annotations

from typing import Any

import pytest

from harness.probes.rule import ScaleFreenessSettings
from harness.probes.rule.scale_freeness import run
from tests.selftest.probes.subjects import meets_closed_form, mutant, reference, torch_optim

SETTINGS = ScaleFreenessSettings(lr=0.2, weight_decay=0.4)


@pytest.mark.parametrize("make", [torch_optim("AdamW", eps=0.0), mutant("AdamWTwin", eps=0.0), reference("SignSGD")])
def test_scale_free_optimizers_keep_their_path(make: Any) -> None:
    assert meets_closed_form(run(make, SETTINGS)["change"])


def test_eps_changes_the_path_of_scaled_down_gradients() -> None:
    measurements = run(torch_optim("AdamW"), SETTINGS)
    assert 1e-7 < measurements["change"].value < 1e-3
    assert measurements["change"].value == measurements["change_scaled_down"].value > 10 * measurements["change_scaled_up"].value


@pytest.mark.parametrize(
    "make",
    [
        torch_optim("Adam"),
        torch_optim("SGD"),
        mutant("CoupledL2"),
        mutant("DecayInsideMoments"),
        mutant("SecondMomentWithoutRoot"),
    ],
)
def test_other_optimizers_change_their_path_by_over_half(make: Any) -> None:
    assert run(make, SETTINGS)["change"].value > 0.5
