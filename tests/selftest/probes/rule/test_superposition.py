"""Tests of the probe superposition: an optimizer follows one law of decay and no other."""

from __future__ import annotations

from typing import Any

import pytest

from harness.decay_laws import Law
from harness.probes.rule import RIVALS, SuperpositionSettings
from harness.probes.rule.superposition import run
from harness.subject.loading import Factory
from tests.selftest.probes.subjects import meets_closed_form, mutant, reference, torch_optim

LR, DECAY = 0.2, 0.4

FOLLOWERS: list[tuple[Factory, Law]] = [
    (torch_optim("AdamW"), "decoupled"),
    (torch_optim("AdamW", amsgrad=True), "decoupled"),
    (torch_optim("NAdam", decoupled_weight_decay=True), "decoupled"),
    (torch_optim("RAdam", decoupled_weight_decay=True), "decoupled"),
    (torch_optim("Muon"), "decoupled"),
    (torch_optim("SGD"), "decoupled"),
    (reference("DecoupledSGD", momentum=0.9), "decoupled"),
    (mutant("DecayAfterUpdate"), "decay_after"),
    (reference("IndependentSGD", momentum=0.9), "independent"),
    (reference("IndependentSGD", decay_after=True), "independent_after"),
    (mutant("DecayNotTimesLr"), "unscaled"),
    (reference("ProximalSGD"), "proximal"),
    (mutant("ProximalDecay"), "proximal"),
    (mutant("ExponentialDecay"), "exponential"),
    (torch_optim("SGD", momentum=0.9), "coupled_momentum"),
]


@pytest.mark.parametrize(("make", "law"), FOLLOWERS)
def test_an_optimizer_follows_its_own_law_and_no_other(make: Factory, law: Law) -> None:
    measurements = run(make, SuperpositionSettings(lr=LR, weight_decay=DECAY, law=law))
    assert meets_closed_form(measurements["residual"])
    assert all(measurements[f"residual_{rival}"].value > 1e-3 for rival in RIVALS if rival != law)


def test_without_momentum_coupled_and_decoupled_are_one_law() -> None:
    measurements = run(torch_optim("SGD"), SuperpositionSettings(lr=LR, weight_decay=DECAY, law="coupled_momentum", momentum=0.0))
    assert meets_closed_form(measurements["residual"])
    assert measurements["residual_decoupled"].value < 1e-14


@pytest.mark.parametrize("make", [torch_optim("Adam"), torch_optim("RMSprop"), torch_optim("Adafactor"), mutant("CoupledL2")])
def test_decay_that_enters_an_adaptive_step_follows_no_law(make: Any) -> None:
    measurements = run(make, SuperpositionSettings(lr=LR, weight_decay=DECAY, law="decoupled"))
    assert all(measurements[f"residual_{rival}"].value > 0.1 for rival in RIVALS)


def test_a_forgotten_decay_gives_a_residual_of_1() -> None:
    measurements = run(mutant("DecayForgotten"), SuperpositionSettings(lr=LR, weight_decay=DECAY, law="decoupled"))
    assert measurements["residual"].value == pytest.approx(1.0, abs=1e-12)
