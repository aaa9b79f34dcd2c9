"""Is it seen how an optimizer handles the list of parameters: tied, repeated, reordered, of mixed precision?"""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from harness.fingerprint.measuring.subject_runner import SubjectRunner
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin, Group, SgdTwin, State
from tests.selftest.fingerprint.asked import asked
from tests.selftest.fingerprint.handled_subjects import QUESTIONS, TORCH, found, usual

DRAWN = ("parameter_order", "mixed_dtypes", "add_param_group", "group_options", "exempt_first")


class CountsStepsAndDecaysMuch(AdamWTwin):
    """Count steps by group, so that a second mention in a step is no second step, and decay by weight_decay alone."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["weight_decay"]).sub_(group["lr"] * grad * (0.5 if state else 1.0))
        state["seen"] = True


class AddsIntoGradient(SgdTwin):
    """Add the decay to .grad itself, under a momentum: a second mention in a step adds to what the first has added."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr=lr, momentum=0.9, weight_decay=weight_decay)

    def pull(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad.add_(w, alpha=group["weight_decay"])


def test_the_decays_of_a_repeated_parameter_are_counted() -> None:
    """Listed twice and decayed for each pair."""
    numbers = found("repeated", path("CountsRepeats")).numbers

    assert numbers["decays"] == pytest.approx(4, rel=1e-9)


def test_momentum_that_is_set_up_twice_is_still_two_decays() -> None:
    """SGD's first step knows no buffer for either mention, so that it is not two steps in a row."""
    finding = found("repeated", "torch.optim:SGD", {"momentum": 0.9})

    assert finding.numbers["decays"] == pytest.approx(2, rel=1e-9)


@pytest.mark.parametrize(("name", "word"), [("CountsStepsAndDecaysMuch", "twice"), ("AddsIntoGradient", "")])
def test_two_decays_are_two_however_much_each_takes(name: str, word: str) -> None:
    """And what a rule makes of two decays in one gradient is not counted, once its coupling is known."""
    runner = SubjectRunner(f"{__name__}:{name}", {})
    runner.known["coupling"] = asked("coupling", runner.path)

    finding = QUESTIONS["repeated"].ask(runner)

    assert " ".join(finding.values) == word, finding.says


@pytest.mark.parametrize("question", DRAWN)
@pytest.mark.parametrize("name", ["SeededNoise", "NormOfAll"])
def test_runs_that_need_not_agree_are_not_held_against_each_other(question: str, name: str) -> None:
    """An optimizer that draws random numbers, and one whose tensors know of each other, are right and not comparable."""
    finding = found(question, path(name))

    assert finding.values in ((), ("depends_on_others",))
    assert finding.values or "not known, because" in finding.says


@pytest.mark.parametrize("question", sorted(set(QUESTIONS) - {"default_options"}))
@pytest.mark.parametrize("name", ["AdamW", "Lion", "Lamb"])
def test_a_right_optimizer_is_never_called_faulty(question: str, name: str) -> None:
    """Every question of this kind; that the references check no settings is true, and marked."""
    path = f"{'torch.optim' if name == 'AdamW' else 'harness.optimizers.conventions'}:{name}"

    assert usual(question, path) or (question, name) in [("rejects", "Lion"), ("rejects", "Lamb")]


@pytest.mark.parametrize("question", sorted(QUESTIONS))
def test_a_question_says_what_each_of_its_words_means(question: str) -> None:
    """And what is usual is one of them."""
    asked = QUESTIONS[question]

    assert asked.asks.endswith("?")
    assert all(asked.values.values())
    assert set(asked.usual) <= set(asked.values) | {"untouched"}


def test_every_class_of_torch_that_decays_is_asked() -> None:
    """All of torch.optim but those that take no weight_decay, and SparseAdam."""
    import torch

    known = {name for name in vars(torch.optim) if name[0].isupper()} - {"Optimizer"}

    assert known - set(TORCH) == {"LBFGS", "Rprop", "SparseAdam"}
