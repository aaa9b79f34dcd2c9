"""Tests of the decay rule: each form is recognised, and a decay of no known form is described."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from harness.fingerprint.decay.rule import DecayRule, decay_rule, infer_rule
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.gradient_sequence import LRS, WEIGHT_DECAY, draw_sequence
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamTwin, AdamWTwin, Group, SgdTwin, State
from tests.selftest.fingerprint.asked import MUTANTS


class AddsMore(AdamTwin):
    """Add 0.37 x weight_decay x w to the gradient."""

    def pull(self, w: Tensor, grad: Tensor, group: Group) -> Tensor:
        return grad + 0.37 * group["weight_decay"] * w


class DecaysByCurvature(AdamWTwin):
    """Divide the decay by the root of the second moment, as FAdam does: it is visible only where there is no gradient."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        moment = state.get("v", torch.zeros_like(w)) + grad.square()
        pull = w / (moment.sqrt() + 1e-9)
        w.sub_(group["lr"] * group["weight_decay"] * pull / pull.square().mean().sqrt())


class RatioOfDecayedClamped(AdamWTwin):
    """Decay, then scale the update by the norm of the decayed weight, clamped at a bound: pytorch_optimizer's Lamb."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        pull = self.direction(w, grad, group, state)
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * w.norm().clamp_max(3.0) / pull.norm() * pull)


class RatioOnlyWithDecay(AdamWTwin):
    """Decay, then scale the update by the norm of the decayed weight, if there is weight decay: timm's Lamb."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        pull = self.direction(w, grad, group, state)
        w.mul_(1 - group["lr"] * group["weight_decay"])
        ratio = w.norm() / pull.norm() if group["weight_decay"] else 1.0
        w.sub_(group["lr"] * ratio * pull)


class L2AndDecoupled(AdamWTwin):
    """Add weight_decay x w to the gradient, and decay the weight too."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad + group["weight_decay"] * w, group, state)


class UpdateByDecayedNorm(SgdTwin):
    """Decay the weight, then take a step whose length is that of the decayed weight."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * w.norm() * grad / (grad.norm() + 1e-12))


def test_two_decays_at_once_are_named() -> None:
    rule = decay_rule(SubjectRunner(f"{__name__}:L2AndDecoupled", {}))
    assert rule.coupling == ()
    assert rule.text.startswith("unknown: coupled L2 and decoupled at once")


def test_both_orders_fit_if_the_step_goes_with_the_weight() -> None:
    """`update_depends_on_weight` is asked first, and both of its answers lead to both orders."""
    for depends in ("yes", "proportional"):
        runner = SubjectRunner(f"{__name__}:UpdateByDecayedNorm", {})
        runner.findings["update_depends_on_weight"] = Finding((depends,), "")
        assert decay_rule(runner).order == ("before", "after")


def test_a_norm_of_the_decayed_weight_does_not_rescale_the_decay() -> None:
    """The decay acts beside the update. A ratio that is there only with weight decay has no step without decay to compare."""
    rule = decay_rule(SubjectRunner(f"{__name__}:RatioOfDecayedClamped", {}))
    assert (rule.coupling, rule.order) == (("decoupled",), ("before",))
    rule = decay_rule(SubjectRunner(f"{__name__}:RatioOnlyWithDecay", {}))
    assert rule.coupling == ()
    assert "depends on the norm of the decayed w" in rule.text


def test_a_fit_of_a_few_coordinates_is_no_share_of_the_weight() -> None:
    runner = SubjectRunner(f"{__name__}:DecaysByCurvature", {}, torch.float32)
    assert decay_rule(runner).coupling == ()
    assert decay_rule(runner).text.startswith("unknown: weight decay subtracts")


def rule_of(path: str, **options: Any) -> DecayRule:
    """Return the decay rule of a subject on the default sequence."""
    return decay_rule(SubjectRunner(path, options))


def test_the_shares_of_adamw_are_lr_times_weight_decay() -> None:
    shares = rule_of("torch.optim:AdamW").shares
    assert [share.taken for share in shares] == pytest.approx([LRS[share.number] * WEIGHT_DECAY for share in shares], rel=1e-12)
    assert max(share.residual for share in shares) < 1e-12


