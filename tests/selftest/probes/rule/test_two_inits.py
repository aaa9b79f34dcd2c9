"""Does the two-init probe see whether decay is the same for every coordinate?"""

from __future__ import annotations

from typing import Any

import pytest

from harness.probes.rule import TwoInitsSettings
from harness.probes.rule.two_inits import run
from tests.selftest.probes.subjects import exact, mutant, reference, torch_optim

MEASURES = ("survival", "survival_spread", "worst_error")
DECOUPLED = TwoInitsSettings(lr=0.2, weight_decay=0.4, law="decoupled")


@pytest.mark.parametrize("make", [torch_optim("AdamW"), torch_optim("SGD"), torch_optim("NAdam", decoupled_weight_decay=True)])
def test_decoupled_optimizers_keep_one_share_everywhere(make: Any) -> None:
    readings = run(make, DECOUPLED)
    assert all(exact(readings[measure]) for measure in MEASURES)


def test_momentum_keeps_one_share_everywhere_at_a_rate_of_its_own() -> None:
    settings = TwoInitsSettings(lr=0.2, weight_decay=0.4, law="coupled_momentum", momentum=0.9)
    readings = run(torch_optim("SGD", momentum=0.9), settings)
    assert all(exact(readings[measure]) for measure in MEASURES)


def test_independent_decay_keeps_its_own_share() -> None:
    readings = run(reference("IndependentSGD"), TwoInitsSettings(lr=0.2, weight_decay=0.05, law="independent"))
    assert all(exact(readings[measure]) for measure in MEASURES)


@pytest.mark.parametrize(
    "make", [torch_optim("Adam"), mutant("CoupledL2"), mutant("DecayOnlyWhereGradient"), mutant("SignDecay")]
)
def test_decay_that_depends_on_gradients_or_signs_spreads(make: Any) -> None:
    assert run(make, DECOUPLED)["survival_spread"].value > 0.1


@pytest.mark.parametrize("name", ["DecayTwice", "DecayHalved", "StaleLr", "DefaultDecayForAllGroups", "ExponentialDecay"])
def test_a_wrong_rate_is_seen_without_a_run_that_has_no_decay(name: str) -> None:
    worst = run(mutant(name), DECOUPLED)["worst_error"]
    assert worst.tolerance is not None
    assert worst.value > 1e6 * worst.tolerance
