"""Tests of the closed forms of update rules: each fits its own rule and no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.fingerprint.measuring.gradient_sequence import draw_sequence
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.update.rule import ADAM_EPS, BETAS, Update, constants, fitting_eps_forms, rule_of, updates
from tests.mutants.decay_rule import AdamWTwin, Group, SgdTwin, State

DEFAULTS = (*BETAS, ADAM_EPS)
RULES = [
    ("torch.optim:SGD", {}, "sgd"),
    ("torch.optim:SGD", {"momentum": 0.5}, "momentum"),
    ("torch.optim:SGD", {"momentum": 0.9, "nesterov": True}, "momentum"),
    ("torch.optim:AdamW", {"betas": (0.5, 0.7)}, "adam"),
    ("torch.optim:AdamW", {"amsgrad": True}, "other"),
    ("torch.optim:NAdam", {}, "other"),
    ("torch.optim:RMSprop", {}, "other"),
    ("torch.optim:ASGD", {}, "other"),
    ("harness.optimizers:SignSGD", {}, "sign"),
    ("harness.optimizers:Lion", {"betas": (0.3, 0.6)}, "sign"),
    ("harness.optimizers:Lamb", {}, "other"),
]


class EpsBesideUncorrectedRoot(AdamWTwin):
    """Add eps to the root before it is corrected for its start at zero: the shorter form of Kingma and Ba's section 2."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        m, v = self.moments(grad, grad, group, state)
        return m / (v.sqrt() + group["eps"] / (1 - group["betas"][1] ** state["t"]) ** 0.5)


class EpsInsideTheRoot(AdamWTwin):
    """Add eps to the second moment, under the root."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        m, v = self.moments(grad, grad, group, state)
        return m / ((v + 1e-15).sqrt() + group["eps"])


def test_adam_with_eps_under_the_root_is_another_rule() -> None:
    runner = SubjectRunner(f"{__name__}:EpsInsideTheRoot", {})
    word, text = rule_of(updates(runner, draw_sequence()), runner)
    assert word == "other"
    assert text.startswith("no closed form fits all steps; Adam's differs by ")


class OtherConstants(AdamWTwin):
    """Adam with constants of its own, whatever the group holds."""

    own = (0.95, 0.98, 1e-6)

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        given = {**group, "betas": self.own[:2], "eps": self.own[2]}
        return super().direction(w, grad, given, state)


class NoConstantsInTheGroup(OtherConstants):
    """Adam whose groups hold neither betas nor eps."""

    def add_param_group(self, param_group: Group) -> None:
        super().add_param_group(param_group)
        del self.param_groups[-1]["betas"], self.param_groups[-1]["eps"]


class CountsAhead(AdamWTwin):
    """Adam whose step number is one ahead: it starts at 1 and is raised before it is used."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        m, v = self.moments(grad, grad, group, state)
        t, (beta1, beta2) = state["t"], group["betas"]
        first, second = m * (1 - beta1**t) / (1 - beta1 ** (t + 1)), v * (1 - beta2**t) / (1 - beta2 ** (t + 1))
        return first / (second.sqrt() + group["eps"])


class CounterSaturates(AdamWTwin):
    """Adam whose step counter stays at 8, as a counter of few bits does."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        m, v = self.moments(grad, grad, group, state)
        t, last, (beta1, beta2) = state["t"], min(state["t"], 8), group["betas"]
        first, second = m * (1 - beta1**t) / (1 - beta1**last), v * (1 - beta2**t) / (1 - beta2**last)
        return first / (second.sqrt() + group["eps"])


@pytest.mark.parametrize(
    ("name", "word", "text"),
    [
        ("OtherConstants", "other", "Adam's closed form with betas 0.95, 0.98, eps 1e-06, not betas 0.9, 0.999, eps 1e-08"),
        ("NoConstantsInTheGroup", "adam", "each of 20 steps is Adam's closed form with betas 0.95, 0.98, eps 1e-06"),
        ("CountsAhead", "other", "Adam's closed form, but its bias correction counts one step more"),
        ("CounterSaturates", "other", "Adam's closed form, but its step counter does not change from step 8 on"),
    ],
)
def test_a_rule_that_is_nearly_adams_is_named(name: str, word: str, text: str) -> None:
    """An optimizer whose groups hold no constants keeps them elsewhere: then the rule is Adam's."""
    runner = SubjectRunner(f"{__name__}:{name}", {})
    assert rule_of(updates(runner, draw_sequence()), runner) == (word, text)


