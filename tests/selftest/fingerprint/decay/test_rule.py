"""Is the form of a decay told from all others, and is what has no form said to have none?"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from harness.fingerprint.decay.rule import DecayRule, decay_rule, infer_rule
from harness.fingerprint.measuring.gradient_sequence import LRS, WEIGHT_DECAY, draw_sequence
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamTwin, AdamWTwin, Group, State
from tests.selftest.fingerprint.asked import MUTANTS


class AddsMore(AdamTwin):
    """Add 0.37 x weight_decay x w to the gradient."""

    def pull(self, w: Tensor, grad: Tensor, group: Group) -> Tensor:
        return grad + 0.37 * group["weight_decay"] * w


class DecaysByCurvature(AdamWTwin):
    """Divide the decay by the root of the second moment, as FAdam does: it is seen where there is no gradient, and not else."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        moment = state.get("v", torch.zeros_like(w)) + grad.square()
        pull = w / (moment.sqrt() + 1e-9)
        w.sub_(group["lr"] * group["weight_decay"] * pull / pull.square().mean().sqrt())


class RatioOfDecayedClamped(AdamWTwin):
    """Decay, and then scale the update by the norm of the decayed weight up to a bound: pytorch_optimizer's Lamb."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        pull = self.direction(w, grad, group, state)
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * w.norm().clamp_max(3.0) / pull.norm() * pull)


def test_a_norm_that_sees_the_decayed_weight_does_not_rescale_the_decay() -> None:
    found = decay_rule(SubjectRunner(f"{__name__}:RatioOfDecayedClamped", {}))
    assert found.coupling == ()
    assert "whose norm sees the decayed w" in found.says


def test_what_fits_a_few_coordinates_is_no_share_of_the_weight() -> None:
    runner = SubjectRunner(f"{__name__}:DecaysByCurvature", {}, torch.float32)
    assert decay_rule(runner).coupling == ()
    assert decay_rule(runner).says.startswith("unknown: a step's decay takes")


def found(path: str, **options: Any) -> DecayRule:
    return decay_rule(SubjectRunner(path, options))


def test_the_shares_of_adamw_are_lr_times_weight_decay() -> None:
    shares = found("torch.optim:AdamW").shares
    assert [one.taken for one in shares] == pytest.approx([LRS[one.number] * WEIGHT_DECAY for one in shares], rel=1e-12)
    assert max(one.residual for one in shares) < 1e-12


def test_momentum_that_carries_the_decay_is_not_decoupled() -> None:
    coupled, beside = found("torch.optim:SGD", momentum=0.9), found("harness.optimizers:DecoupledSGD", momentum=0.9)
    assert (coupled.coupling, beside.coupling) == (("coupled_l2",), ("decoupled",))


def test_plain_gradient_descent_is_both() -> None:
    both = found("torch.optim:SGD")
    assert both.coupling == ("coupled_l2", "decoupled")
    assert both.order == ("inside", "before")


def test_an_unknown_strength_in_the_gradient_is_solved_for() -> None:
    added = found(f"{__name__}:AddsMore").added
    assert added == pytest.approx(0.37, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SignDecay", "the same length toward zero"),
        ("DecayInsideMoments", "by neither weight, updated weight nor gradient"),
        ("DecayForgotten", "changes nothing"),
    ],
)
def test_what_is_no_form_of_decay_is_described(name: str, words: str) -> None:
    assert words in found(MUTANTS + name).says


def test_a_constant_shift_is_described() -> None:
    assert "without w" in found(path("ConstantShift")).says


def test_a_decay_with_a_momentum_of_its_own_is_described() -> None:
    assert "earlier decay lives on" in found(path("SgdDecayBuffer")).says


def test_a_norm_that_spares_the_decay_is_decoupled() -> None:
    assert found(path("LambDecoupledFloored")).coupling == ("decoupled",)
    assert found("harness.optimizers:Lamb").coupling == ("through_norm",)


def test_before_and_after_are_told_apart_below_the_floor_of_a_norm() -> None:
    """Above it an update in proportion to the decayed weight makes them one map, and without a floor they stay one."""
    orders = []
    for name in ("LambDecoupledFloored", "LambDecoupledFlooredAfter", "LambDecoupled"):
        runner = SubjectRunner(path(name), {})
        runner.known["update_depends_on_weight"] = type("Found", (), {"values": ("proportional",)})()
        orders.append(decay_rule(runner).order)
    assert orders == [("before",), ("after",), ("before", "after")]


def test_a_mask_by_the_gradient_is_found_in_coupled_decay_too() -> None:
    one = found(MUTANTS + "SgdDecayOnlyWhereGradient", momentum=0.9)
    assert one.coupling == ("coupled_l2",)
    assert one.says.endswith("where the gradient is not zero")


def test_a_step_without_any_decay_takes_a_share_of_nothing() -> None:
    shares = found(path("DecaySkipsFirstStep")).shares
    assert [one.taken for one in shares if one.number == 0] == [0.0, 0.0]
    assert all(one.taken > 0.04 for one in shares if one.number)
    assert found(path("DecaySkipsFirstStep")).says.startswith("decoupled: from step 2 of 20 on decay takes 0.045 to 0.12")


def test_a_law_of_few_steps_is_the_law() -> None:
    short = infer_rule(SubjectRunner("torch.optim:AdamW", {}), draw_sequence().first(3))
    assert (short.coupling, short.order, len(short.shares)) == (("decoupled",), ("before",), 6)


def test_a_difference_of_a_millionth_is_not_rounding() -> None:
    """Decay after the update at a millionth of the update would still be told from decay before it."""
    replayed_run = found("torch.optim:AdamW").replayed_run
    for step in replayed_run.steps:
        taken = replayed_run.sequence.lrs[step.number] * WEIGHT_DECAY
        wrong = step.decay - 1e-6 * taken * torch.where(step.update == 0, step.weight, step.update)
        assert float((wrong - step.decay).abs().max()) > step.tolerance
