"""Does a claim apply to the optimizer under test? It does when the contract declares what the claim rests on."""

from __future__ import annotations

from harness.catalog.loaded_scenario import LoadedScenario
from harness.spec import contract
from harness.spec.contract import NOT_NEEDED, PROMISES, Needs
from harness.spec.scenario import Claim
from harness.subject.roles import ANY, Subjects


def needs(claim: Claim, role: str) -> Needs:
    """Return the fields of a contract on which a claim rests in an arm of `role`, with the values that will do."""
    named = {name: value for name, value in claim.needs.items() if isinstance(value, str | float | int | tuple)}
    if role == ANY:
        return named
    return {**{name: value for name, value in PROMISES[role].items() if name not in NOT_NEEDED}, **named}


def involved(loaded: LoadedScenario, claim: Claim, subjects: Subjects) -> bool:
    """Return whether a claim says anything about the subject under test; without one, every claim counts."""
    return not subjects.under_test or any(subjects.tests(loaded.scenario.arms[arm].role) for arm in claim.arms)


def not_applicable_reason(loaded: LoadedScenario, claim: Claim, subjects: Subjects) -> str:
    """Return why a claim does not apply to the subject under test, or nothing."""
    for arm in claim.arms:
        role = loaded.scenario.arms[arm].role
        if subjects.tests(role):
            found = contract.unmet_need(needs(claim, role), subjects.contract(role))
            if found:
                return found
    return ""
