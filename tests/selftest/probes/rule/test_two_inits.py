"""Tests of the probe two_inits: decay that leaves one share in all coordinates, and decay that does not."""

from __future__ import annotations

from typing import Any

import pytest

from harness.probes.rule import TwoInitsSettings
from harness.probes.rule.two_inits import run
from tests.selftest.probes.subjects import meets_closed_form, mutant, reference, torch_optim

MEASURES = ("survival", "survival_spread", "worst_error")
DECOUPLED = TwoInitsSettings(lr=0.2, weight_decay=0.4, law="decoupled")


@pytest.mark.parametrize("make", [torch_optim("AdamW"), torch_optim("SGD"), torch_optim("NAdam", decoupled_weight_decay=True)])
def test_decoupled_decay_leaves_one_share_in_all_coordinates(make: Any) -> None:
    measurements = run(make, DECOUPLED)
    assert all(meets_closed_form(measurements[measure]) for measure in MEASURES)


def test_coupled_momentum_leaves_one_share_by_its_own_law() -> None:
    settings = TwoInitsSettings(lr=0.2, weight_decay=0.4, law="coupled_momentum", momentum=0.9)
    measurements = run(torch_optim("SGD", momentum=0.9), settings)
    assert all(meets_closed_form(measurements[measure]) for measure in MEASURES)


def test_independent_decay_leaves_one_share_by_its_own_law() -> None:
    measurements = run(reference("IndependentSGD"), TwoInitsSettings(lr=0.2, weight_decay=0.05, law="independent"))
    assert all(meets_closed_form(measurements[measure]) for measure in MEASURES)


@pytest.mark.parametrize(
    "make", [torch_optim("Adam"), mutant("CoupledL2"), mutant("DecayOnlyWhereGradient"), mutant("SignDecay")]
)
def test_decay_by_gradient_or_sign_spreads_the_shares(make: Any) -> None:
    assert run(make, DECOUPLED)["survival_spread"].value > 0.1


@pytest.mark.parametrize("name", ["DecayTwice", "DecayHalved", "StaleLr", "DefaultDecayForAllGroups", "ExponentialDecay"])
def test_a_wrong_rate_shows_without_an_undecayed_run(name: str) -> None:
    worst = run(mutant(name), DECOUPLED)["worst_error"]
    assert worst.tolerance is not None
    assert worst.value > 1e6 * worst.tolerance
