"""Tests of right optimizers for which an experiment once assumed too much: each gets its true answer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from harness.fingerprint.ask import ask
from tests.mutants.decay_rule import AdamWTwin, Group, State


class WarmUpInside(AdamWTwin):
    """AdamW whose rate rises from a 20th to the whole over twenty steps; no state holds a remainder of the weight."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, {**group, "lr": group["lr"] * min(1.0, (state.get("t", 0) + 1) / 20)}, state)


class EigenBasis(AdamWTwin):
    """Adam in the basis of the gradient's singular vectors, which amplifies small changes of the gradient."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.ndim < 2:
            super().update(w, grad, group, state)
            return
        left = state["left"] = 0.9 * state.get("left", torch.zeros_like(grad @ grad.mT)) + 0.1 * (grad @ grad.mT)
        basis = torch.linalg.eigh(left)[1]
        w.mul_(1 - group["lr"] * group["weight_decay"])
        turned = basis.mT @ grad
        second = state["second"] = 0.9 * state.get("second", torch.zeros_like(turned)) + 0.1 * turned * turned
        w.sub_(group["lr"] * basis @ (turned / (second.sqrt() + 1e-8)))


class TinyRate(AdamWTwin):
    """AdamW at a millionth of lr, as a rule that learns its rate begins."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, {**group, "lr": 1e-6 * group["lr"]}, state)


STYLES = "tests.mutants.styles."
ANSWERS: list[tuple[str, dict[str, str]]] = [
    (f"{STYLES}state_keeping:MasterOnly", {"coupling": "decoupled", "scale": "lr", "order": "before", "strength": "1"}),
    (f"{STYLES}state_keeping:StateUnderOtherKeys", {"resume_weight_decay": "checkpoint", "resume_lr": "checkpoint"}),
    (f"{STYLES}averaging:SamByClosure", {"inert_options": ""}),
    (f"{__name__}:WarmUpInside", {"smallest_decay": "rounded"}),
    (f"{__name__}:EigenBasis", {"precision": "float64"}),
    (f"{__name__}:TinyRate", {"precision": "float64", "coupling": "decoupled"}),
]


@pytest.mark.parametrize(("path", "expected"), ANSWERS, ids=[path.rpartition(":")[2] for path, _ in ANSWERS])
def test_a_premise_that_does_not_hold_changes_no_answer(path: str, expected: dict[str, str]) -> None:
    """Weights written from outside, torch's keys, steps of one size, well-conditioned rules, gradients that depend on w."""
    wanted: Any = [*expected, "step_arguments"]
    answers = {question.name: " ".join(finding.values) for question, finding in ask(path, {}, wanted)}
    assert {name: answers[name] for name in expected} == expected
