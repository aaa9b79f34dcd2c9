"""Tests of the probe zero_gradient and of the closed forms of decay: each convention gives its own factors."""

from __future__ import annotations

import math
from typing import Any

import pytest

from harness.decay_laws import closed_forms
from harness.probes.rule import ZeroGradientSettings
from harness.probes.rule.zero_gradient import run
from tests.selftest.probes.subjects import meets_closed_form, mutant, reference, torch_optim

DECOUPLED = ZeroGradientSettings(lr=0.02, weight_decay=2.5, law="decoupled")
EXACT = ("first_factor", "last_factor", "schedule_response", "worst_error", "magnitude_slope", "lr_response", "decay_response")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("AdamW", {}),
        ("AdamW", {"amsgrad": True}),
        ("NAdam", {"decoupled_weight_decay": True}),
        ("RAdam", {"decoupled_weight_decay": True}),
        ("Adafactor", {}),
        ("Muon", {}),
        ("SGD", {}),
    ],
)
def test_torch_optimizers_meet_the_decoupled_law(name: str, options: dict[str, Any]) -> None:
    measurements = run(torch_optim(name, **options), DECOUPLED)
    assert all(meets_closed_form(measurements[measure]) for measure in EXACT)


def test_sgd_with_momentum_meets_the_coupled_momentum_law() -> None:
    settings = ZeroGradientSettings(lr=0.02, weight_decay=2.5, law="coupled_momentum", momentum=0.5, steps=160)
    measurements = run(torch_optim("SGD", momentum=0.5), settings)
    assert all(meets_closed_form(measurements[measure]) for measure in EXACT)
    # At half the lr the equation of the factor is x^2 - (1.5 - 0.025) x + 0.5 = 0.
    assert measurements["last_factor"].value == pytest.approx((1.475 + math.sqrt(1.475**2 - 2)) / 2, abs=1e-12)


def test_coupled_momentum_shrinks_far_more_than_decoupled_decay() -> None:
    lrs = [0.01] * 1000
    assert float(closed_forms.survival("coupled_momentum", lrs, weight_decay=0.1, momentum=0.9)[-1]) == pytest.approx(
        1.5601e-5, rel=1e-4
    )
    assert float(closed_forms.survival("decoupled", lrs, weight_decay=0.1, momentum=0.0)[-1]) == pytest.approx(
        0.999**1000, rel=1e-12
    )


def test_a_factor_without_a_real_root_is_refused() -> None:
    with pytest.raises(AssertionError, match="no real root"):
        closed_forms.momentum_root(0.05, 0.9)


@pytest.mark.parametrize("weight_decay", [1e-3, 2.5])
def test_adam_with_l2_moves_by_lr_at_any_weight_decay(weight_decay: float) -> None:
    measurements = run(torch_optim("Adam"), ZeroGradientSettings(lr=0.02, weight_decay=weight_decay, law="coupled_adam"))
    assert meets_closed_form(measurements["worst_error"])
    assert measurements["decay_response"].value == pytest.approx(1.0, abs=1e-4)
    assert 1.9 * (1 - measurements["first_factor"].value) == pytest.approx(0.02, rel=1e-4)


@pytest.mark.parametrize(
    ("make", "responses"),
    [
        (torch_optim("AdamW"), (2.0, 0.5)),
        (reference("IndependentAdamW"), (1.0, 0.5)),
        (mutant("DecayNotTimesLr"), (1.0, 1.0)),
        (mutant("DecayTimesLrSquared"), (4.0, 0.25)),
        (mutant("StaleLr"), (2.0, 1.0)),
        (mutant("DecayForgotten"), (0.0, 0.0)),
    ],
)
def test_the_two_responses_separate_the_conventions(make: Any, responses: tuple[float, float]) -> None:
    measurements = run(make, ZeroGradientSettings(lr=0.02, weight_decay=0.4, law="decoupled"))
    assert (measurements["lr_response"].value, measurements["schedule_response"].value) == pytest.approx(responses, abs=1e-9)


@pytest.mark.parametrize(("name", "slope"), [("AdamWTwin", 1.0), ("SignDecay", 0.0), ("CoupledL2", 0.0), ("DecayForgotten", 0.0)])
def test_the_slope_separates_proportional_and_constant_pull(name: str, slope: float) -> None:
    assert run(mutant(name), DECOUPLED)["magnitude_slope"].value == pytest.approx(slope, abs=1e-5)


@pytest.mark.parametrize(
    "name", ["ProximalDecay", "ExponentialDecay", "BiasCorrectedLrDecay", "DefaultDecayForAllGroups", "DecayTwice"]
)
def test_a_nearly_right_decay_departs_from_the_law(name: str) -> None:
    worst = run(mutant(name), DECOUPLED)["worst_error"]
    assert worst.tolerance is not None
    assert worst.value > 1e6 * worst.tolerance
