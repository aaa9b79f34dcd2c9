"""Is it known whose weight_decay counts?"""

from __future__ import annotations

import pytest

from harness.fingerprint import ownership
from tests.selftest.fingerprint.asked import CONVENTIONS, MUTANTS, asked

SUBJECTS = [
    ("torch.optim:AdamW", "own"),
    ("torch.optim:SGD", "own"),
    ("torch.optim:Muon", "own"),
    ("torch.optim:Adafactor", "own"),
    ("harness.optimizers:Lion", "own"),
    (MUTANTS + "DefaultDecayForAllGroups", "constructor"),
    (MUTANTS + "DecayCaptured", "captured"),
    (MUTANTS + "DecayForgotten", ""),
    (CONVENTIONS + "FirstGroupForAll", ""),
]


@pytest.mark.parametrize(("path", "word"), SUBJECTS)
def test_whose_weight_decay_counts(path: str, word: str) -> None:
    found = asked(ownership.QUESTION.name, path)
    assert " ".join(found.values) == word
    assert word or found.says.startswith("unknown")


def test_a_group_of_its_own_moves_by_far_more_than_rounding() -> None:
    numbers = asked("groups", "torch.optim:AdamW").numbers
    assert numbers["own_value"] > 0.1
    assert numbers["change"] > 0.1
