"""Tests of the probe symmetry: decay that depends on sign, position or direction, at zero and under maximize."""

from __future__ import annotations

import pytest

from harness.probes.rule import SymmetrySettings
from harness.probes.rule.symmetry import run
from tests.selftest.probes.handled import measure_as_shipped, measurements_of, missed_closed_forms
from tests.selftest.probes.subjects import meets_closed_form, torch_optim


def test_torch_meets_every_closed_form_with_margin() -> None:
    """The errors are at most half of the tolerances, and the tolerances are small enough to show the effects."""
    assert missed_closed_forms("symmetry") == []


@pytest.mark.parametrize("name", ["Adam", "SGD", "NAdam", "RMSprop", "Adagrad", "Adadelta", "ASGD", "Adafactor", "Muon"])
def test_torch_optimizers_are_odd_in_sign_and_keep_zero(name: str) -> None:
    """This holds for optimizers that are element-wise and for others."""
    measurements = run(torch_optim(name), SymmetrySettings(lr=0.1, weight_decay=0.6))

    assert meets_closed_form(measurements["mirrored_error"])
    assert meets_closed_form(measurements["zero_moved"])


@pytest.mark.parametrize("name", ["Muon", "Adafactor"])
def test_muon_and_adafactor_depend_on_positions(name: str) -> None:
    """For this reason the claim about permutations applies only to Adam's step rule."""
    assert run(torch_optim(name), SymmetrySettings(lr=0.1, weight_decay=0.6))["permuted_error"].value > 0.01


def test_adam_with_l2_does_not_commute_with_a_rotation() -> None:
    """Its pull has the same length along every axis, so it depends on the axes."""
    assert run(torch_optim("Adam"), SymmetrySettings(lr=0.1, weight_decay=0.6))["turned_error"].value > 0.1


@pytest.mark.parametrize(("arm", "factor"), [("ascending_adamw", 0.94), ("ascending_sgd", 0.94), ("ascending_adam", None)])
def test_decay_shrinks_weights_under_maximize(arm: str, factor: float | None) -> None:
    """A step takes lr x weight_decay of a weight; under Adam with L2 it takes lr in all."""
    measurements = measure_as_shipped("symmetry", arm)

    assert measurements["update_response"].value == 1.0
    assert 0.0 < measurements["quiet_factor"].value < 1.0
    assert factor is None or measurements["quiet_factor"].value == pytest.approx(factor, rel=1e-14)


def test_a_flipped_decay_grows_weights() -> None:
    """The growth is as large as the shrink of the right optimizer."""
    assert measurements_of("symmetry", "ascending_adamw", "MaximizeFlipsDecay")["quiet_factor"].value == pytest.approx(
        1.06, rel=1e-14
    )


def test_a_constant_shift_counts_twice_in_the_mirrored_error() -> None:
    """The error is four shifts of lr x weight_decay, once for each of the two runs, over the largest weight."""
    assert measurements_of("symmetry", "any", "ConstantShift")["mirrored_error"].value == pytest.approx(8 * 0.06 / 3, rel=0.15)
