"""Is another rule for vectors or 4-D tensors found, and said?"""

from __future__ import annotations

import pytest
from torch import Tensor

from harness.fingerprint.update.other_shapes import QUESTION
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin, Group, State
from tests.selftest.fingerprint.asked import asked


class SignsForVectors(AdamWTwin):
    """Take Adam's step for matrices, and a sign step for vectors."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad.sign() if w.dim() == 1 else super().direction(w, grad, group, state)


@pytest.mark.parametrize(
    ("path", "word", "says"),
    [
        ("torch.optim:AdamW", "same", "1-D: as a matrix; 4-D: as a matrix"),
        (f"{__name__}:SignsForVectors", "differs", "1-D: update sign, the same decay; 4-D: as a matrix"),
        (path("MatricesDecayTwin"), "differs", "1-D: update adam, decay none; 4-D: as a matrix"),
        ("torch.optim:Adafactor", "differs", "1-D: update other, the same decay; 4-D: update other, the same decay"),
    ],
)
def test_each_shape_is_said(path: str, word: str, says: str) -> None:
    found = asked(QUESTION.name, path)
    assert found.values == (word,)
    assert found.says == says


def test_a_shape_that_is_refused_is_said_with_the_reason() -> None:
    found = asked(QUESTION.name, "torch.optim:Muon")
    assert found.values == ("refused",)
    assert found.says.startswith(
        "1-D: refused (ValueError: Muon only supports 2D parameters wh...); 4-D: refused (ValueError: Muon"
    )
    assert len(found.says) < 140


def test_another_strength_for_another_shape_is_said() -> None:
    assert "decay decoupled of 0.0075 x w" in asked(QUESTION.name, path("DecayByFanIn")).says
