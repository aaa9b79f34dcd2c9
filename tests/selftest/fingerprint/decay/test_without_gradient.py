"""Tests of the questions about weights without gradient: their decay, hidden decay, and a weight of zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.fingerprint.decay.without_gradient import LR, QUESTIONS, STEPS
from harness.fingerprint.measuring.gradient_sequence import LRS
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin, Group, State
from tests.selftest.fingerprint.asked import MUTANTS, finding_of


class SkipsSilentTensors(AdamWTwin):
    """Return early where a whole tensor has no gradient."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if grad.any():
            super().update(w, grad, group, state)


class HidesLittle(AdamWTwin):
    """Shrink every weight by a billionth of the learning rate at any weight_decay."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - 1e-9 * group["lr"])


class GrowsByItself(AdamWTwin):
    """Grow every weight a little at any weight_decay."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 + 1e-3 * group["lr"])


def test_the_decay_over_all_steps_is_the_product_of_its_factors() -> None:
    numbers = finding_of("zero_gradient", "torch.optim:AdamW").numbers
    expected = 1 - torch.prod(1 - 0.3 * torch.tensor(LRS, dtype=torch.float64)).item()
    assert numbers["smallest"] == pytest.approx(expected, rel=1e-12)
    assert numbers["largest"] == pytest.approx(expected, rel=1e-12)


def test_an_early_return_for_a_tensor_without_gradient_is_found() -> None:
    finding = finding_of("zero_gradient", f"{__name__}:SkipsSilentTensors")
    assert finding.values == ("decays",)
    assert finding.text.endswith("a whole tensor of them does not decay")


def test_a_mask_on_zero_gradients_is_found() -> None:
    assert finding_of("zero_gradient", MUTANTS + "DecayOnlyWhereGradient").values == ("untouched",)


def test_the_hidden_decay_of_asgd_is_its_lambd() -> None:
    hidden = finding_of("hidden_decay", "torch.optim:ASGD")
    assert hidden.values == ("yes",)
    assert hidden.numbers["alone"] == pytest.approx(1e-4 * LR, rel=0.01)  # its rate decreases a little over the steps


def test_a_hidden_decay_is_measured_with_gradients_and_without() -> None:
    numbers = finding_of("hidden_decay", MUTANTS + "HiddenDecay").numbers
    assert set(numbers) == {"alone", "among", "with_gradients"}
    assert list(numbers.values()) == pytest.approx([1e-4 * LR] * 3, rel=1e-6)


def test_a_hidden_decay_of_a_billionth_is_found() -> None:
    numbers = finding_of("hidden_decay", f"{__name__}:HidesLittle").numbers
    assert [numbers["alone"], numbers["among"]] == pytest.approx([1e-9 * LR] * 2, rel=1e-4)


def test_hidden_growth_is_found() -> None:
    hidden = finding_of("hidden_decay", f"{__name__}:GrowsByItself")
    assert hidden.values == ("yes",)
    assert hidden.numbers["alone"] == pytest.approx(-1e-3 * LR, rel=1e-6)


@pytest.mark.parametrize("name", ["AdamW", "SGD", "Adafactor", "Muon", "RMSprop", "NAdam"])
def test_an_optimizer_without_hidden_decay_has_none(name: str) -> None:
    assert finding_of("hidden_decay", f"torch.optim:{name}").values == ("none",)


def test_a_trust_ratio_is_no_hidden_decay() -> None:
    assert finding_of("hidden_decay", "harness.optimizers:Lamb").values == ("none",)


def test_a_constant_shift_moves_a_weight_of_zero() -> None:
    finding = finding_of("weight_at_zero", path("ConstantShift"))
    assert finding.values == ("moves",)
    assert finding.numbers["moved"] == pytest.approx(STEPS * LR * 0.3, rel=1e-9)
    assert finding_of("weight_at_zero", MUTANTS + "SignDecay").values == ("stays",)


class DrawsItsFirstStep(AdamWTwin):
    """Start with a random step, so that a weight moves without gradient and without decay."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if not state:
            w.add_(torch.randn(w.shape, dtype=w.dtype), alpha=0.1)
        super().update(w, grad, group, state)


def test_a_weight_that_moves_without_decay_gives_no_answer() -> None:
    finding = finding_of("weight_at_zero", f"{__name__}:DrawsItsFirstStep")
    assert finding.values == ()
    assert "moves at weight_decay 0 too" in finding.text


def test_equal_shares_are_given_as_one_number() -> None:
    assert "weight decay removes 0.826 of it in 20 steps" in finding_of("zero_gradient", "torch.optim:AdamW").text


@pytest.mark.parametrize("question", [question.name for question in QUESTIONS])
def test_weights_that_are_not_finite_give_no_answer(question: str) -> None:
    finding = finding_of(question, "torch.optim:AdamW", {"eps": 0.0})
    assert finding.values == ()
    assert finding.text.startswith("unknown")


@pytest.mark.parametrize("name", ["WrongSign", "SgdWrongSign"])
def test_growth_is_not_called_decay(name: str) -> None:
    finding = finding_of("zero_gradient", MUTANTS + name)
    assert finding.values == ("grows",)
    assert "grows by" in finding.text


def test_a_shift_that_grows_half_of_the_weights_is_unknown() -> None:
    assert finding_of("zero_gradient", path("ConstantShift")).values == ()


class SkipsWhereNothingLearns(AdamWTwin):
    """Do nothing in a step in which every gradient is zero."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        gradients = [weight.grad for group in self.param_groups for weight in group["params"] if weight.grad is not None]
        return super().step(closure) if any(bool(gradient.any()) for gradient in gradients) else None


@pytest.mark.parametrize(
    ("subject", "word", "where"),
    [
        ("torch.optim:AdamW", "decays", "beside others and alone"),
        (path("IdleTensorSkipped"), "untouched", "beside others and where all gradients are zero"),
        (f"{__name__}:SkipsWhereNothingLearns", "untouched", "does not decay where all gradients are zero"),
    ],
)
def test_an_idle_tensor_must_decay_beside_others_and_alone(subject: str, word: str, where: str) -> None:
    finding = finding_of("idle_tensor", subject)

    assert finding.values == (word,)
    assert finding.text.endswith(where)


def test_nothing_is_known_of_idle_tensors_without_decay() -> None:
    assert finding_of("idle_tensor", MUTANTS + "DecayForgotten").values == ()
