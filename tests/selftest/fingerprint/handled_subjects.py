"""What does a fingerprint say of how an optimizer handles things? Asks one question, alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from harness.fingerprint import handling
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question
from harness.spec.contract import FIELDS
from harness.subject.output import capture_output

QUESTIONS = {question.name: question for question in handling.QUESTIONS}
MUTANTS = "tests.mutants.decay_rule:"
TWIN = MUTANTS + "AdamWTwin"
SAID = 140  # characters of a line

TORCH: Mapping[str, Mapping[str, Any]] = {
    name: {"momentum": 0.9} if name == "SGD" else {}
    for name in (
        ["AdamW", "Adam", "SGD", "Muon", "Adafactor", "RMSprop", "Adagrad", "NAdam", "RAdam", "ASGD", "Adamax", "Adadelta"]
    )
}


def found(question: str, path: str, given: Mapping[str, Any] | None = None, dtype: torch.dtype = torch.float64) -> Finding:
    """Return a finding, after its form was checked: one line, and words that the question knows."""
    asked = QUESTIONS[question]
    with capture_output([]):
        finding = asked.ask(SubjectRunner(path, given or {}, dtype))
    assert set(finding.values) <= words(asked), f"{question} answers {finding.values}"
    assert 10 < len(finding.says) < SAID, finding.says
    assert "\n" not in finding.says
    return finding


def words(question: Question) -> set[str]:
    """Return what a question may answer."""
    field = FIELDS.get(question.name)
    return set(question.values) | (set(field.values) | set(field.faults) if field else set())


def usual(question: str, path: str, given: Mapping[str, Any] | None = None) -> bool:
    """Return True if nobody needs to look at what a question finds."""
    return bool(set(found(question, path, given).values) & set(QUESTIONS[question].usual))
