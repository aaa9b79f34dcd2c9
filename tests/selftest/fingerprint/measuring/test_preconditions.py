"""Is nothing said of an optimizer whose weights stand still, or are no numbers?"""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from harness.fingerprint.ask import QUESTIONS, ask
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.preconditions import NOT_FINITE, STILL, unmet
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from tests.mutants.decay_rule import AdamWTwin, Group, State

UPDATE = ("element_wise", "scale_free", "update_depends_on_weight", "step_rule")
DECAY = ("other_shapes", "groups", "coupling", "scale", "strength", "order", "mask", "zero_gradient")


class NeverMoves(AdamWTwin):
    """Return from the step at once."""

    def step(self, closure: Any = None) -> None:
        return None


class LearnsWhereItDecays(AdamWTwin):
    """Skip groups without weight decay."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if group["weight_decay"]:
            super().update(w, grad, group, state)


class Spoiled(AdamWTwin):
    """Spoil the weights at the first step."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.fill_(float("nan"))


class SpoiledByDecay(Spoiled):
    """Spoil the weights where there is weight decay."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if group["weight_decay"]:
            super().decay(w, grad, group, state)


def said(name: str, *questions: str) -> dict[str, Finding]:
    """Return what a fingerprint says of an optimizer of this file."""
    return {question.name: finding for question, finding in ask(f"{__name__}:{name}", {}, questions)}


@pytest.mark.parametrize("name", ["NeverMoves", "LearnsWhereItDecays"])
def test_a_rule_that_never_moves_a_weight_has_no_name(name: str) -> None:
    for finding in said(name, *UPDATE).values():
        assert (finding.values, finding.says) == ((), STILL)


@pytest.mark.parametrize("name", ["Spoiled", "SpoiledByDecay"])
def test_weights_that_are_no_numbers_have_no_decay(name: str) -> None:
    for finding in said(name, *DECAY, "none_gradient", "empty_group", "state_dict").values():
        assert (finding.values, finding.says) == ((), NOT_FINITE)


def test_what_is_spoiled_without_decay_has_no_precision_and_no_rule() -> None:
    found = said("Spoiled", "precision", *UPDATE)
    assert {(finding.values, finding.says) for finding in found.values()} == {((), NOT_FINITE)}
    assert said("SpoiledByDecay", "step_rule")["step_rule"].values == ("adam",)


@pytest.mark.parametrize("name", ["step_rule", "coupling", "clip", "rejects"])
def test_an_optimizer_that_moves_meets_every_precondition(name: str) -> None:
    question = next(one for one in QUESTIONS if one.name == name)

    assert unmet(SubjectRunner("torch.optim:AdamW", {}), question) == ""
    assert unmet(SubjectRunner("torch.optim:AdamW", {"eps": 0.0}), question) == ""  # NaN only where gradients are zero
