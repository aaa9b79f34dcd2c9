"""Is the smallest decay that survives rounding found, and are other kinds of rounding told?"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.fingerprint.decay.smallest import QUESTIONS
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamTwin, AdamWTwin, Group, State
from tests.selftest.fingerprint.asked import MUTANTS, asked

SMALLEST, DEFAULT = (question.name for question in QUESTIONS)


@pytest.mark.parametrize("path", ["torch.optim:AdamW", "torch.optim:SGD", "torch.optim:Muon", "harness.optimizers:Lion"])
def test_plain_rounding_loses_what_is_below_half_a_unit(path: str) -> None:
    """Half a unit of the last place is 2^-25 to 2^-24 of a float32 weight, and 2^-9 to 2^-8 of a bfloat16 one; to 5 percent."""
    found = asked(SMALLEST, path)
    assert found.values == ("rounded",)
    assert 0.95 * 2**-25 < found.numbers["float32"] <= found.numbers["float32_all"] < 1.05 * 2**-24
    assert 0.95 * 2**-9 < found.numbers["bfloat16"] <= found.numbers["bfloat16_all"] < 1.05 * 2**-8


def test_stochastic_rounding_is_said() -> None:
    found = asked(SMALLEST, path("StochasticRounding"))
    assert found.values == ("rounded", "stochastic")  # float32, bfloat16
    assert "by chance" in found.says


def test_a_remainder_that_is_kept_is_said() -> None:
    found = asked(SMALLEST, path("KeepsRemainder"))
    assert found.values == ("accumulates",)
    assert found.numbers["bfloat16"] > 0.95 * 2**-9  # one step is rounded like any other


def test_an_update_rule_that_rescales_the_decay_has_no_threshold() -> None:
    assert asked(SMALLEST, "torch.optim:Adam").values == ("rescaled",)


def test_a_hidden_decay_does_not_count() -> None:
    assert asked(SMALLEST, MUTANTS + "HiddenDecay").numbers["bfloat16"] > 0.9 * 2**-9


def test_a_decay_that_starts_late_is_waited_for() -> None:
    assert asked(SMALLEST, path("DecaySkipsFirstStep")).values == ("rounded",)


class OnlyCollectsFirst(AdamTwin):
    """Collect the first gradient and take no step, as ADOPT does; the decay is in the gradient."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        before = w.clone()
        super().update(w, grad, group, state)
        if state["t"] == 1:
            w.copy_(before)


def test_a_coupled_decay_that_starts_late_is_waited_for_too() -> None:
    assert asked(SMALLEST, f"{__name__}:OnlyCollectsFirst").values == ("rescaled",)


def test_nothing_is_guessed_where_nothing_moves_or_all_breaks() -> None:
    assert asked(SMALLEST, MUTANTS + "DecayOnlyWhereGradient").values == ()
    broken = asked(SMALLEST, "torch.optim:AdamW", {"eps": 0.0})
    assert (broken.values, broken.numbers) == ((), {})
    assert "gives nan" in broken.says


@pytest.mark.parametrize(
    ("path", "default"),
    [("torch.optim:AdamW", 0.01), ("torch.optim:Adam", 0.0), ("torch.optim:Muon", 0.1), (MUTANTS + "SgdTwin", 0.0)],
)
def test_the_default_is_the_constructors(path: str, default: float) -> None:
    found = asked(DEFAULT, path)
    assert found.values == (f"{default:g}",)
    assert found.numbers["default"] == default


class SparesHalfPrecision(AdamWTwin):
    """Decay no bfloat16 weight."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.dtype != torch.bfloat16:
            super().decay(w, grad, group, state)


def test_a_precision_that_never_decays_is_not_called_rounded() -> None:
    found = asked(SMALLEST, f"{__name__}:SparesHalfPrecision")
    assert found.values == ("never",)
    assert "no bfloat16 weight without gradient moves" in found.says
    assert "never" not in QUESTIONS[0].usual
