"""Which tests are there? One for every claim and one golden for every scenario, in the order of the files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from harness.catalog import applicability
from harness.catalog.entry import Entry
from harness.catalog.load import load
from harness.run import Result
from harness.spec.scenario import Claim
from harness.verdicts.outcome import Outcome, decide, expected_to_fail
from tests.plugin.run_setup import Setup


@dataclass(frozen=True)
class ClaimCase:
    """A claim and the scenario that carries it."""

    entry: Entry
    claim: Claim


def claims() -> list[Any]:
    """Return one parameter a claim, marked by its scenario's kind."""
    return [
        pytest.param(ClaimCase(entry, claim), id=f"{entry.id}.{claim.id}", marks=_marks(entry))
        for entry in load().values()
        for claim in entry.scenario.claims
    ]


def swaps() -> list[Any]:
    """Return one parameter a claim whose counterexample is two arms exchanged."""
    return [
        pytest.param(ClaimCase(entry, claim), id=claim.id, marks=_marks(entry))
        for entry in load().values()
        for claim in entry.scenario.claims
        if claim.counterexample.swap
    ]


def goldens() -> list[Any]:
    """Return one parameter a scenario that has numbers to record."""
    return [pytest.param(entry, id=entry.id, marks=_marks(entry)) for entry in load().values()]


def outcome_of(place: ClaimCase, result: Result, setup: Setup) -> Outcome:
    """Return what became of a claim, given what the optimizer's author expects to fail."""
    outcome = decide(place.claim, result)
    reason = setup.expected.get(place.claim.id)
    return expected_to_fail(outcome, reason) if reason and outcome.status != "not_applicable" else outcome


def outcomes_at_stake(entry: Entry, result: Result, setup: Setup) -> list[Outcome]:
    """Return the outcomes of a scenario's claims that decide about the optimizer under test."""
    return [outcome_of(ClaimCase(entry, one), result, setup) for one in entry.scenario.claims if _at_stake(entry, one, setup)]


def _at_stake(entry: Entry, claim: Claim, setup: Setup) -> bool:
    """Return True for a claim that applies and is not expected to fail."""
    subjects = setup.subjects
    applies = applicability.involved(entry, claim, subjects) and not applicability.obstacle(entry, claim, subjects)
    return applies and claim.id not in setup.expected


def _marks(entry: Entry) -> list[pytest.MarkDecorator]:
    marks = [getattr(pytest.mark, entry.scenario.kind)]
    return [*marks, pytest.mark.long] if entry.scenario.long else marks
