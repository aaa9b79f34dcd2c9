"""Test parameters and claim outcomes: one test for each claim, one golden for each scenario, in the order of the files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from harness.catalog import applicability
from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.run import Result
from harness.spec.scenario import Claim
from harness.verdicts.outcome import ClaimOutcome, decide, expected_to_fail
from tests.plugin.run_setup import Setup


@dataclass(frozen=True)
class ClaimCase:
    """A claim and the scenario that carries it."""

    loaded: LoadedScenario
    claim: Claim


def claims() -> list[Any]:
    """Return one parameter for each claim, marked with its scenario's kind."""
    return [
        pytest.param(ClaimCase(loaded, claim), id=f"{loaded.id}.{claim.id}", marks=_marks(loaded))
        for loaded in load().values()
        for claim in loaded.scenario.claims
    ]


def swaps() -> list[Any]:
    """Return one parameter for each claim whose counterexample is the exchange of two arms."""
    return [
        pytest.param(ClaimCase(loaded, claim), id=claim.id, marks=_marks(loaded))
        for loaded in load().values()
        for claim in loaded.scenario.claims
        if claim.counterexample.swap
    ]


def goldens() -> list[Any]:
    """Return one parameter for each scenario."""
    return [pytest.param(loaded, id=loaded.id, marks=_marks(loaded)) for loaded in load().values()]


def outcome_of(case: ClaimCase, result: Result, setup: Setup) -> ClaimOutcome:
    """Return the outcome of a claim, in view of the failures that the optimizer's author expects."""
    outcome = decide(case.claim, result)
    reason = setup.expected.get(case.claim.id)
    return expected_to_fail(outcome, reason) if reason and outcome.status != "not_applicable" else outcome


def deciding_outcomes(loaded: LoadedScenario, result: Result, setup: Setup) -> list[ClaimOutcome]:
    """Return the outcomes of a scenario's claims that decide about the optimizer under test."""
    at_stake = [claim for claim in loaded.scenario.claims if _at_stake(loaded, claim, setup)]
    return [outcome_of(ClaimCase(loaded, claim), result, setup) for claim in at_stake]


def _at_stake(loaded: LoadedScenario, claim: Claim, setup: Setup) -> bool:
    """Return True if the claim applies to the optimizer under test and is not expected to fail."""
    subjects = setup.subjects
    applies = applicability.reads_subject(loaded, claim, subjects) and not applicability.not_applicable_reason(
        loaded, claim, subjects
    )
    return applies and claim.id not in setup.expected


def _marks(loaded: LoadedScenario) -> list[pytest.MarkDecorator]:
    """Return the marks of a scenario's tests: its kind, and `long` if the scenario is long."""
    marks = [getattr(pytest.mark, loaded.scenario.kind)]
    return [*marks, pytest.mark.long] if loaded.scenario.long else marks
