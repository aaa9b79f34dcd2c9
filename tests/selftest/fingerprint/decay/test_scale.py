"""Tests of scale and strength: each multiplier is recognised, and none is named if none fits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from harness.fingerprint.decay.scale import FORMS, PROXIMAL, SCALES, Rates, fit_scale
from harness.fingerprint.measuring.gradient_sequence import LRS, OTHER_INITIAL_LRS, OTHER_LRS
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin, Group, State
from tests.selftest.fingerprint.asked import MUTANTS, finding_of

SHARE = {
    "plain": lambda x: x,
    "twice": lambda x: 1 - (1 - x) ** 2,
    "exponential": lambda x: 1 - math.exp(-x),
    "divided": lambda x: 1 - 1 / (1 + x),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("x", [0.03, 0.12, 0.25, -0.1])
def test_undo_is_the_inverse_of_a_form(name: str, x: float) -> None:
    assert FORMS[name].undo(SHARE[name](x)) == pytest.approx(x, rel=1e-13)


class LrOverStart(AdamWTwin):
    """Decay by lr^2 over the constructor's lr, which is used as the largest one, as timm and heavyball do."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - self.rate(group, state) * group["weight_decay"])

    def rate(self, group: Group, state: State) -> float:
        return float(group["lr"] ** 2 / self.defaults["lr"])


class OverConstructor(LrOverStart):
    """Decay by the schedule: lr over the constructor's."""

    def rate(self, group: Group, state: State) -> float:
        return float(group["lr"] / self.defaults["lr"])


class OverGroup(LrOverStart):
    """Decay by the schedule: lr over that of the group when it was added."""

    def add_param_group(self, param_group: Group) -> None:
        super().add_param_group(param_group)
        self.param_groups[-1]["first"] = self.param_groups[-1]["lr"]

    def rate(self, group: Group, state: State) -> float:
        return float(group["lr"] / group["first"])


class OverFirstStep(LrOverStart):
    """Decay by the schedule: lr over that of the first step, which a warm-up has made small."""

    def rate(self, group: Group, state: State) -> float:
        return float(group["lr"] / state.setdefault("first", group["lr"]))


class ByConstructor(LrOverStart):
    """Decay by the constructor's lr, whatever the schedule and the group set."""

    def rate(self, group: Group, state: State) -> float:
        return float(self.defaults["lr"])


class ByGroup(OverGroup):
    """Decay by the group's lr when it was added."""

    def rate(self, group: Group, state: State) -> float:
        return float(group["first"])


class SingleRate(LrOverStart):
    """Compute lr x weight_decay in float32, with double weights."""

    def rate(self, group: Group, state: State) -> float:
        return float(torch.tensor(group["lr"], dtype=torch.float32))


