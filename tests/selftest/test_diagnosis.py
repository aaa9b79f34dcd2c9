"""Does the diagnosis name each known fault in words, and a right optimizer right?"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.diagnosis import FORMS, Decoupled, behaviour
from harness.subject import factory
from tests.selftest.mutants import MUTANTS, AdamWTwin

MOMENTUM = {"momentum": 0.9}
DECOUPLED = "decoupled weight decay, w <- (1 - lr*wd) w, before the update"
COUPLED = "coupled L2 (weight_decay*w is added to the gradient, so the update rule rescales it)"
NONE = "no weight decay at all: weight_decay changes nothing"
UNKNOWN = "none of the known forms: "

SAID: list[tuple[str, dict[str, Any], str]] = [
    ("AdamWTwin", {}, DECOUPLED),
    ("AdamTwin", {}, COUPLED),
    ("SgdTwin", {}, DECOUPLED),  # without momentum the coupled form is the decoupled one
    ("SgdTwin", MOMENTUM, COUPLED),
    ("DecayForgotten", {}, NONE),
    ("DecayCaptured", {}, f"{DECOUPLED}, but with the weight_decay of its first step, whatever its group says later"),
    ("CoupledL2", {}, COUPLED),
    ("DecayAfterUpdate", {}, "decoupled weight decay applied after the update, (1 - lr*wd) (w - update)"),
    ("DecayNotTimesLr", {}, "weight decay that is not multiplied by the learning rate, w <- (1 - wd) w"),
    ("DecayTimesLrSquared", {}, "weight decay multiplied by the learning rate twice, 1 - lr^2*wd"),
    ("WrongSign", {}, "weight growth: the sign of the decay is wrong, 1 + lr*wd"),
    ("DecayTwice", {}, "decoupled weight decay applied twice a step, (1 - lr*wd)^2"),
    ("HiddenDecay", {}, "weight decay of its own even at weight_decay 0: a step without gradient takes 2e-06 of a weight"),
    ("DecayHalved", {}, "decoupled weight decay of half the strength, 1 - lr*wd/2"),
    ("StaleLr", {}, "weight decay with the initial learning rate instead of the current one"),
    ("DefaultDecayForAllGroups", {}, f"{DECOUPLED}, but also in a group whose weight_decay is 0"),
    ("DecayOnlyWhereGradient", {}, f"{DECOUPLED}, but not where the gradient is exactly zero"),
    ("ProximalDecay", {}, "proximal weight decay, (w - update) / (1 + lr*wd)"),
    ("ExponentialDecay", {}, "weight decay by exp(-lr*wd) instead of 1 - lr*wd"),
    ("SecondMomentWithoutRoot", {}, DECOUPLED),  # its fault is not in the decay
    ("CoupledButDecoupled", {}, DECOUPLED),
    ("AdamDecayForgotten", {}, NONE),
    ("AdamDecayTwice", {}, "coupled L2 of twice the strength"),
    ("AdamSquaredDenominator", {}, COUPLED),  # its fault is not in the decay
    ("SgdDecayForgotten", MOMENTUM, NONE),
    ("SgdDecayTwice", {}, "decoupled weight decay of twice the strength, 1 - 2*lr*wd"),
    ("SgdDecayTwice", MOMENTUM, "coupled L2 of twice the strength"),
    ("SgdDecayNotTimesLr", {}, "weight decay that is not multiplied by the learning rate, w <- (1 - wd) w"),
    ("SgdDecayAfterUpdate", {}, "decoupled weight decay applied after the update, (1 - lr*wd) (w - update)"),
    ("SgdDecayOutsideMomentum", MOMENTUM, DECOUPLED),
    ("SgdDecayOnlyWhereGradient", {}, f"{DECOUPLED}, but not where the gradient is exactly zero"),
    ("SgdDecayOnlyWhereGradient", MOMENTUM, f"{COUPLED}, but not where the gradient is exactly zero"),
    ("SgdWrongSign", {}, "weight growth: the sign of the decay is wrong, 1 + lr*wd"),
    ("SgdWrongSign", MOMENTUM, "coupled L2 with the wrong sign: weight_decay*w is subtracted from the gradient"),
]

NOT_KNOWN = ("SignDecay", "BiasCorrectedLrDecay", "DecayInsideMoments", "DecayScaledByGradient")


def of(name: str, **options: Any) -> str:
    """Return the behaviour of one of the planted faults."""
    return behaviour(factory(f"tests.selftest.mutants:{name}", options, training=False))


@pytest.mark.parametrize(("name", "options", "said"), SAID, ids=[f"{name}{'-momentum' * bool(keys)}" for name, keys, _ in SAID])
def test_a_known_behaviour_is_named(name: str, options: dict[str, Any], said: str) -> None:
    """In the words that a red claim begins with."""
    assert of(name, **options) == said


@pytest.mark.parametrize("name", NOT_KNOWN)
def test_a_behaviour_of_no_known_form_is_described_by_its_numbers(name: str) -> None:
    """What the first step takes of a weight, smallest before largest, beside lr*wd."""
    said = of(name)

    smallest, largest = (float(number.strip(",")) for number in said.removeprefix(UNKNOWN).split()[4:6])
    assert said.startswith(f"{UNKNOWN}the first step takes ")
    assert said.endswith(" of a weight (smallest, largest), lr*wd is 0.08")
    assert 0 < smallest <= largest


def test_decay_by_the_sign_takes_most_of_the_smallest_weight() -> None:
    """lr*wd over the magnitude: 0.08/11 of the largest and 0.08/0.011 of the smallest."""
    assert of("SignDecay") == f"{UNKNOWN}the first step takes 0.00727, 7.27 of a weight (smallest, largest), lr*wd is 0.08"


def test_every_planted_fault_is_diagnosed_here() -> None:
    """A new one needs its words, or a place among those that have none."""
    named = {name for name, _, _ in SAID} | set(NOT_KNOWN)

    assert set(MUTANTS) <= named


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("torch.optim:AdamW", {}, DECOUPLED),
        ("torch.optim:AdamW", {"amsgrad": True}, DECOUPLED),
        ("torch.optim:Adam", {}, COUPLED),
        ("torch.optim:NAdam", {}, COUPLED),
        ("torch.optim:NAdam", {"decoupled_weight_decay": True}, DECOUPLED),
        ("torch.optim:RMSprop", {}, COUPLED),
        ("torch.optim:SGD", {"momentum": 0.9, "nesterov": True}, COUPLED),
        ("harness.optimizers:DecoupledSGD", MOMENTUM, DECOUPLED),
        ("harness.optimizers:ProximalSGD", {}, "proximal weight decay, (w - update) / (1 + lr*wd)"),
        (
            "harness.optimizers:IndependentAdamW",
            {},
            "weight decay relative to the initial learning rate, w <- (1 - wd*lr/lr_initial) w",
        ),
        ("harness.optimizers:SignSGD", {}, DECOUPLED),
    ],
)
def test_a_published_optimizer_is_named_right(path: str, options: dict[str, Any], said: str) -> None:
    """Whatever its step rule."""
    assert behaviour(factory(path, options, training=False)) == said


class _Built(torch.optim.Optimizer):
    """Plain gradient descent with the decay of one form, its rate kept from the step before where the form says so."""

    def __init__(self, form: Decoupled, params: Any, *, lr: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.form, self.before = form, lr

    def step(self, closure: Any = None) -> None:
        with torch.no_grad():
            for group in self.param_groups:
                rate = self.before if self.form.previous_lr else group["lr"]
                decay = group["weight_decay"]
                keep, carry = (self.form.keep(rate, decay), self.form.carry(rate, decay)) if decay else (1.0, 1.0)
                for weight in group["params"]:
                    weight.copy_(keep * weight - carry * group["lr"] * weight.grad)
            self.before = self.param_groups[0]["lr"]


@pytest.mark.parametrize("form", FORMS, ids=[form.says for form in FORMS])
def test_an_optimizer_built_from_a_form_is_named_as_that_form(form: Decoupled) -> None:
    """So that no two forms are the same at the rates used, and none hides another."""
    assert behaviour(partial(_Built, form)) == form.says


class SinglePrecision(AdamWTwin):
    """A right optimizer that casts to float32 inside."""

    def decay(self, w: Tensor, grad: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        w.copy_((w.float() * (1 - group["lr"] * group["weight_decay"])).double())


def test_single_precision_is_told_from_a_wrong_form() -> None:
    """The form is right and the rounding is not: both are said."""
    assert "before the update, but computed in single precision" in behaviour(SinglePrecision)


class Spoiled(AdamWTwin):
    """An optimizer whose weights are spoiled at the first step."""

    def decay(self, w: Tensor, grad: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        w.fill_(float("nan"))


def test_weights_that_are_not_finite_are_said_to_be() -> None:
    """No form is fitted to them."""
    assert "stop being finite" in behaviour(Spoiled)


class FirstTensorOnly(AdamWTwin):
    """An optimizer that decays only the first tensor of each group."""

    def decay(self, w: Tensor, grad: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        if group["params"][0] is w:
            super().decay(w, grad, group, state)


def test_tensors_of_a_group_that_are_not_alike_are_said_to_be() -> None:
    """One tensor at a time would look right."""
    assert behaviour(FirstTensorOnly).endswith("but not alike for all tensors of a group")
