"""Tests of the question about which weight_decay counts: the group's, the constructor's or the first one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.fingerprint.decay import group_values
from tests.mutants.collection import path
from tests.selftest.fingerprint.asked import MUTANTS, finding_of


class LastGroupForAll(torch.optim.AdamW):
    """Use the last group's weight_decay in every group."""

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            group["weight_decay"] = self.param_groups[-1]["weight_decay"]
        return super().step(closure)


class ParametersOnly(torch.optim.AdamW):
    """Refuse groups: the constructor takes a list of parameters."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2) -> None:
        params = list(params)
        if isinstance(params[0], dict):
            raise TypeError("ParametersOnly: expected parameters, got groups")
        super().__init__(params, lr=lr, weight_decay=weight_decay)


class OneGroupOfItsOwn(torch.optim.AdamW):
    """Refuse a second group, and use the constructor's weight_decay in the first."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)
        self.param_groups[0]["weight_decay"] = weight_decay

    def add_param_group(self, param_group: Any) -> None:
        if self.param_groups:
            raise ValueError("OneGroupOfItsOwn: expected one group, got two")
        super().add_param_group(param_group)


class OneGroupCaptured(OneGroupOfItsOwn):
    """Refuse a second group, and read the group's weight_decay before the first step only."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2) -> None:
        torch.optim.AdamW.__init__(self, params, lr=lr, weight_decay=weight_decay)
        self.taken = self.param_groups[0]["weight_decay"]

    def step(self, closure: Any = None) -> Any:
        self.param_groups[0]["weight_decay"] = self.taken
        return super().step(closure)


SUBJECTS = [
    ("torch.optim:AdamW", "own"),
    ("torch.optim:SGD", "own"),
    ("torch.optim:Muon", "own"),
    ("torch.optim:Adafactor", "own"),
    ("harness.optimizers:Lion", "own"),
    (MUTANTS + "DefaultDecayForAllGroups", "constructor"),
    (MUTANTS + "DecayCaptured", "captured"),
    (MUTANTS + "DecayForgotten", ""),
    (path("FirstGroupForAll"), "first"),
    (f"{__name__}:LastGroupForAll", ""),
    (f"{__name__}:ParametersOnly", "refused"),
    (f"{__name__}:OneGroupOfItsOwn", "constructor"),
    (f"{__name__}:OneGroupCaptured", "captured"),
    ("tests.mutants.styles.refusals:OneGroupOnly", "own"),
]


@pytest.mark.parametrize(("path", "word"), SUBJECTS)
def test_whose_weight_decay_counts(path: str, word: str) -> None:
    finding = finding_of(group_values.QUESTION.name, path)
    assert " ".join(finding.values) == word
    assert word or finding.text.startswith("unknown")


def test_the_last_groups_value_is_named() -> None:
    """The contract has no word for it, and the finding says which value is used."""
    text = finding_of("groups", f"{__name__}:LastGroupForAll").text
    assert text == "unknown: the last group's weight_decay is used for every group"


def test_a_groups_own_value_has_an_effect_far_above_rounding() -> None:
    numbers = finding_of("groups", "torch.optim:AdamW").numbers
    assert numbers["own_value"] > 0.1
    assert numbers["change"] > 0.1


def test_an_optimizer_that_merges_its_groups_is_unknown() -> None:
    finding = finding_of(group_values.QUESTION.name, path("GroupsFlattened"))
    assert finding.values == ()
    assert "was given 2 groups, and has 1" in finding.text
