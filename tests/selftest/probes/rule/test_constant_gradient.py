"""Tests of the probe constant_gradient: right optimizers meet the closed form, wrong ones depart from it."""

from __future__ import annotations

import pytest

from harness.probes.rule import ConstantGradientSettings
from harness.probes.rule.constant_gradient import run
from tests.selftest.probes.subjects import meets_closed_form, mutant, reference, torch_optim


@pytest.mark.parametrize("eps", [1e-8, 1e-2])
def test_adamw_meets_the_closed_form_for_any_eps(eps: float) -> None:
    measurements = run(torch_optim("AdamW", eps=eps), ConstantGradientSettings(lr=0.2, weight_decay=0.4, law="adamw", eps=eps))
    assert all(meets_closed_form(measurement) for measurement in measurements.values())


def test_sgd_and_sign_descent_meet_their_closed_forms() -> None:
    for make, law in ((torch_optim("SGD"), "sgd"), (reference("SignSGD"), "sign")):
        measurements = run(make, ConstantGradientSettings(lr=0.2, weight_decay=0.4, law=law))
        assert all(meets_closed_form(measurement) for measurement in measurements.values())


def test_adamw_ends_on_the_box_and_sgd_scales_with_the_gradient() -> None:
    adamw = run(torch_optim("AdamW"), ConstantGradientSettings(lr=0.2, weight_decay=0.4, law="adamw"))
    sgd = run(torch_optim("SGD"), ConstantGradientSettings(lr=0.2, weight_decay=0.4, law="sgd"))
    assert adamw["limit_times_decay"].value == pytest.approx(1.0, abs=1e-7)
    assert sgd["limit_times_decay"].value == pytest.approx(100.0, abs=1e-5)
    assert sgd["limit_slope"].value == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    "name",
    [
        "CoupledL2",
        "DecayAfterUpdate",
        "ProximalDecay",
        "ExponentialDecay",
        "StaleLr",
        "DecayForgotten",
        "SecondMomentWithoutRoot",
    ],
)
def test_a_wrong_adamw_departs_from_the_closed_form(name: str) -> None:
    worst = run(mutant(name), ConstantGradientSettings(lr=0.2, weight_decay=0.4, law="adamw"))["worst_error"]
    assert worst.tolerance is not None
    assert worst.value > 1e6 * worst.tolerance
