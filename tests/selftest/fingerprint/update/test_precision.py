"""Is single precision inside an optimizer found, and a coarse update rule not mistaken for it?"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.fingerprint.update.precision import QUESTIONS
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin, Group, State
from tests.selftest.fingerprint.asked import MUTANTS, asked

(QUESTION,) = QUESTIONS


class RoundsTheDecayed(AdamWTwin):
    """Round the weight to single precision where it decays, and take the update in double."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.copy_((w.float() * (1 - group["lr"] * group["weight_decay"])).double())


class RoundsTheDecay(AdamWTwin):
    """Compute what is subtracted in single precision, and subtract it in double."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.sub_((group["lr"] * group["weight_decay"] * w.float()).double())


class StepsOftenAtFirst(AdamWTwin):
    """Take the first step of a process fifty times."""

    taken = False

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        for _ in range(1 if StepsOftenAtFirst.taken else 50):
            super().update(w, grad, group, state)
        StepsOftenAtFirst.taken = True


class Unseeded(AdamWTwin):
    """Add noise of its own."""

    noise = torch.Generator().manual_seed(3)

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad + 0.1 * torch.randn(grad.shape, generator=self.noise, dtype=grad.dtype)


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
    found = asked(QUESTION.name, path(name))
    assert found.values == ("float32",)
    assert words in found.says


def test_an_optimizer_that_takes_neither_is_not_called_single() -> None:
    with pytest.raises(ValueError, match="not today"):
        asked(QUESTION.name, f"{__name__}:RefusesAll")


@pytest.mark.parametrize("name", ["RoundsTheDecayed", "RoundsTheDecay"])
def test_a_decay_in_single_precision_is_found_under_an_update_in_double(name: str) -> None:
    found = asked(QUESTION.name, f"{__name__}:{name}")
    assert found.values == ("float32",)
    assert found.says.startswith("single decay")


@pytest.mark.parametrize("path", [MUTANTS + "SignDecay", MUTANTS + "DecayInsideMoments", "torch.optim:Adam", path("Lars")])
def test_a_decay_of_any_form_in_double_is_not_called_single(path: str) -> None:
    assert asked(QUESTION.name, path).values == ("float64",)


@pytest.mark.parametrize("name", ["StepsOftenAtFirst", "Unseeded"])
def test_runs_that_differ_are_not_called_single(name: str) -> None:
    found = asked(QUESTION.name, f"{__name__}:{name}")
    assert found.values == ()
    assert found.says.startswith("unknown: repeated runs differ")
