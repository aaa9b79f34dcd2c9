"""Tests of preconditions: questions have no answer if weights do not move or become NaN."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from harness.fingerprint.ask import QUESTIONS, ask
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.preconditions import NOT_FINITE, NOT_MOVING, unmet
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


def findings_of(name: str, *questions: str) -> dict[str, Finding]:
    """Return the findings of a fingerprint on an optimizer of this file, by question."""
    return {question.name: finding for question, finding in ask(f"{__name__}:{name}", {}, questions)}


@pytest.mark.parametrize("name", ["NeverMoves", "LearnsWhereItDecays"])
def test_no_update_rule_is_named_if_no_weight_moves(name: str) -> None:
    for finding in findings_of(name, *UPDATE).values():
        assert (finding.values, finding.text) == ((), NOT_MOVING)


@pytest.mark.parametrize("name", ["Spoiled", "SpoiledByDecay"])
def test_no_decay_is_found_if_weights_become_nan(name: str) -> None:
    for finding in findings_of(name, *DECAY, "none_gradient", "empty_group", "state_dict").values():
        assert (finding.values, finding.text) == ((), NOT_FINITE)


def test_nan_without_decay_hides_the_precision_and_the_rule() -> None:
    findings = findings_of("Spoiled", "precision", *UPDATE)
    assert {(finding.values, finding.text) for finding in findings.values()} == {((), NOT_FINITE)}
    assert findings_of("SpoiledByDecay", "step_rule")["step_rule"].values == ("adam",)


@pytest.mark.parametrize("name", ["step_rule", "coupling", "clip", "rejects"])
def test_an_optimizer_that_moves_meets_every_precondition(name: str) -> None:
    question = next(question for question in QUESTIONS if question.name == name)

    assert unmet(SubjectRunner("torch.optim:AdamW", {}), question) == ""
    assert unmet(SubjectRunner("torch.optim:AdamW", {"eps": 0.0}), question) == ""  # eps 0 gives NaN only for zero gradients
