"""Tests of the questions about groups: answers that must not be confused, and optimizers without a decay."""

from __future__ import annotations

import pytest
from torch import Tensor

from tests.mutants.decay_rule import AdamWTwin, Group, State
from tests.selftest.fingerprint.handled_subjects import MUTANTS, finding_on


class LrOverConstructor(AdamWTwin):
    """Decay by lr^2 over the constructor's lr, in every group."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] ** 2 / self.defaults["lr"] * group["weight_decay"])


def test_a_decay_by_the_constructors_lr_is_not_a_groups_decay() -> None:
    """The ratio of the learning rates must not equal a ratio of the weight decays that are tried."""
    assert finding_on("group_options", f"{__name__}:LrOverConstructor").values == ("differs",)


@pytest.mark.parametrize("question", ["group_options", "exempt_first", "weight_decay_schedule"])
def test_no_answer_on_whose_decay_counts_if_none_counts(question: str) -> None:
    """An optimizer that ignores weight_decay takes the same path for every value."""
    finding = finding_on(question, MUTANTS + "DecayForgotten")

    assert finding.values == ()
    assert "not known" in finding.text
