"""Does a claim apply exactly when the contract declares what it rests on?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.catalog.applicability import involved, needs, not_applicable_reason
from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.spec.contract import PROMISES, Contract, complete
from harness.spec.scenario import Claim, Expectation, Other, ProbeArm
from harness.subject.roles import DEFAULTS, Subjects
from tests.selftest.scenario_files import write


def under(role: str, declared: Contract) -> Subjects:
    """Return the subjects of a run in which an optimizer with this contract takes a role."""
    return Subjects(DEFAULTS, (role,), {**PROMISES, role: complete(declared, role)})


@pytest.fixture
def row(tmp_path: Path) -> LoadedScenario:
    """A scenario whose claim reads an arm of the role decoupled."""
    return load(write(tmp_path))["row"]


def test_a_claim_involves_the_subject_when_an_arm_that_it_reads_has_its_role(row: LoadedScenario) -> None:
    """On either side of a comparison; other arms of the scenario do not count, and without a subject every claim does."""
    claim = row.scenario.claims[0]
    compared = replace(claim, expect=(Expectation("adamw", "unseen_ratio", "less_than", than=Other("sgd_l2", "unseen_ratio")),))

    def of(role: str | None, one: Claim) -> bool:
        return involved(row, one, Subjects(DEFAULTS, (role,) if role else ()))

    assert (of("decoupled", claim), of("sgd", claim), of("coupled", claim), of(None, claim)) == (True, False, False, True)
    assert (of("decoupled", compared), of("sgd", compared), of("coupled", compared)) == (True, True, False)


def test_a_fixed_arm_and_arithmetic_involve_no_subject(tmp_path: Path) -> None:
    """Nothing of the user's runs there."""
    found = load(write(tmp_path))
    arms = {**found["row"].scenario.arms, "adamw": ProbeArm("fixed", "torch.optim:AdamW")}
    fixed = LoadedScenario("row", replace(found["row"].scenario, arms=arms), found["row"].raw)

    for loaded in (fixed, found["time"]):
        for role in DEFAULTS:
            assert not involved(loaded, loaded.scenario.claims[0], Subjects(DEFAULTS, (role,) if role else ()))


def test_a_claim_about_any_optimizer_involves_whoever_is_under_test(row: LoadedScenario) -> None:
    """Whatever its role."""
    anyone = LoadedScenario("row", replace(row.scenario, arms={**row.scenario.arms, "adamw": ProbeArm("any")}), row.raw)

    for role in DEFAULTS:
        assert involved(anyone, row.scenario.claims[0], Subjects(DEFAULTS, (role,)))


def test_a_claim_rests_on_all_that_its_role_promises(row: LoadedScenario) -> None:
    """So another step rule is an obstacle, named with both values; a None gradient is not what it is about."""
    claim = row.scenario.claims[0]

    assert not_applicable_reason(row, claim, under("decoupled", {})) == ""
    assert (
        not_applicable_reason(row, claim, under("decoupled", {"step_rule": "sign"}))
        == "needs step_rule: adam, the contract says sign"
    )
    assert not_applicable_reason(row, claim, under("decoupled", {"strength": 2.0})) == "needs strength: 1, the contract says 2"
    assert (
        not_applicable_reason(row, claim, under("decoupled", {"order": "unspecified"}))
        == "needs order: before, the contract says unspecified"
    )
    assert not_applicable_reason(row, claim, under("decoupled", {"none_gradient": "decays", "precision": "float32"})) == ""


def test_a_claim_can_rest_on_less(row: LoadedScenario) -> None:
    """A field that it takes out is no obstacle; one that it adds is."""
    less = replace(row.scenario.claims[0], needs={"step_rule": "any", "none_gradient": "untouched"})

    assert not_applicable_reason(row, less, under("decoupled", {"step_rule": "sign"})) == ""
    assert "none_gradient" in not_applicable_reason(row, less, under("decoupled", {"none_gradient": "decays"}))


def test_a_claim_about_any_optimizer_rests_on_what_it_names_only(row: LoadedScenario) -> None:
    """Nothing when it names nothing."""
    claim = replace(row.scenario.claims[0], needs={"scale": "lr", "strength": 1})

    assert needs(claim, "any") == {"scale": "lr", "strength": 1}
    assert needs(replace(claim, needs={}), "any") == {}


def test_a_role_that_nobody_took_is_no_obstacle(row: LoadedScenario) -> None:
    """The shipped optimizer stands there."""
    assert not_applicable_reason(row, row.scenario.claims[0], under("sgd", {"step_rule": "other"})) == ""
