"""Helpers for tests of the questions about handling: the finding of one question that is asked alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from harness.fingerprint import handling
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question
from harness.spec.fields import FIELDS
from harness.subject.output import capture_output

QUESTIONS = {question.name: question for question in handling.QUESTIONS}
MUTANTS = "tests.mutants.decay_rule:"
TWIN = MUTANTS + "AdamWTwin"
LONGEST_LINE = 140  # characters

TORCH: Mapping[str, Mapping[str, Any]] = {
    name: {"momentum": 0.9} if name == "SGD" else {}
    for name in (
        ["AdamW", "Adam", "SGD", "Muon", "Adafactor", "RMSprop", "Adagrad", "NAdam", "RAdam", "ASGD", "Adamax", "Adadelta"]
    )
}


def finding_on(question: str, path: str, given: Mapping[str, Any] | None = None, dtype: torch.dtype = torch.float64) -> Finding:
    """Return a finding after a check of its form: one line, and only words that the question can answer with."""
    asked = QUESTIONS[question]
    with capture_output([]):
        finding = asked.ask(SubjectRunner(path, given or {}, dtype))
    assert set(finding.values) <= possible_words(asked), f"{question} answers {finding.values}"
    assert 10 < len(finding.text) < LONGEST_LINE, finding.text
    assert "\n" not in finding.text
    return finding


def possible_words(question: Question) -> set[str]:
    """Return the words that a question can answer with."""
    field = FIELDS[question.name]
    return {*field.values, *field.faults, *field.met_by}


def is_usual(question: str, path: str, given: Mapping[str, Any] | None = None) -> bool:
    """Return True if the answer to a question is a usual one."""
    return bool(set(finding_on(question, path, given).values) & set(QUESTIONS[question].usual))
