"""Tests of the question about other shapes: another update or decay of vectors and 4-D tensors is found."""

from __future__ import annotations

import pytest
from torch import Tensor

from harness.fingerprint.update.other_shapes import QUESTION
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin, Group, State
from tests.selftest.fingerprint.asked import finding_of


class SignsForVectors(AdamWTwin):
    """Take Adam's step for matrices, and a sign step for vectors."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad.sign() if w.dim() == 1 else super().direction(w, grad, group, state)


@pytest.mark.parametrize(
    ("path", "word", "text"),
    [
        ("torch.optim:AdamW", "same", "1-D: as a matrix; 4-D: as a matrix"),
        (f"{__name__}:SignsForVectors", "differs", "1-D: update sign, the same decay; 4-D: as a matrix"),
        (path("MatricesDecayTwin"), "differs", "1-D: update adam, decay none; 4-D: as a matrix"),
        (path("OnlyFirstRowDecays"), "differs", "1-D: update adam, decay unknown; 4-D: update adam, decay unknown"),
        ("torch.optim:Adafactor", "differs", "1-D: update other, the same decay; 4-D: update other, the same decay"),
    ],
)
def test_each_shape_is_compared_with_a_matrix(path: str, word: str, text: str) -> None:
    finding = finding_of(QUESTION.name, path)
    assert finding.values == (word,)
    assert finding.text == text


def test_a_refused_shape_has_the_reason_of_its_refusal() -> None:
    finding = finding_of(QUESTION.name, "torch.optim:Muon")
    assert finding.values == ("refused",)
    assert finding.text.startswith(
        "1-D: refused (ValueError: Muon only supports 2D parameters wh...); 4-D: refused (ValueError: Muon"
    )
    assert len(finding.text) < 140


def test_another_strength_for_another_shape_is_found() -> None:
    assert "decay decoupled of 0.0075 x w" in finding_of(QUESTION.name, path("DecayByFanIn")).text
