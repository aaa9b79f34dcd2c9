"""The ledger of a run: what ran out of what should have, so that a claim that silently did not run is visible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.catalog.loaded_scenario import LoadedScenario
from harness.spec.scenario import Claim
from harness.verdicts.contract_check import FieldCheck
from harness.verdicts.outcome import ClaimOutcome

_SAID = {
    "held": "held",
    "refuted_as_documented": "refuted as documented",
    "not_applicable": "not applicable",
    "expected_failure": "expected failures",
    "failed": "failed",
    "error": "errors",
}
_SAID_OF_GOLDENS = {
    "compared": "as recorded",
    "recorded": "recorded",
    "not_applicable": "not applicable",
    "failed": "failed",
    "error": "errors",
}


@dataclass(frozen=True, kw_only=True)
class ClaimRecord:
    """One claim of results.json; `expected` is in words, as a relation has more than a number."""

    id: str
    scenario: str
    sources: tuple[str, ...] = ()
    established: str = ""
    status: str
    measured: float | None = None
    expected: str = ""
    margin: float | None = None
    message: str

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> ClaimRecord:
        """Return the line that a test has recorded; in a record from another process, tuples have become lists."""
        return cls(**{**record, "sources": tuple(record["sources"])})


@dataclass(frozen=True)
class GoldenRecord:
    """What came of a scenario's golden: compared, recorded, not_applicable, failed or error.

    `origin` is what its file says of its numbers, nothing for an older file; `attribution` what has moved, where it was asked;
    `widened`: a number is recorded from fewer seeds than before, which the end of the run says and results.json does not.
    """

    scenario: str
    status: str
    origin: Mapping[str, str]
    message: str
    attribution: str = ""
    widened: bool = False


@dataclass(frozen=True)
class Ledger:
    """What was expected (every claim that involves the subject), selected, and what came of each claim and golden that ran."""

    expected: tuple[str, ...]
    selected: tuple[str, ...]
    lines: tuple[ClaimRecord, ...]
    promises: tuple[FieldCheck, ...] = ()
    goldens: tuple[GoldenRecord, ...] = ()

    @property
    def missing(self) -> list[str]:
        """The selected claims that did not run."""
        return sorted(set(self.selected) - {claim_record.id for claim_record in self.lines})

    def counts(self) -> dict[str, int]:
        """Return how many claims were expected, selected, ran, and had each status."""
        ended = {status: sum(claim_record.status == status for claim_record in self.lines) for status in _SAID}
        ran = len(self.lines) - ended["not_applicable"]
        return {"expected": len(self.expected), "selected": len(self.selected), "ran": ran, **ended}

    def golden_counts(self) -> dict[str, int]:
        """Return how many goldens had each status."""
        return {status: sum(one.status == status for one in self.goldens) for status in _SAID_OF_GOLDENS}

    def sentence(self) -> str:
        """Return 'N of M claims ran: ...' with every status that occurred, and failures always; then contract and goldens."""
        counts = self.counts()
        parts = [f"{counts[key]} {said}" for key, said in _SAID.items() if counts[key] or key in ("held", "failed")]
        said = f"{counts['ran']} of {counts['expected']} claims ran: {', '.join(parts)}"
        met = sum(one.met for one in self.promises)
        said += f"; {met} of {len(self.promises)} fields of the contract met" if self.promises else ""
        goldens = [f"{count} {_SAID_OF_GOLDENS[status]}" for status, count in self.golden_counts().items() if count]
        return f"{said}; goldens: {', '.join(goldens)}" if goldens else said


def claim_record(outcome: ClaimOutcome, scenario: str, *, expected: str, message: str) -> ClaimRecord:
    """Return the ledger's line of an outcome."""
    verdict, claim = outcome.deciding, outcome.claim
    return ClaimRecord(
        id=claim.id,
        scenario=scenario,
        sources=_sources(claim),
        established=claim.established,
        status=outcome.status,
        measured=_finite(verdict.measured) if verdict else None,
        expected=expected,
        margin=_finite(verdict.margin) if verdict else None,
        message=message,
    )


def not_applicable(loaded: LoadedScenario, claim: Claim, why: str) -> ClaimRecord:
    """Return the ledger's line of a claim that says nothing about the optimizer under test."""
    return ClaimRecord(
        id=claim.id,
        scenario=loaded.id,
        sources=_sources(claim),
        established=claim.established,
        status="not_applicable",
        message=why,
    )


def _sources(claim: Claim) -> tuple[str, ...]:
    return tuple(f"{item.source}, {item.section}" for item in claim.sources)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
