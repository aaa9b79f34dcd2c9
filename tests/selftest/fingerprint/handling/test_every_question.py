"""Tests of every question about handling: the known answers for each class of torch.optim and for each mutant."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mutants.collection import path
from tests.mutants.field_faults import FIELD_FAULTS
from tests.selftest.fingerprint.handled_subjects import QUESTIONS, TORCH, TWIN, finding_on, is_usual
from tests.selftest.fingerprint.handling.known_answers import TORCH_ANSWERS

CASES = [
    pytest.param(name, given, question, words.get(name, words[""]), id=f"{name}-{question}")
    for name, given in TORCH.items()
    for question, words in TORCH_ANSWERS.items()
]


def test_every_question_has_known_answers() -> None:
    """The answers of a question without known answers would not be checked."""
    assert set(TORCH_ANSWERS) == set(QUESTIONS)


@pytest.mark.parametrize(("name", "given", "question", "expected"), CASES)
def test_a_torch_class_gets_its_known_answer(name: str, given: dict[str, Any], question: str, expected: str) -> None:
    """The known answers follow from torch's documentation and code."""
    assert finding_on(question, f"torch.optim:{name}", given).values == (expected,)


@pytest.mark.parametrize(("question", "fault", "expected"), [row for row in FIELD_FAULTS if row[0] in QUESTIONS])
def test_a_fault_gets_its_own_answer(question: str, fault: str, expected: str) -> None:
    """The answer is marked as unusual, and the answer for the twin is not."""
    assert finding_on(question, path(fault)).values == (expected,)
    assert expected not in QUESTIONS[question].usual
    assert is_usual(question, TWIN)
