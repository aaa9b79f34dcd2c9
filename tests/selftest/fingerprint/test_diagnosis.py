"""Does the diagnosis name each known fault in words, and a right optimizer right? The phrases are those of fingerprints."""

from __future__ import annotations

from typing import Any

import pytest

from harness.fingerprint.diagnosis import sentence
from harness.spec.contract import PROMISES
from tests.mutants.decay_rule import MUTANTS, AdamWTwin, Group, State, Tensor

HERE, PLANTED = "tests.selftest.fingerprint.test_diagnosis", "tests.mutants.decay_rule"
MOMENTUM = {"momentum": 0.9}
DECOUPLED = "decoupled weight decay, times the current learning rate, before the update"
COUPLED = "coupled L2 (weight_decay x w is added to the gradient, so the update rule rescales it)"
NONE = "no weight decay at all: weight_decay changes nothing"
BOTH = "weight decay that is coupled L2 and decoupled at once, without momentum to tell them"
UNKNOWN = "weight decay of no known form ("

SAID: list[tuple[str, str, dict[str, Any], str]] = [
    ("DecayForgotten", "decoupled", {}, NONE),
    (
        "DecayCaptured",
        "decoupled",
        {},
        f"{DECOUPLED}, but with the weight_decay of its first step, whatever its group says later",
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
        "decoupled weight decay of twice the strength, times the current learning rate, before the update",
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
        "decoupled weight decay, times the current learning rate, as a proximal step, divided by 1 + the decay",
    ),
    (
        "ExponentialDecay",
        "decoupled",
        {},
        "decoupled weight decay (decay acts as exp(-x) instead of 1 - x, which no constant factor is), "
        "times the current learning rate, before the update",
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
NOT_KNOWN = ("SignDecay", "DecayInsideMoments", "DecayScaledByGradient")
ELSEWHERE = ("SecondMomentWithoutRoot", "AdamSquaredDenominator")  # their fault is not in the decay


def of(path: str, role: str = "decoupled", **options: Any) -> str:
    """Return what a red claim says of an optimizer in a role."""
    return sentence(path, options, PROMISES[role])


@pytest.mark.parametrize(
    ("name", "role", "options", "said"), SAID, ids=[f"{name}{'-momentum' * bool(keys)}" for name, _, keys, _ in SAID]
)
def test_a_known_fault_is_named(name: str, role: str, options: dict[str, Any], said: str) -> None:
    """In the words that a red claim begins with."""
    assert of(f"{PLANTED}:{name}", role, **options) == f"{PLANTED}:{name} behaves like {said}"


@pytest.mark.parametrize("name", NOT_KNOWN)
def test_a_fault_of_no_known_form_is_described_by_its_numbers(name: str) -> None:
    """What can be said is said."""
    assert of(f"{PLANTED}:{name}").startswith(f"{PLANTED}:{name} behaves like {UNKNOWN}")


@pytest.mark.parametrize(("name", "role"), [(ELSEWHERE[0], "decoupled"), (ELSEWHERE[1], "coupled")])
def test_a_fault_of_the_update_is_looked_for_there(name: str, role: str) -> None:
    """The decay is right, and the rule is not Adam's."""
    says = "has the weight decay that is asked for, so it differs in its update: it takes steps of a rule of its own"

    assert of(f"{PLANTED}:{name}", role) == f"{PLANTED}:{name} {says}"


def test_every_planted_fault_is_diagnosed_here() -> None:
    """A new one needs its words, or a place among those that have none."""
    assert set(MUTANTS) == {name for name, *_ in SAID} | set(NOT_KNOWN) | set(ELSEWHERE)


@pytest.mark.parametrize(
    ("path", "role", "options"),
    [
        ("torch.optim:AdamW", "decoupled", {}),
        ("torch.optim:Adam", "coupled", {}),
        ("torch.optim:SGD", "sgd", {}),
        ("torch.optim:SGD", "sgd", MOMENTUM),
    ],
)
def test_a_right_optimizer_fails_for_another_reason(path: str, role: str, options: dict[str, Any]) -> None:
    """Nothing is said against its decay; options are the claim's own."""
    assert (
        of(path, role, **options)
        == f"{path} has the weight decay that is asked for, so it differs in something else: a case that this claim tries"
    )


def test_another_convention_is_no_fault_where_it_is_declared() -> None:
    """The contract decides."""
    path = f"{PLANTED}:DecayAfterUpdate"

    assert "behaves like" not in sentence(path, {}, {**PROMISES["decoupled"], "order": "after"})


class SinglePrecision(AdamWTwin):
    """A right optimizer that casts to float32 inside."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.copy_((w.float() * (1 - group["lr"] * group["weight_decay"])).double())


def test_single_precision_is_told_from_a_wrong_form() -> None:
    """The form is right and the rounding is not: both are said."""
    said = of(f"{HERE}:SinglePrecision")

    assert said == f"{HERE}:SinglePrecision behaves like {DECOUPLED}, computed in single precision, where the claims need float64"


class Spoiled(AdamWTwin):
    """An optimizer whose weights are spoiled at the first step."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.fill_(float("nan"))


class FirstTensorOnly(AdamWTwin):
    """An optimizer that decays only the first tensor of each group."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if group["params"][0] is w:
            super().decay(w, grad, group, state)


@pytest.mark.parametrize(
    ("name", "said"), [("Spoiled", UNKNOWN), ("FirstTensorOnly", "decoupled weight decay, of an unknown scale")]
)
def test_what_no_form_fits_is_never_called_right(name: str, said: str) -> None:
    """Weights that are not finite, tensors that are not alike."""
    assert of(f"{HERE}:{name}").startswith(f"{HERE}:{name} behaves like {said}")
