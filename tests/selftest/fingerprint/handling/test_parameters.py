"""Tests of the questions about the list of parameters: repeated and reordered parameters, right optimizers."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.spec.fields import FIELDS
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin, Group, SgdTwin, State
from tests.selftest.fingerprint.asked import finding_of
from tests.selftest.fingerprint.handled_subjects import QUESTIONS, TORCH, finding_on, is_usual

COMPARISONS_WITH_OTHERS = ("parameter_order", "mixed_dtypes", "add_param_group", "group_options", "exempt_first")


class CountsStepsAndDecaysMuch(AdamWTwin):
    """Decay by weight_decay alone, and halve the updates of a parameter after its first one, also within a step."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["weight_decay"]).sub_(group["lr"] * grad * (0.5 if state else 1.0))
        state["seen"] = True


class AddsIntoGradient(SgdTwin):
    """Add the decay to .grad itself, under momentum, so that a repeated parameter adds to the gradient twice."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr=lr, momentum=0.9, weight_decay=weight_decay)

    def pull(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad.add_(w, alpha=group["weight_decay"])


def test_the_decays_of_a_repeated_parameter_are_counted() -> None:
    """The mutant decays once for each pair of two listings, so four times."""
    numbers = finding_on("repeated", path("CountsRepeats")).numbers

    assert numbers["decays"] == pytest.approx(4, rel=1e-9)


def test_two_decays_are_counted_under_momentum_too() -> None:
    """In SGD's first step neither listing has a momentum buffer, so the step differs from two steps in a row."""
    finding = finding_on("repeated", "torch.optim:SGD", {"momentum": 0.9})

    assert finding.numbers["decays"] == pytest.approx(2, rel=1e-9)


@pytest.mark.parametrize(("name", "word"), [("CountsStepsAndDecaysMuch", "twice"), ("AddsIntoGradient", "")])
def test_two_large_decays_count_as_two(name: str, word: str) -> None:
    """Decays that the update rule rescales are not counted, once the coupling is known."""
    runner = SubjectRunner(f"{__name__}:{name}", {})
    runner.findings["coupling"] = finding_of("coupling", runner.path)

    finding = QUESTIONS["repeated"].ask(runner)

    assert " ".join(finding.values) == word, finding.text


@pytest.mark.parametrize("question", COMPARISONS_WITH_OTHERS)
@pytest.mark.parametrize("name", ["SeededNoise", "NormOfAll"])
def test_runs_of_right_optimizers_that_may_differ_are_no_fault(question: str, name: str) -> None:
    """One optimizer draws random numbers; in the other, each parameter's path depends on the others. Both are right."""
    finding = finding_on(question, path(name))

    assert finding.values in ((), ("depends_on_others",))
    assert finding.values or "not known, because" in finding.text


@pytest.mark.parametrize("question", sorted(set(QUESTIONS) - {"default_options", "adam_options"}))
@pytest.mark.parametrize("name", ["AdamW", "Lion", "Lamb"])
def test_a_right_optimizer_gets_usual_answers(question: str, name: str) -> None:
    """`adam_options` needs the update rule, which is not asked here."""
    path = f"{'torch.optim' if name == 'AdamW' else 'harness.optimizers.conventions'}:{name}"

    assert is_usual(question, path)


@pytest.mark.parametrize("question", sorted(QUESTIONS))
def test_a_question_explains_each_of_its_answers(question: str) -> None:
    """The usual answers are among them."""
    declared, field = QUESTIONS[question], FIELDS[question]

    assert declared.asks.endswith("?")
    assert all(value.means for value in field.values.values())
    assert declared.usual[0] in field.values


def test_every_torch_class_with_weight_decay_has_answers() -> None:
    """The three others take no weight_decay."""
    import torch

    known = {name for name in vars(torch.optim) if name[0].isupper()} - {"Optimizer"}

    assert known - set(TORCH) == {"LBFGS", "Rprop", "SparseAdam"}
