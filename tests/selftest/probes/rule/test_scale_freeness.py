"""Does the scale probe see which optimizers divide the gradient's size out?"""

from __future__ import annotations

from typing import Any

import pytest

from harness.probes.rule import ScaleFreenessSettings
from harness.probes.rule.scale_freeness import run
from tests.selftest.probes.subjects import exact, mutant, reference, torch_optim

SETTINGS = ScaleFreenessSettings(lr=0.2, weight_decay=0.4)


@pytest.mark.parametrize("make", [torch_optim("AdamW", eps=0.0), mutant("AdamWTwin", eps=0.0), reference("SignSGD")])
def test_scale_free_optimizers_do_not_move(make: Any) -> None:
    assert exact(run(make, SETTINGS)["change"])


def test_eps_is_seen_where_gradients_were_made_small() -> None:
    readings = run(torch_optim("AdamW"), SETTINGS)
    assert 1e-7 < readings["change"].value < 1e-3
    assert readings["change"].value == readings["change_scaled_down"].value > 10 * readings["change_scaled_up"].value


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
def test_others_move_by_as_much_as_they_travel(make: Any) -> None:
    assert run(make, SETTINGS)["change"].value > 0.5
