"""Which tests are there? One for every claim and one golden for every scenario, in the order of the files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from harness.catalogue import Entry, load
from harness.scenario import Claim


@dataclass(frozen=True)
class Place:
    """A claim and the scenario that carries it."""

    entry: Entry
    claim: Claim


def claims() -> list[Any]:
    """Return one parameter a claim, marked by its scenario's kind."""
    return [
        pytest.param(Place(entry, claim), id=f"{entry.id}.{claim.id}", marks=_marks(entry))
        for entry in load().values()
        for claim in entry.scenario.claims
    ]


def swaps() -> list[Any]:
    """Return one parameter a claim whose counterexample is two arms exchanged."""
    return [
        pytest.param(Place(entry, claim), id=claim.id, marks=_marks(entry))
        for entry in load().values()
        for claim in entry.scenario.claims
        if claim.counterexample.swap
    ]


def goldens() -> list[Any]:
    """Return one parameter a scenario that has numbers to record."""
    return [pytest.param(entry, id=entry.id, marks=_marks(entry)) for entry in load().values()]


def _marks(entry: Entry) -> list[pytest.MarkDecorator]:
    marks = [getattr(pytest.mark, entry.scenario.kind)]
    return [*marks, pytest.mark.long] if entry.scenario.long else marks
