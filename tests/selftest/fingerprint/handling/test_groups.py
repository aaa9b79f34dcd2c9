"""Is it seen whose learning rate and weight decay count in a group, and what becomes of the caller's groups?"""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from harness.fingerprint.handling import groups
from tests.mutants.decay_rule import AdamWTwin, Group, State
from tests.selftest.fingerprint.handled_subjects import FAULTS, MUTANTS, QUESTIONS, TWIN, found, of_torch, usual

TRUTH = {
    "add_param_group": {"": "as_fresh"},
    "group_options": {"": "own"},
    "exempt_first": {"": "decayed"},
    "empty_group": {"": "accepted"},
    "callers_groups": {"": "defaults_written"},  # Optimizer.add_param_group sets defaults in the dict that it is given
    "weight_decay_schedule": {"": "counts"},
}
PLANTED = (
    ("add_param_group", FAULTS + "AddedGroupIgnored", "ignored"),
    ("add_param_group", MUTANTS + "DefaultDecayForAllGroups", "decay_of_constructor"),
    ("add_param_group", FAULTS + "LrOfTheConstructor", "lr_of_constructor"),
    ("group_options", MUTANTS + "DefaultDecayForAllGroups", "decay_of_constructor"),
    ("group_options", FAULTS + "FirstGroupsDecay", "decay_of_first_group"),
    ("group_options", FAULTS + "LrOfTheConstructor", "lr_of_constructor"),
    ("exempt_first", FAULTS + "DecayEndsAtExempt", "not_decayed"),
    ("exempt_first", FAULTS + "StepEndsAtExempt", "not_moved"),
    ("exempt_first", MUTANTS + "DefaultDecayForAllGroups", "exempt_decays"),
    ("empty_group", FAULTS + "EmptyGroupRefused", "refused"),
    ("empty_group", FAULTS + "EmptyGroupDropped", "dropped"),
    ("callers_groups", FAULTS + "CallersGroupsScaled", "values_changed"),
    ("weight_decay_schedule", MUTANTS + "DefaultDecayForAllGroups", "ignored"),
)


@pytest.mark.parametrize(("name", "given", "question", "expected"), of_torch(groups.QUESTIONS, TRUTH))
def test_a_class_of_torch_is_found_to_do_what_it_does(name: str, given: dict[str, Any], question: str, expected: str) -> None:
    """For-loop, in float64."""
    assert found(question, f"torch.optim:{name}", given).values == (expected,)


@pytest.mark.parametrize(("question", "path", "expected"), PLANTED)
def test_a_fault_is_named(question: str, path: str, expected: str) -> None:
    """And is marked as unusual, while the same optimizer without it is not."""
    assert found(question, path).values == (expected,)
    assert expected not in QUESTIONS[question].usual
    assert usual(question, TWIN)


class LrOverConstructor(AdamWTwin):
    """Decay by lr^2 over the constructor's lr, in every group."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] ** 2 / self.defaults["lr"] * group["weight_decay"])


def test_a_decay_of_the_constructors_lr_is_not_taken_for_another_groups() -> None:
    """What a group's lr changes of its decay must be no ratio of the weight decays that are tried."""
    assert found("group_options", f"{__name__}:LrOverConstructor").values == ("differs",)


@pytest.mark.parametrize("question", ["group_options", "exempt_first", "weight_decay_schedule"])
def test_whose_decay_counts_is_not_known_where_none_does(question: str) -> None:
    """An optimizer that forgets its decay has the same path whosever it is."""
    finding = found(question, MUTANTS + "DecayForgotten")

    assert finding.values == ()
    assert "not known" in finding.says
