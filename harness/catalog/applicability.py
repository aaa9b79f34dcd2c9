"""Applicability of claims: a claim applies if the subject's contract declares what the claim depends on."""

from __future__ import annotations

from harness.catalog.loaded_scenario import LoadedScenario
from harness.spec import contract
from harness.spec.contract import PROMISES, RULE_NEEDS, Needs
from harness.spec.fields import UNSPECIFIED
from harness.spec.scenario import Claim
from harness.subject.roles import ANY, Subjects


def needs(claim: Claim, role: str) -> Needs:
    """Return the contract fields that a claim depends on in an arm of `role`, each with the values that it accepts.

    These are the fields that the claim names, and, for all roles but `any`, the decay and the update rule that the role promises.
    A field about which the role promises nothing, as Adam's constants for SGD, does not count.
    """
    stated = {name: value for name, value in claim.needs.items() if isinstance(value, str | float | int | tuple)}
    if role == ANY:
        return stated
    stated = {name: value for name, value in stated.items() if PROMISES[role][name] != UNSPECIFIED}
    return {**{name: value for name, value in PROMISES[role].items() if name in RULE_NEEDS}, **stated}


def reads_subject(loaded: LoadedScenario, claim: Claim, subjects: Subjects) -> bool:
    """Return True if a claim reads an arm that runs the subject under test. Without such a subject, return True."""
    return not subjects.under_test or any(subjects.is_under_test(loaded.scenario.arms[arm].role) for arm in claim.arms)


def not_applicable_reason(loaded: LoadedScenario, claim: Claim, subjects: Subjects) -> str:
    """Return the reason why a claim does not apply to the subject under test, or an empty text if it applies."""
    for arm in claim.arms:
        role = loaded.scenario.arms[arm].role
        if subjects.is_under_test(role):
            reason = contract.unmet_need(needs(claim, role), subjects.contract(role))
            if reason:
                return reason
    return ""
