"""Tests of the question about weights that change outside of step()."""

from __future__ import annotations

from typing import Any

from harness.fingerprint.handling.outside_step import WHAT
from tests.mutants.decay_rule import AdamWTwin
from tests.mutants.outside_step import DecayAtConstruction
from tests.selftest.fingerprint.handled_subjects import FIELDS, finding_on


class LoadsScaledWeights(AdamWTwin):
    """Halve the weights when a state dict is loaded."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            for weight in group["params"]:
                weight.data.mul_(0.5)


class RefusesGroups(AdamWTwin):
    """Refuse a second group."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        if self.param_groups:
            raise ValueError("one group only")
        super().add_param_group(param_group)


class GroupsFixedAtTheStart(AdamWTwin):
    """Take a later group, and refuse the step that would need it."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.known = len(self.param_groups)

    def step(self, closure: Any = None) -> Any:
        if len(self.param_groups) > self.known:
            raise RuntimeError("the groups changed after the start")
        return super().step(closure)


class JoinedGroupDecays(DecayAtConstruction):
    """Shrink the weights of a group that joins later."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        later = bool(self.param_groups)
        super(DecayAtConstruction, self).add_param_group(param_group)
        if later:
            self._shrink(self.param_groups[-1])


def test_a_load_that_changes_weights_is_found() -> None:
    finding = finding_on("moved_outside_step", f"{__name__}:LoadsScaledWeights")

    assert finding.values == ("checkpoint",)
    assert WHAT["checkpoint"] in finding.text


def test_a_refused_call_changes_nothing() -> None:
    assert finding_on("moved_outside_step", f"{__name__}:RefusesGroups").values == ("never",)


def test_a_step_that_refuses_a_joined_group_ends_no_experiment() -> None:
    assert finding_on("moved_outside_step", f"{__name__}:GroupsFixedAtTheStart").values == ("never",)


def test_a_group_that_joins_later_counts_as_construction() -> None:
    assert finding_on("moved_outside_step", f"{__name__}:JoinedGroupDecays").values == ("construction",)


def test_the_answers_are_those_of_the_field() -> None:
    assert {*WHAT, "never"} == set(FIELDS["moved_outside_step"].values)
