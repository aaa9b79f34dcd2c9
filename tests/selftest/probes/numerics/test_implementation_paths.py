"""Does the probe implementation_paths hold each kind of tensor to the rule, and tell one kind's fault from another's?"""

from __future__ import annotations

import pytest
import torch

from harness.probes.numerics import ImplementationPathsSettings
from harness.probes.numerics.implementation_paths import run
from tests.selftest.probes.judged import readings
from tests.selftest.probes.subjects import exact, mutant, torch_optim

NAME, FAULTY = "implementation_paths", "tests.mutants.numerics:"


@pytest.mark.parametrize("arm", ["adamw", "adamw_foreach", "adamw_fused", "flag_fused", "adam_l2_foreach", "sgd_momentum_fused"])
def test_torch_follows_the_rule_with_room_to_spare(arm: str) -> None:
    """Every path, and every reading of it."""
    found = readings(NAME, arm)

    assert {"worst_double", "worst_single"} <= set(found)
    assert all(exact(reading) for reading in found.values())


def test_the_rule_is_torchs_formula_for_one_step() -> None:
    """|g| >> eps: AdamW's first step is w (1 - lr l) - lr sign(g), which its twin written for another purpose takes too."""
    twin = run(mutant("AdamWTwin"), ImplementationPathsSettings(rule="adamw"))
    assert exact(twin["worst_double"])

    weight = torch.nn.Parameter(torch.tensor([1.5], dtype=torch.float64))
    weight.grad = torch.tensor([40.0], dtype=torch.float64)
    torch.optim.AdamW([weight], lr=0.2, weight_decay=0.5).step()
    assert float(weight.detach()) == pytest.approx(1.5 * 0.9 - 0.2, rel=1e-9)


@pytest.mark.parametrize(("rule", "other"), [("adamw", "Adam"), ("adam_l2", "AdamW"), ("sgd_l2", "AdamW")])
def test_another_rule_is_as_far_away_as_its_decay(rule: str, other: str) -> None:
    """Coupled and decoupled are not told apart by a hair."""
    found = run(torch_optim(other), ImplementationPathsSettings(rule=rule))

    assert found["worst_double"].value > 0.1
    assert found["worst_single"].value > 0.1


def test_a_fault_of_complex_tensors_shows_in_complex_tensors_alone() -> None:
    """Both the decay of one part only and a complex second moment."""
    for fault in ("OnlyRealPartsDecay", "ComplexSecondMoment"):
        found = readings(NAME, "adamw_foreach", path=FAULTY + fault)
        assert exact(found["worst_double"])
        assert exact(found["worst_single"])
        assert found["worst_complex"].value > 0.1


def test_a_decay_for_every_dtype_is_seen_in_all_of_them() -> None:
    """Three dtypes side by side: (1 - x)^3 where 1 - x is due."""
    found = readings(NAME, "adamw_foreach", path=FAULTY + "DecayOncePerBucket")

    assert min(reading.value for reading in found.values()) > 0.5
