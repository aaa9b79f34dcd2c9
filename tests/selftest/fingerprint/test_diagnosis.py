"""Tests of the diagnosis: each known fault is named in words, and no fault of a right optimizer is."""

from __future__ import annotations

from typing import Any

import pytest

from harness.fingerprint.diagnosis import diagnose
from harness.spec.contract import PROMISES
from tests.mutants.decay_rule import MUTANTS, AdamWTwin, Group, State, Tensor

HERE, PLANTED = "tests.selftest.fingerprint.test_diagnosis", "tests.mutants.decay_rule"
MOMENTUM = {"momentum": 0.9}
DECOUPLED = "decoupled weight decay, times the current learning rate, before the update"
COUPLED = "coupled L2 (weight_decay x w is added to the gradient, so it passes through the update rule)"
NONE = "no weight decay at all: weight_decay changes nothing"
BOTH = "weight decay that is both coupled L2 and decoupled (without momentum they are equal)"
UNKNOWN = "weight decay of no known form ("

DIAGNOSES: list[tuple[str, str, dict[str, Any], str]] = [
    ("DecayForgotten", "decoupled", {}, NONE),
    (
        "DecayCaptured",
        "decoupled",
        {},
        f"{DECOUPLED}, but a later change of a group's weight_decay has no effect",
    ),
    ("CoupledL2", "decoupled", {}, COUPLED),
    ("DecayAfterUpdate", "decoupled", {}, "decoupled weight decay, times the current learning rate, after the update"),
    ("DecayNotTimesLr", "decoupled", {}, "decoupled weight decay, not multiplied by the learning rate, before the update"),
    ("DecayTimesLrSquared", "decoupled", {}, "decoupled weight decay, times the squared learning rate, before the update"),
    (
        "WrongSign",
        "decoupled",
        {},
        "decoupled weight decay with the wrong sign, so that weights grow, times the current learning rate, before the update",
    ),
    (
        "DecayTwice",
        "decoupled",
        {},
        "decoupled weight decay (w is multiplied by (1 - lr x weight_decay)^2: the decay is applied twice), "
        "times the current learning rate, before the update",
    ),
    ("HiddenDecay", "decoupled", {}, f"{DECOUPLED}, and weight decay of its own even at weight_decay 0"),
    (
        "DecayHalved",
        "decoupled",
        {},
        "decoupled weight decay of half the strength, times the current learning rate, before the update",
    ),
    (
        "StaleLr",
        "decoupled",
        {},
        "decoupled weight decay, times the initial learning rate instead of the current one, before the update",
    ),
    ("DefaultDecayForAllGroups", "decoupled", {}, f"{DECOUPLED}, but with the constructor's weight_decay in every group"),
    ("DecayOnlyWhereGradient", "decoupled", {}, f"{DECOUPLED}, but not where the gradient is exactly zero"),
    (
        "ProximalDecay",
        "decoupled",
        {},
        "decoupled weight decay, times the current learning rate, after the update, as a division by 1 + the decay",
    ),
    (
        "ExponentialDecay",
        "decoupled",
        {},
        "decoupled weight decay (w is multiplied by exp(-lr x weight_decay)), times the current learning rate, before the update",
    ),
    (
        "BiasCorrectedLrDecay",
        "decoupled",
        {},
        "decoupled weight decay, times Adam's bias-corrected step size, before the update",
    ),
    ("CoupledButDecoupled", "coupled", {}, DECOUPLED),
    ("AdamDecayForgotten", "coupled", {}, NONE),
    ("AdamDecayTwice", "coupled", {}, f"{COUPLED} of twice the strength"),
    ("SgdDecayForgotten", "sgd", MOMENTUM, NONE),
    ("SgdDecayTwice", "sgd", {}, f"{BOTH} of twice the strength"),
    ("SgdDecayTwice", "sgd", MOMENTUM, f"{COUPLED} of twice the strength"),
    ("SgdDecayNotTimesLr", "sgd", {}, "decoupled weight decay, not multiplied by the learning rate, before the update"),
    ("SgdDecayAfterUpdate", "sgd", {}, "decoupled weight decay, times the current learning rate, after the update"),
    ("SgdDecayOutsideMomentum", "sgd", MOMENTUM, DECOUPLED),
    ("SgdDecayOnlyWhereGradient", "sgd", MOMENTUM, f"{COUPLED}, but not where the gradient is exactly zero"),
    ("SgdWrongSign", "sgd", MOMENTUM, f"{COUPLED} with the wrong sign, so that weights grow"),
]
UNKNOWN_FORM = ("SignDecay", "DecayInsideMoments", "DecayScaledByGradient")
ELSEWHERE = ("SecondMomentWithoutRoot", "AdamSquaredDenominator")  # their fault is not in the decay


