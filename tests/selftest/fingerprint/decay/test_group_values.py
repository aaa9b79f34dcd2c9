"""Is it known whose weight_decay counts?"""

from __future__ import annotations

import pytest

from harness.fingerprint.decay import group_values
from tests.mutants.collection import path
from tests.selftest.fingerprint.asked import MUTANTS, asked

SUBJECTS = [
    ("torch.optim:AdamW", "own"),
    ("torch.optim:SGD", "own"),
    ("torch.optim:Muon", "own"),
    ("torch.optim:Adafactor", "own"),
    ("harness.optimizers:Lion", "own"),
    (MUTANTS + "DefaultDecayForAllGroups", "constructor"),
    (MUTANTS + "DecayCaptured", "captured"),
    (MUTANTS + "DecayForgotten", ""),
    (path("FirstGroupForAll"), ""),
]


@pytest.mark.parametrize(("path", "word"), SUBJECTS)
def test_whose_weight_decay_counts(path: str, word: str) -> None:
    found = asked(group_values.QUESTION.name, path)
    assert " ".join(found.values) == word
    assert word or found.says.startswith("unknown")


def test_a_group_of_its_own_moves_by_far_more_than_rounding() -> None:
    numbers = asked("groups", "torch.optim:AdamW").numbers
    assert numbers["own_value"] > 0.1
    assert numbers["change"] > 0.1


def test_an_optimizer_that_keeps_fewer_groups_is_said_to() -> None:
    found = asked(group_values.QUESTION.name, path("GroupsFlattened"))
    assert found.values == ()
    assert "keeps 1 groups of the 2" in found.says