def test_momentum_that_carries_the_decay_is_not_decoupled() -> None:
    coupled, decoupled = rule_of("torch.optim:SGD", momentum=0.9), rule_of("harness.optimizers:DecoupledSGD", momentum=0.9)
    assert (coupled.coupling, decoupled.coupling) == (("coupled_l2",), ("decoupled",))


def test_plain_gradient_descent_is_both() -> None:
    both = rule_of("torch.optim:SGD")
    assert both.coupling == ("coupled_l2", "decoupled")
    assert both.order == ("inside", "before")


def test_an_unknown_strength_in_the_gradient_is_solved_for() -> None:
    added = rule_of(f"{__name__}:AddsMore").added
    assert added == pytest.approx(0.37, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SignDecay", "toward zero by the same length"),
        ("DecayInsideMoments", "fits no form of w, updated w and gradient"),
        ("DecayForgotten", "has no effect"),
    ],
)
def test_a_decay_of_no_known_form_is_described(name: str, words: str) -> None:
    assert words in rule_of(MUTANTS + name).text


def test_a_constant_shift_is_described() -> None:
    assert "without w" in rule_of(path("ConstantShift")).text


def test_a_decay_with_a_momentum_of_its_own_is_described() -> None:
    assert rule_of(path("SgdDecayBuffer")).text.startswith("inside the momentum: weight decay adds a multiple of w to a momentum")


def test_a_trust_ratio_that_excludes_the_decay_is_decoupled() -> None:
    assert rule_of(path("LambDecoupledFloored")).coupling == ("decoupled",)
    assert rule_of("harness.optimizers:Lamb").coupling == ("through_norm",)


def test_tiny_weights_distinguish_before_and_after_under_a_norm() -> None:
    """Above its floor, a norm of the decayed weight makes both orders the same map; without a floor it does so everywhere."""
    orders = []
    for name in ("LambDecoupledFloored", "LambDecoupledFlooredAfter", "LambDecoupled"):
        runner = SubjectRunner(path(name), {})
        runner.findings["update_depends_on_weight"] = type("Found", (), {"values": ("proportional",)})()
        orders.append(decay_rule(runner).order)
    assert orders == [("before",), ("after",), ("before", "after")]


def test_a_mask_by_the_gradient_is_found_in_coupled_decay() -> None:
    rule = rule_of(MUTANTS + "SgdDecayOnlyWhereGradient", momentum=0.9)
    assert rule.coupling == ("coupled_l2",)
    assert rule.text.endswith("; only where the gradient is not zero")


def test_a_step_without_decay_has_a_share_of_zero() -> None:
    shares = rule_of(path("DecaySkipsFirstStep")).shares
    assert [share.taken for share in shares if share.number == 0] == [0.0, 0.0]
    assert all(share.taken > 0.04 for share in shares if share.number)
    assert rule_of(path("DecaySkipsFirstStep")).text.startswith(
        "decoupled: from step 2 of 20 on weight decay takes 0.045 to 0.12"
    )


def test_three_steps_are_enough_for_the_rule() -> None:
    short = infer_rule(SubjectRunner("torch.optim:AdamW", {}), draw_sequence().first(3))
    assert (short.coupling, short.order, len(short.shares)) == (("decoupled",), ("before",), 6)


def test_a_difference_of_a_millionth_is_not_rounding() -> None:
    """A decay that also takes a millionth of its share from the update exceeds the tolerance of the form."""
    replayed_run = rule_of("torch.optim:AdamW").replayed_run
    for step in replayed_run.steps:
        taken = replayed_run.sequence.lrs[step.number] * WEIGHT_DECAY
        wrong = step.decay - 1e-6 * taken * torch.where(step.update == 0, step.weight, step.update)
        assert float((wrong - step.decay).abs().max()) > step.tolerance


def test_shares_that_do_not_multiply_up_are_not_decoupled() -> None:
    """Momentum that is the last move of the weight carries the decay on: on a weight without gradient it is coupled L2."""
    by_difference = decay_rule(SubjectRunner(path("SgdwByDifference"), {}))
    beside = decay_rule(SubjectRunner("harness.optimizers:DecoupledSGD", {"momentum": 0.9}))

    assert by_difference.coupling == ("coupled_l2",)
    assert beside.coupling == ("decoupled",)