def of(path: str, role: str = "decoupled", **options: Any) -> str:
    """Return the diagnosis of an optimizer in a role."""
    return diagnose(path, options, PROMISES[role]).sentence


@pytest.mark.parametrize(
    ("name", "role", "options", "text"), DIAGNOSES, ids=[f"{name}{'-momentum' * bool(keys)}" for name, _, keys, _ in DIAGNOSES]
)
def test_a_known_fault_is_named(name: str, role: str, options: dict[str, Any], text: str) -> None:
    assert of(f"{PLANTED}:{name}", role, **options) == f"{PLANTED}:{name} behaves like {text}"


@pytest.mark.parametrize("name", UNKNOWN_FORM)
def test_a_fault_of_unknown_form_is_described_by_its_numbers(name: str) -> None:
    assert of(f"{PLANTED}:{name}").startswith(f"{PLANTED}:{name} behaves like {UNKNOWN}")


@pytest.mark.parametrize(("name", "role"), [(ELSEWHERE[0], "decoupled"), (ELSEWHERE[1], "coupled")])
def test_a_fault_of_the_update_is_not_blamed_on_the_decay(name: str, role: str) -> None:
    """The decay is right, and the update rule is not Adam's."""
    expected = "decays as declared, and differs in its update: it takes steps of a rule of its own"

    assert of(f"{PLANTED}:{name}", role) == f"{PLANTED}:{name} {expected}"


def test_every_planted_fault_is_diagnosed_here() -> None:
    """A new mutant of the formula needs an entry in one of the three lists."""
    assert set(MUTANTS) == {name for name, *_ in DIAGNOSES} | set(UNKNOWN_FORM) | set(ELSEWHERE)


@pytest.mark.parametrize(
    ("path", "role", "options"),
    [
        ("torch.optim:AdamW", "decoupled", {}),
        ("torch.optim:Adam", "coupled", {}),
        ("torch.optim:SGD", "sgd", {}),
        ("torch.optim:SGD", "sgd", MOMENTUM),
    ],
)
def test_no_fault_is_found_in_the_decay_of_a_right_optimizer(path: str, role: str, options: dict[str, Any]) -> None:
    """A momentum is an option of the claim, and no reason either."""
    shows = "the fault shows only in what this claim tries"
    assert of(path, role, **options) == f"the fingerprint finds the decay of {path} as declared: {shows}"


def test_a_declared_convention_is_no_fault() -> None:
    """The contract declares decay after the update, and the optimizer does that."""
    path = f"{PLANTED}:DecayAfterUpdate"

    assert "behaves like" not in diagnose(path, {}, {**PROMISES["decoupled"], "order": "after"}).sentence


class SinglePrecision(AdamWTwin):
    """A right optimizer that casts to float32 for its decay."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.copy_((w.float() * (1 - group["lr"] * group["weight_decay"])).double())


def test_single_precision_is_not_taken_for_a_wrong_form() -> None:
    """The diagnosis gives the right form and the single precision."""
    text = of(f"{HERE}:SinglePrecision")

    assert text == f"{HERE}:SinglePrecision behaves like {DECOUPLED}, computed in single precision, where the claims need float64"


class Spoiled(AdamWTwin):
    """An optimizer whose weights are nan after the first step."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.fill_(float("nan"))


class FirstTensorOnly(AdamWTwin):
    """An optimizer that decays only the first tensor of each group."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if group["params"][0] is w:
            super().decay(w, grad, group, state)


@pytest.mark.parametrize(
    ("name", "text"), [("Spoiled", UNKNOWN), ("FirstTensorOnly", "decoupled weight decay, of an unknown scale")]
)
def test_a_decay_that_fits_no_form_is_not_called_right(name: str, text: str) -> None:
    """The weights of one are not finite, and the tensors of the other decay differently."""
    assert of(f"{HERE}:{name}").startswith(f"{HERE}:{name} behaves like {text}")
