"""Does the probe symmetry see a decay that knows a sign, a place or a direction?"""

from __future__ import annotations

import pytest

from harness.probes.rule import SymmetrySettings
from harness.probes.rule.symmetry import run
from tests.selftest.probes.handled import inexact, read, usual
from tests.selftest.probes.subjects import exact, torch_optim


def test_torch_meets_every_closed_form_with_room() -> None:
    """And each of them would see the effect that it looks for."""
    assert inexact("symmetry") == []


@pytest.mark.parametrize("name", ["Adam", "SGD", "NAdam", "RMSprop", "Adagrad", "Adadelta", "ASGD", "Adafactor", "Muon"])
def test_any_optimizer_of_torch_knows_no_sign_and_leaves_zero(name: str) -> None:
    """Element-wise or not."""
    readings = run(torch_optim(name), SymmetrySettings(lr=0.1, weight_decay=0.6))

    assert exact(readings["mirrored_error"])
    assert exact(readings["zero_moved"])


@pytest.mark.parametrize("name", ["Muon", "Adafactor"])
def test_an_optimizer_that_is_not_element_wise_knows_positions(name: str) -> None:
    """Which is why that claim rests on Adam's step rule."""
    assert run(torch_optim(name), SymmetrySettings(lr=0.1, weight_decay=0.6))["permuted_error"].value > 0.01


def test_adam_with_l2_does_not_commute_with_a_rotation() -> None:
    """Its pull has the same length along every axis, and so a shape."""
    assert run(torch_optim("Adam"), SymmetrySettings(lr=0.1, weight_decay=0.6))["turned_error"].value > 0.1


@pytest.mark.parametrize(("arm", "due"), [("ascending_adamw", 0.94), ("ascending_sgd", 0.94), ("ascending_adam", None)])
def test_climbing_weights_shrink(arm: str, due: float | None) -> None:
    """By lr x weight_decay of the weight, or by lr in all."""
    readings = usual("symmetry", arm)

    assert readings["update_response"].value == 1.0
    assert 0.0 < readings["quiet_factor"].value < 1.0
    assert due is None or readings["quiet_factor"].value == pytest.approx(due, rel=1e-14)


def test_a_flipped_decay_grows_weights() -> None:
    """By as much as the right one shrinks them."""
    assert read("symmetry", "ascending_adamw", "MaximizeFlipsDecay")["quiet_factor"].value == pytest.approx(1.06, rel=1e-14)


def test_a_shift_shows_as_twice_itself_in_the_mirror() -> None:
    """Four shifts of lr x weight_decay, counted from both sides, over the largest weight."""
    assert read("symmetry", "any", "ConstantShift")["mirrored_error"].value == pytest.approx(8 * 0.06 / 3, rel=0.15)
