"""Is every question about handling answered right, of each class of torch.optim and of each planted fault?"""

from __future__ import annotations

from typing import Any

import pytest

from tests.mutants.collection import path
from tests.selftest.fingerprint.handled_subjects import QUESTIONS, TORCH, TWIN, found, usual
from tests.selftest.fingerprint.handling.known_answers import FAULT_ANSWERS, TORCH_ANSWERS

CASES = [
    pytest.param(name, given, question, words.get(name, words[""]), id=f"{name}-{question}")
    for name, given in TORCH.items()
    for question, words in TORCH_ANSWERS.items()
]


def test_every_question_has_its_answers() -> None:
    """One that were asked of no class of torch could answer anything."""
    assert set(TORCH_ANSWERS) == set(QUESTIONS)


@pytest.mark.parametrize(("name", "given", "question", "expected"), CASES)
def test_a_class_of_torch_is_found_to_do_what_it_does(name: str, given: dict[str, Any], question: str, expected: str) -> None:
    """As its documentation and its code say."""
    assert found(question, f"torch.optim:{name}", given).values == (expected,)


@pytest.mark.parametrize(("question", "fault", "expected"), FAULT_ANSWERS)
def test_a_fault_is_named(question: str, fault: str, expected: str) -> None:
    """And is marked as unusual, while the same optimizer without it is not."""
    assert found(question, path(fault)).values == (expected,)
    assert expected not in QUESTIONS[question].usual
    assert usual(question, TWIN)
