"""Is single precision inside an optimizer found, and a coarse update rule not mistaken for it?"""

from __future__ import annotations

import pytest
from torch import Tensor

from harness.fingerprint.precision import QUESTIONS
from tests.selftest.fingerprint.asked import CONVENTIONS, asked
from tests.selftest.mutants import AdamWTwin, Group, State

(QUESTION,) = QUESTIONS


class RefusesAll(AdamWTwin):
    """Take no precision at all."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        raise TypeError("not today")


@pytest.mark.parametrize("name", ["AdamW", "SGD", "Adafactor", "Adadelta", "Adagrad", "RAdam", "ASGD"])
def test_torch_updates_doubles_in_double(name: str) -> None:
    found = asked(QUESTION.name, f"torch.optim:{name}")
    assert found.values == ("float64",)
    assert found.numbers["fine"] == pytest.approx(found.numbers["coarse"], rel=0.05)


@pytest.mark.parametrize("path", ["torch.optim:Muon", "harness.optimizers:Lion"])
def test_a_rule_that_keeps_signs_or_few_bits_is_judged_by_its_weights(path: str) -> None:
    found = asked(QUESTION.name, path)
    assert found.values == ("float64",)
    assert "signs or few bits" in found.says


@pytest.mark.parametrize(
    ("name", "words"),
    [("SingleInside", "is a float32 number"), ("SingleUpdate", "single inside"), ("RefusesDouble", "float64 is refused")],
)
def test_single_precision_is_found(name: str, words: str) -> None:
    found = asked(QUESTION.name, CONVENTIONS + name)
    assert found.values == ("float32",)
    assert words in found.says


def test_an_optimizer_that_takes_neither_is_not_called_single() -> None:
    with pytest.raises(ValueError, match="not today"):
        asked(QUESTION.name, f"{__name__}:RefusesAll")
