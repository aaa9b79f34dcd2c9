"""Tests of the question about which weight_decay counts: the group's, the constructor's or the first one."""

from __future__ import annotations

import pytest

from harness.fingerprint.decay import group_values
from tests.mutants.collection import path
from tests.selftest.fingerprint.asked import MUTANTS, finding_of

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
    finding = finding_of(group_values.QUESTION.name, path)
    assert " ".join(finding.values) == word
    assert word or finding.text.startswith("unknown")


def test_a_groups_own_value_has_an_effect_far_above_rounding() -> None:
    numbers = finding_of("groups", "torch.optim:AdamW").numbers
    assert numbers["own_value"] > 0.1
    assert numbers["change"] > 0.1


def test_an_optimizer_that_merges_its_groups_is_unknown() -> None:
    finding = finding_of(group_values.QUESTION.name, path("GroupsFlattened"))
    assert finding.values == ()
    assert "was given 2 groups, and has 1" in finding.text