class OwnRateForEachTensor(SgdTwin):
    """Take momentum's step at a rate that the first gradient of each tensor sets."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        rate = state.setdefault("rate", float(1 / grad.norm()))
        super().update(w, rate * grad, group, state)


def test_both_places_of_adams_eps_are_distinguished() -> None:
    runner = SubjectRunner(f"{__name__}:EpsBesideUncorrectedRoot", {"eps": 1e-4})
    word, text = rule_of(updates(runner, draw_sequence()), runner)
    assert (word, "eps added before the bias correction" in text) == ("adam", True)


class BetasByName(AdamWTwin):
    """Keep beta1 and beta2 in the group under two names, as optimi does."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr=lr, betas=(0.8, 0.95), weight_decay=weight_decay)

    def add_param_group(self, param_group: Group) -> None:
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        group["beta1"], group["beta2"] = group.pop("betas")

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, {**group, "betas": (group["beta1"], group["beta2"])}, state)


def test_betas_are_read_under_either_name() -> None:
    runner = SubjectRunner(f"{__name__}:BetasByName", {})
    assert rule_of(updates(runner, draw_sequence()), runner)[0] == "adam"


def test_a_rate_that_differs_between_tensors_is_a_range() -> None:
    runner = SubjectRunner(f"{__name__}:OwnRateForEachTensor", {"momentum": 0.9})
    word, text = rule_of(updates(runner, draw_sequence()), runner)
    ends = sorted(1 / float(one.norm()) for one in draw_sequence().gradients[0])
    assert (word, f"({ends[0]:.4g} to {ends[1]:.4g} x gradient)" in text) == ("momentum", True)


@pytest.mark.parametrize(("path", "options", "word"), RULES)
def test_a_rule_gets_its_word(path: str, options: Mapping[str, Any], word: str) -> None:
    runner = SubjectRunner(path, options)
    assert rule_of(updates(runner, draw_sequence()), runner)[0] == word


def test_the_momentum_is_measured() -> None:
    runner = SubjectRunner("torch.optim:SGD", {"momentum": 0.7})
    assert rule_of(updates(runner, draw_sequence()), runner)[1] == "each step is 0.7 x the previous step - lr x (1 x gradient)"


def test_a_hidden_decay_does_not_hide_the_rule() -> None:
    """Its share of the weight is in the text of the finding."""
    runner = SubjectRunner("tests.mutants.decay_rule:HiddenDecay", {})
    word, text = rule_of(updates(runner, draw_sequence()), runner)
    assert word == "adam"
    assert "minus 0.0001 x lr x w" in text


@pytest.mark.parametrize("path", ["torch.optim:AdamW", "torch.optim:SGD"])
def test_a_change_of_a_billionth_of_lr_makes_another_rule(path: str) -> None:
    runner = SubjectRunner(path, {})
    bent = [
        replace(update, moved=update.moved + 1e-9 * torch.randn(update.moved.shape, dtype=torch.float64))
        for update in updates(runner, draw_sequence())
    ]
    assert rule_of(bent, runner)[0] == "other"


def test_betas_of_another_type_are_taken_for_adams_defaults() -> None:
    steps = [
        replace(update, group={"betas": "none"}) for update in updates(SubjectRunner("torch.optim:AdamW", {}), draw_sequence())
    ]
    assert rule_of(steps, SubjectRunner("torch.optim:AdamW", {}))[0] == "adam"


def test_steps_are_in_units_of_the_learning_rate() -> None:
    (update, _) = updates(SubjectRunner("torch.optim:SGD", {}), draw_sequence())
    assert isinstance(update, Update)
    assert torch.allclose(update.moved, -update.gradients, rtol=1e-9, atol=update.tolerance)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("torch.optim:AdamW", ("after_correction",)),
        ("tests.mutants.other_optimizers:EpsBiasCorrected", ("before_correction",)),
        ("torch.optim:SGD", ()),
    ],
)
def test_the_place_of_eps_is_told_apart(path: str, expected: tuple[str, ...]) -> None:
    runner = SubjectRunner(path, {})

    assert fitting_eps_forms(updates(runner, draw_sequence())) == expected


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ({"betas": (0.8, 0.9), "eps": 1e-6}, (0.8, 0.9, 1e-6)),
        ({"beta1": 0.8, "beta2": torch.tensor(0.5), "eps": 0}, (0.8, 0.5, 0.0)),
        ({"beta2": 0.95}, DEFAULTS),
        ({"betas": None, "eps": 1e-6}, DEFAULTS),
        ({"betas": (0.9, None)}, DEFAULTS),
        ({"betas": (0.9, 0.99, 0.999)}, DEFAULTS),
        ({"betas": (0.9, 0.99), "eps": (1e-30, 1e-3)}, DEFAULTS),
        ({"betas": (0.9, torch.tensor([0.9, 0.99]))}, DEFAULTS),
    ],
)
def test_constants_that_are_no_numbers_are_adams(group: dict[str, Any], expected: tuple[float, float, float]) -> None:
    assert constants(group) == expected
