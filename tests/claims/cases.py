"""Which tests are there? One for every claim and one golden for every scenario, in the order of the files."""

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
    """Return one parameter a claim, marked by its scenario's kind."""
    return [
        pytest.param(ClaimCase(loaded, claim), id=f"{loaded.id}.{claim.id}", marks=_marks(loaded))
        for loaded in load().values()
        for claim in loaded.scenario.claims
    ]


def swaps() -> list[Any]:
    """Return one parameter a claim whose counterexample is two arms exchanged."""
    return [
        pytest.param(ClaimCase(loaded, claim), id=claim.id, marks=_marks(loaded))
        for loaded in load().values()
        for claim in loaded.scenario.claims
        if claim.counterexample.swap
    ]


def goldens() -> list[Any]:
    """Return one parameter a scenario that has numbers to record."""
    return [pytest.param(loaded, id=loaded.id, marks=_marks(loaded)) for loaded in load().values()]


def outcome_of(case: ClaimCase, result: Result, setup: Setup) -> ClaimOutcome:
    """Return what became of a claim, given what the optimizer's author expects to fail."""
    outcome = decide(case.claim, result)
    reason = setup.expected.get(case.claim.id)
    return expected_to_fail(outcome, reason) if reason and outcome.status != "not_applicable" else outcome


def outcomes_at_stake(loaded: LoadedScenario, result: Result, setup: Setup) -> list[ClaimOutcome]:
    """Return the outcomes of a scenario's claims that decide about the optimizer under test."""
    return [outcome_of(ClaimCase(loaded, one), result, setup) for one in loaded.scenario.claims if _at_stake(loaded, one, setup)]


def _at_stake(loaded: LoadedScenario, claim: Claim, setup: Setup) -> bool:
    """Return True for a claim that applies and is not expected to fail."""
    subjects = setup.subjects
    applies = applicability.involved(loaded, claim, subjects) and not applicability.not_applicable_reason(loaded, claim, subjects)
    return applies and claim.id not in setup.expected


def _marks(loaded: LoadedScenario) -> list[pytest.MarkDecorator]:
    marks = [getattr(pytest.mark, loaded.scenario.kind)]
    return [*marks, pytest.mark.long] if loaded.scenario.long else marks
