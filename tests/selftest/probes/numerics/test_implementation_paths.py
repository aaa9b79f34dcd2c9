"""Tests of the probe implementation_paths: the rule, and faults of single dtypes."""

from __future__ import annotations

import pytest
import torch

from harness.probes.numerics import ImplementationPathsSettings
from harness.probes.numerics.implementation_paths import run
from tests.selftest.probes.judged import measurements_of
from tests.selftest.probes.subjects import meets_closed_form, mutant, torch_optim

NAME, FAULTY = "implementation_paths", "tests.mutants.numerics:"


@pytest.mark.parametrize("arm", ["adamw", "adamw_foreach", "adamw_fused", "flag_fused", "adam_l2_foreach", "sgd_momentum_fused"])
def test_torch_follows_the_rule_on_every_path(arm: str) -> None:
    """All measurements of an arm are within half of their tolerance."""
    measured = measurements_of(NAME, arm)

    assert {"worst_double", "worst_single"} <= set(measured)
    assert all(meets_closed_form(measurement) for measurement in measured.values())


def test_the_rule_is_torchs_formula_for_one_step() -> None:
    """For |g| >> eps, AdamW's first step is w (1 - lr l) - lr sign(g). The twin of the mutants follows the rule too."""
    twin = run(mutant("AdamWTwin"), ImplementationPathsSettings(rule="adamw"))
    assert meets_closed_form(twin["worst_double"])

    weight = torch.nn.Parameter(torch.tensor([1.5], dtype=torch.float64))
    weight.grad = torch.tensor([40.0], dtype=torch.float64)
    torch.optim.AdamW([weight], lr=0.2, weight_decay=0.5).step()
    assert float(weight.detach()) == pytest.approx(1.5 * 0.9 - 0.2, rel=1e-9)


@pytest.mark.parametrize(("rule", "other"), [("adamw", "Adam"), ("adam_l2", "AdamW"), ("sgd_l2", "AdamW")])
def test_another_rule_is_far_away(rule: str, other: str) -> None:
    """The distance between coupled and decoupled decay is more than a tenth of the decay's effect."""
    measured = run(torch_optim(other), ImplementationPathsSettings(rule=rule))

    assert measured["worst_double"].value > 0.1
    assert measured["worst_single"].value > 0.1


def test_a_fault_of_complex_tensors_shows_only_in_them() -> None:
    """The faults are a decay of the real part only, and a complex second moment."""
    for fault in ("OnlyRealPartsDecay", "ComplexSecondMoment"):
        measured = measurements_of(NAME, "adamw_foreach", path=FAULTY + fault)
        assert meets_closed_form(measured["worst_double"])
        assert meets_closed_form(measured["worst_single"])
        assert measured["worst_complex"].value > 0.1


def test_a_decay_once_per_dtype_shows_in_all_dtypes() -> None:
    """With three dtypes in a group, each step leaves (1 - x)^3 instead of 1 - x."""
    measured = measurements_of(NAME, "adamw_foreach", path=FAULTY + "DecayOncePerBucket")

    assert min(measurement.value for measurement in measured.values()) > 0.5
