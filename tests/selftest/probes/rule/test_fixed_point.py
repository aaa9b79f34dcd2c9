"""Tests of the probe fixed_point: the point of rest and the ridge penalty of each convention of decay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.probes.rule import FixedPointSettings
from harness.probes.rule.fixed_point import closed_form, run
from harness.subject.loading import Factory
from tests.selftest.probes.subjects import meets_closed_form, mutant, reference, torch_optim

SLOW = FixedPointSettings(lr=0.05, weight_decay=0.02, law="coupled")
FAST = FixedPointSettings(lr=0.3, weight_decay=0.2, law="coupled")


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        (SLOW, (2.5, 2.94118, 2.98805, 0.392157)),
        (replace(SLOW, law="independent"), (0.6, 2.14286, 2.77778, 0.285714)),
        (replace(SLOW, law="independent_after"), (0.590361, 2.130435, 2.773585, 0.284058)),
        (replace(SLOW, law="independent", momentum=0.9), (2.142857, 2.884615, 2.976190, 0.384615)),
        (replace(SLOW, law="decoupled", momentum=0.9), (2.941176, 2.994012, 2.998800, 0.399202)),
        (replace(SLOW, law="box", weight_decay=0.5), (2.0, 2.0, 2.0, 0.4)),
        (replace(SLOW, law="finite_eps", weight_decay=0.1, eps=0.1), (2.64110, 2.95799, 2.99146, 0.395878)),
    ],
)
def test_the_closed_forms_give_numbers_worked_out_by_hand(settings: FixedPointSettings, weights: tuple[float, ...]) -> None:
    assert closed_form(settings)[0].tolist() == pytest.approx(weights, abs=1e-5)


@pytest.mark.parametrize(
    ("make", "settings", "alpha"),
    [
        (torch_optim("SGD"), FAST, 0.2),
        (torch_optim("SGD", momentum=0.5), replace(FAST, momentum=0.5), 0.2),
        (reference("IndependentSGD"), replace(FAST, law="independent"), 0.2 / 0.3),
        (reference("IndependentSGD", momentum=0.5), replace(FAST, law="independent", momentum=0.5), 0.1 / 0.3),
        (reference("IndependentSGD", decay_after=True), replace(FAST, law="independent_after"), 0.2 / (0.8 * 0.3)),
        (reference("DecoupledSGD", momentum=0.5), replace(FAST, law="decoupled", momentum=0.5), 0.1),
        (reference("ProximalSGD"), replace(FAST, law="proximal"), 0.2),
        (mutant("SgdDecayOutsideMomentum", momentum=0.5), replace(FAST, law="decoupled", momentum=0.5), 0.1),
        (mutant("SgdDecayNotTimesLr"), replace(FAST, law="independent"), 0.2 / 0.3),
    ],
)
def test_each_linear_convention_rests_at_its_ridge(make: Factory, settings: FixedPointSettings, alpha: float) -> None:
    measurements = run(make, settings)
    assert measurements["alpha"].value == pytest.approx(alpha, rel=1e-11)
    assert all(
        meets_closed_form(measurements[measure])
        for measure in ("alpha", "alpha_spread", "worst_error", "weight_flat", "weight_steep")
    )


@pytest.mark.parametrize(
    ("make", "law", "weight_decay"),
    [
        (torch_optim("Adam", betas=(0.9, 0.95)), "coupled", 0.5),
        (torch_optim("AdamW", betas=(0.9, 0.95)), "box", 0.5),
        (reference("IndependentAdamW", betas=(0.9, 0.95)), "independent_box", 0.05),
        (reference("CautiousAdamW", betas=(0.9, 0.95)), "unbiased", 0.5),
    ],
)
def test_each_adaptive_convention_comes_near_its_law(make: Factory, law: str, weight_decay: float) -> None:
    settings = FixedPointSettings(lr=0.1, weight_decay=weight_decay, law=law, schedule="linear_to_zero", steps=500)
    assert run(make, settings)["worst_error"].value < 0.011 / 2


def test_a_law_of_another_convention_is_not_met() -> None:
    wrong = run(torch_optim("SGD"), replace(FAST, law="independent"))["worst_error"]
    assert wrong.tolerance is not None
    assert wrong.value > 1e6 * wrong.tolerance