def tensors_only(params: Sequence[Tensor], lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """Build AdamW from a list of tensors; parameter groups raise."""
    assert all(weight.dim() for weight in params)
    return torch.optim.AdamW(params, lr=lr, weight_decay=weight_decay, foreach=False)


class EveryFourthStep(AdamWTwin):
    """Decay in every fourth step, four times as strongly."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        decays = 4.0 * (state.get("t", 0) % 4 == 3)
        super().update(w, grad, {**group, "weight_decay": decays * group["weight_decay"]}, state)


STARTING_RATES = [
    ("LrOverStart", "", "lr^2 / the constructor's lr"),
    ("OverConstructor", "schedule", "lr / the constructor's lr"),
    ("OverGroup", "schedule", "lr / the group's first lr"),
    ("OverFirstStep", "schedule", "lr / the first step's lr"),
    ("ByConstructor", "initial_lr", "w loses k x the constructor's lr x "),
    ("ByGroup", "initial_lr", "w loses k x the group's first lr x "),
    ("SingleRate", "lr", "w loses k x lr x "),
    ("tensors_only", "lr", "w loses k x lr x "),
]


@pytest.mark.parametrize(("name", "word", "text"), STARTING_RATES)
def test_the_starting_rate_of_a_scale_is_found(name: str, word: str, text: str) -> None:
    """The lr of the constructor, of the group and of the first step differ. A scale without a word has a strength too."""
    scale, strength = (finding_of(question, f"{__name__}:{name}") for question in ("scale", "strength"))

    assert " ".join(scale.values) == word
    assert text in scale.text
    assert strength.values == ("1",)


def test_a_decay_in_every_fourth_step_is_named() -> None:
    finding = finding_of("scale", f"{__name__}:EveryFourthStep")
    text = "weight decay acts in every 4th step only, and there takes 4 x lr x weight_decay of w"
    assert (finding.values, finding.text) == ((), f"unknown: {text}")


def test_no_scale_is_a_multiple_of_another_over_both_runs() -> None:
    runs = [(LRS, (LRS[0], LRS[0])), (OTHER_LRS, OTHER_INITIAL_LRS)]
    rates = [Rates(lrs[: step + 1], *built) for lrs, built in runs for step in range(len(lrs))]
    rows = [[scale.multiplier(step_rates, (0.9, 0.999)) for step_rates in rates] for scale in SCALES]

    for number, row in enumerate(rows):
        for earlier in rows[:number]:
            ratios = [first / second for first, second in zip(row, earlier, strict=True)]
            assert max(ratios) / min(ratios) - 1 > 1e-2  # a fit leaves less than 1e-6


def test_a_schedule_is_distinguished_from_the_learning_rate() -> None:
    scales = [finding_of("scale", path).values for path in ("torch.optim:AdamW", "harness.optimizers:IndependentAdamW")]
    assert scales == [("lr",), ("schedule",)]


def test_the_initial_rate_is_distinguished_from_no_rate() -> None:
    scales = [finding_of("scale", MUTANTS + name).values for name in ("StaleLr", "DecayNotTimesLr")]
    assert scales == [("initial_lr",), ("constant",)]


@pytest.mark.parametrize(("name", "factor"), [("DecayHalved", 0.5), ("WrongSign", -1.0), ("AdamDecayTwice", 2.0)])
def test_the_strength_is_measured(name: str, factor: float) -> None:
    strength = finding_of("strength", MUTANTS + name)
    assert strength.values == (f"{factor:g}",)
    assert strength.numbers["strength"] == pytest.approx(factor, rel=1e-9)


def test_an_exponential_decay_has_a_form_and_no_constant_factor() -> None:
    strength = finding_of("strength", MUTANTS + "ExponentialDecay")
    assert strength.values == ()
    assert "w is multiplied by exp(-lr x weight_decay)" in strength.text
    assert strength.numbers["first_order"] == pytest.approx(1.0)


def test_a_decay_applied_twice_is_described() -> None:
    """No constant factor gives this decay, so a contract cannot declare it as a strength."""
    strength = finding_of("strength", MUTANTS + "DecayTwice")
    assert strength.values == ()
    assert "w is multiplied by (1 - lr x weight_decay)^2: the decay is applied twice" in strength.text


def test_proximal_decay_is_decay_after_with_another_form() -> None:
    fit = fit_scale(SubjectRunner(MUTANTS + "ProximalDecay", {}))
    assert fit is not None
    assert (fit.form, fit.scale) == (PROXIMAL, SCALES[0])
    assert finding_of("order", MUTANTS + "ProximalDecay").values == ("proximal",)


def test_factors_that_differ_between_tensors_are_shown() -> None:
    strength = finding_of("strength", path("DecayByFanIn"))
    assert strength.values == ()
    assert "0.5, 0.4" in strength.text


def test_bias_correction_is_found_with_the_groups_own_betas() -> None:
    assert finding_of("scale", MUTANTS + "BiasCorrectedLrDecay", {"betas": (0.8, 0.95)}).values == ("bias_corrected_lr",)


@pytest.mark.parametrize("name", ["SignDecay", "DecayInsideMoments", "DecayForgotten"])
def test_a_decay_of_no_known_form_has_no_scale(name: str) -> None:
    assert finding_of("scale", MUTANTS + name).values == ()
    assert finding_of("strength", MUTANTS + name).values == ()
