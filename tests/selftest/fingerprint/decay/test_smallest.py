"""Tests of the smallest decay that moves a weight, by kind of rounding, and of the default weight_decay."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.fingerprint.decay.smallest import QUESTIONS
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamTwin, AdamWTwin, Group, State
from tests.selftest.fingerprint.asked import MUTANTS, finding_of

SMALLEST, DEFAULT = (question.name for question in QUESTIONS)


@pytest.mark.parametrize("path", ["torch.optim:AdamW", "torch.optim:SGD", "torch.optim:Muon", "harness.optimizers:Lion"])
def test_plain_rounding_loses_a_decay_below_half_a_unit(path: str) -> None:
    """Half a unit in the last place is 2^-25 to 2^-24 of a float32 weight, 2^-9 to 2^-8 of a bfloat16 one (to 5 percent)."""
    finding = finding_of(SMALLEST, path)
    assert finding.values == ("rounded",)
    assert 0.95 * 2**-25 < finding.numbers["float32"] <= finding.numbers["float32_all"] < 1.05 * 2**-24
    assert 0.95 * 2**-9 < finding.numbers["bfloat16"] <= finding.numbers["bfloat16_all"] < 1.05 * 2**-8


def test_stochastic_rounding_is_found() -> None:
    finding = finding_of(SMALLEST, path("StochasticRounding"))
    assert finding.values == ("rounded", "stochastic")  # float32, bfloat16
    assert "by chance" in finding.text


def test_compensated_rounding_is_found() -> None:
    finding = finding_of(SMALLEST, path("KeepsRemainder"))
    assert finding.values == ("accumulates",)
    assert finding.numbers["bfloat16"] > 0.95 * 2**-9  # one step is rounded like any other


def test_an_update_rule_that_rescales_the_decay_has_no_threshold() -> None:
    assert finding_of(SMALLEST, "torch.optim:Adam").values == ("rescaled",)


def test_a_hidden_decay_does_not_change_the_threshold() -> None:
    assert finding_of(SMALLEST, MUTANTS + "HiddenDecay").numbers["bfloat16"] > 0.9 * 2**-9


def test_a_decay_that_starts_at_the_second_step_is_measured() -> None:
    assert finding_of(SMALLEST, path("DecaySkipsFirstStep")).values == ("rounded",)


class OnlyCollectsFirst(AdamTwin):
    """Collect the first gradient and take no step, as ADOPT does; the decay is in the gradient."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        before = w.clone()
        super().update(w, grad, group, state)
        if state["t"] == 1:
            w.copy_(before)


def test_a_coupled_decay_that_starts_late_is_measured() -> None:
    assert finding_of(SMALLEST, f"{__name__}:OnlyCollectsFirst").values == ("rescaled",)


def test_no_answer_if_nothing_moves_or_weights_are_nan() -> None:
    assert finding_of(SMALLEST, MUTANTS + "DecayOnlyWhereGradient").values == ()
    not_finite = finding_of(SMALLEST, "torch.optim:AdamW", {"eps": 0.0})
    assert (not_finite.values, not_finite.numbers) == ((), {})
    assert "gives nan" in not_finite.text


@pytest.mark.parametrize(
    ("path", "default"),
    [("torch.optim:AdamW", 0.01), ("torch.optim:Adam", 0.0), ("torch.optim:Muon", 0.1), (MUTANTS + "SgdTwin", 0.0)],
)
def test_the_default_is_that_of_the_constructor(path: str, default: float) -> None:
    finding = finding_of(DEFAULT, path)
    assert finding.values == (f"{default:g}",)
    assert finding.numbers["default"] == default


class SparesHalfPrecision(AdamWTwin):
    """Decay all weights except bfloat16 ones."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.dtype != torch.bfloat16:
            super().decay(w, grad, group, state)


def test_a_precision_that_never_decays_is_not_called_rounded() -> None:
    finding = finding_of(SMALLEST, f"{__name__}:SparesHalfPrecision")
    assert finding.values == ("never",)
    assert "no bfloat16 weight without gradient moves" in finding.text
    assert "never" not in QUESTIONS[0].usual
