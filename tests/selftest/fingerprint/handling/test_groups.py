"""Is it seen whose learning rate and weight decay count in a group, and what becomes of the caller's groups?"""

from __future__ import annotations

import pytest
from torch import Tensor

from tests.mutants.decay_rule import AdamWTwin, Group, State
from tests.selftest.fingerprint.handled_subjects import MUTANTS, found


class LrOverConstructor(AdamWTwin):
    """Decay by lr^2 over the constructor's lr, in every group."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] ** 2 / self.defaults["lr"] * group["weight_decay"])


def test_the_constructors_lr_is_not_read_as_anothers_decay() -> None:
    """What a group's lr changes of its decay must be no ratio of the weight decays that are tried."""
    assert found("group_options", f"{__name__}:LrOverConstructor").values == ("differs",)


@pytest.mark.parametrize("question", ["group_options", "exempt_first", "weight_decay_schedule"])
def test_whose_decay_counts_is_not_known_where_none_does(question: str) -> None:
    """An optimizer that forgets its decay has the same path whosever it is."""
    finding = found(question, MUTANTS + "DecayForgotten")

    assert finding.values == ()
    assert "not known" in finding.says
