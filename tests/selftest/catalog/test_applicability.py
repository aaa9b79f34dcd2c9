"""Tests of applicability: a claim applies if the contract declares what the claim depends on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.catalog.applicability import needs, not_applicable_reason, reads_subject
from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.spec.contract import PROMISES, Contract, complete
from harness.spec.scenario import Claim, Expectation, Other, ProbeArm
from harness.subject.roles import DEFAULTS, Subjects
from tests.selftest.scenario_files import write


def under(role: str, declared: Contract) -> Subjects:
    """Return the subjects of a session in which an optimizer with this contract is under test in `role`."""
    return Subjects(DEFAULTS, (role,), {**PROMISES, role: complete(declared, role)})


@pytest.fixture
def row(tmp_path: Path) -> LoadedScenario:
    """Return a scenario whose claim reads an arm of the role `decoupled`."""
    return load(write(tmp_path))["row"]


def test_a_claim_involves_the_subject_in_the_arms_that_it_reads(row: LoadedScenario) -> None:
    """Both sides of a comparison count, other arms of the scenario do not. Without a subject every claim is involved."""
    claim = row.scenario.claims[0]
    compared = replace(claim, expect=(Expectation("adamw", "unseen_ratio", "less_than", than=Other("sgd_l2", "unseen_ratio")),))

    def under_test(role: str | None, claim: Claim) -> bool:
        return reads_subject(row, claim, Subjects(DEFAULTS, (role,) if role else ()))

    assert (under_test("decoupled", claim), under_test("sgd", claim), under_test("coupled", claim)) == (True, False, False)
    assert (under_test("decoupled", compared), under_test("sgd", compared), under_test("coupled", compared)) == (
        True,
        True,
        False,
    )
    assert under_test(None, claim)


def test_a_fixed_arm_and_arithmetic_involve_no_subject(tmp_path: Path) -> None:
    """The optimizer under test runs in neither of them."""
    scenarios = load(write(tmp_path))
    arms = {**scenarios["row"].scenario.arms, "adamw": ProbeArm("fixed", "torch.optim:AdamW")}
    fixed = LoadedScenario("row", replace(scenarios["row"].scenario, arms=arms), scenarios["row"].raw)

    for loaded in (fixed, scenarios["time"]):
        for role in DEFAULTS:
            assert not reads_subject(loaded, loaded.scenario.claims[0], Subjects(DEFAULTS, (role,) if role else ()))


def test_the_role_any_involves_every_subject(row: LoadedScenario) -> None:
    """The role of the subject under test does not matter."""
    any_role = LoadedScenario("row", replace(row.scenario, arms={**row.scenario.arms, "adamw": ProbeArm("any")}), row.raw)

    for role in DEFAULTS:
        assert reads_subject(any_role, row.scenario.claims[0], Subjects(DEFAULTS, (role,)))


def test_a_claim_depends_on_the_promises_of_its_role(row: LoadedScenario) -> None:
    """The reason names the field and both values. A few fields, such as `none_gradient`, count only if the claim names them."""
    claim = row.scenario.claims[0]

    assert not_applicable_reason(row, claim, under("decoupled", {})) == ""
    assert (
        not_applicable_reason(row, claim, under("decoupled", {"step_rule": "sign"}))
        == "needs step_rule: adam, but the contract has step_rule: sign"
    )
    assert (
        not_applicable_reason(row, claim, under("decoupled", {"strength": 2.0}))
        == "needs strength: 1, but the contract has strength: 2"
    )
    assert (
        not_applicable_reason(row, claim, under("decoupled", {"order": "unspecified"}))
        == "needs order: before, but the contract has order: unspecified"
    )
    assert not_applicable_reason(row, claim, under("decoupled", {"none_gradient": "decays", "precision": "float32"})) == ""


def test_a_claim_can_name_the_fields_that_it_depends_on(row: LoadedScenario) -> None:
    """`any` removes a field of the role's promises. A value adds a field."""
    claim = replace(row.scenario.claims[0], needs={"step_rule": "any", "none_gradient": "untouched"})

    assert not_applicable_reason(row, claim, under("decoupled", {"step_rule": "sign"})) == ""
    assert "none_gradient" in not_applicable_reason(row, claim, under("decoupled", {"none_gradient": "decays"}))


def test_in_the_role_any_only_named_fields_count(row: LoadedScenario) -> None:
    """A claim that names no field applies to every optimizer."""
    claim = replace(row.scenario.claims[0], needs={"scale": "lr", "strength": 1})

    assert needs(claim, "any") == {"scale": "lr", "strength": 1}
    assert needs(replace(claim, needs={}), "any") == {}


def test_a_role_without_a_subject_does_not_limit_a_claim(row: LoadedScenario) -> None:
    """The shipped optimizer runs in the arms of that role."""
    assert not_applicable_reason(row, row.scenario.claims[0], under("sgd", {"step_rule": "other"})) == ""
