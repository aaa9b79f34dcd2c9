"""Ledger of a session: the expected, the selected and the run claims and goldens, so that a claim that did not run is visible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.catalog.loaded_scenario import LoadedScenario
from harness.spec.scenario import Claim
from harness.verdicts.contract_check import FieldCheck
from harness.verdicts.outcome import ClaimOutcome

_CLAIM_STATUS_TEXTS = {
    "held": "held",
    "refuted_as_documented": "held where the source is wrong",
    "not_applicable": "not applicable",
    "expected_failure": "expected failures",
    "failed": "failed",
    "error": "errors",
}
_GOLDEN_STATUS_TEXTS = {
    "compared": "as recorded",
    "recorded": "recorded",
    "not_applicable": "not applicable",
    "failed": "failed",
    "error": "errors",
}
FINGERPRINT = "fingerprint."  # begins the name of the golden of a fingerprint, before the role


@dataclass(frozen=True, kw_only=True)
class ClaimRecord:
    """One claim of results.json. `expected` is text, because a relation is more than a number.

    `cause` is what the fingerprint finds, in words, if the claim failed and an answer is not as declared; `cause_fields` are the
    fields of the contract with these answers.
    """

    id: str
    scenario: str
    sources: tuple[str, ...] = ()
    established: str = ""
    status: str
    measured: float | None = None
    unit: str = ""
    expected: str = ""
    margin: float | None = None
    message: str
    cause: str = ""
    cause_fields: tuple[str, ...] = ()

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> ClaimRecord:
        """Return the claim that a test has recorded. In a record from another process, tuples have become lists."""
        return cls(**{**record, "sources": tuple(record["sources"]), "cause_fields": tuple(record.get("cause_fields", ()))})


@dataclass(frozen=True)
class GoldenRecord:
    """The outcome of one scenario's golden, or of the golden of a fingerprint, whose `scenario` is `fingerprint.<role>`.

    Its status is compared, recorded, not_applicable, failed or error. `origin`: the origin of the file's numbers, empty for a
    file of the oldest format. `attribution`: what moved the numbers, if that was asked. `widened`: an ensemble was recorded with
    fewer seeds than before. The summary on the terminal reports it; results.json does not hold it.
    """

    scenario: str
    status: str
    origin: Mapping[str, str]
    message: str
    attribution: str = ""
    widened: bool = False


@dataclass(frozen=True)
class Ledger:
    """The claims and goldens of a session.

    `expected`: the ids of all claims that involve the subject. `selected`: the ids of the selected claims.
    `claims`, `field_checks`, `goldens`: the outcomes of the claims, the contract fields and the goldens that ran.
    """

    expected: tuple[str, ...]
    selected: tuple[str, ...]
    claims: tuple[ClaimRecord, ...]
    field_checks: tuple[FieldCheck, ...] = ()
    goldens: tuple[GoldenRecord, ...] = ()

    @property
    def missing(self) -> list[str]:
        """The ids of the selected claims that did not run."""
        return sorted(set(self.selected) - {claim.id for claim in self.claims})

    def counts(self) -> dict[str, int]:
        """Return how many claims were expected, selected, ran, and had each status."""
        by_status = {status: sum(claim.status == status for claim in self.claims) for status in _CLAIM_STATUS_TEXTS}
        ran = len(self.claims) - by_status["not_applicable"]
        return {"expected": len(self.expected), "selected": len(self.selected), "ran": ran, **by_status}

    def golden_counts(self) -> dict[str, int]:
        """Return how many goldens had each status."""
        return {status: sum(golden.status == status for golden in self.goldens) for status in _GOLDEN_STATUS_TEXTS}

    def sentence(self) -> str:
        """Return 'N of M claims ran: ...' with the count of each status that occurred, then the contract fields and goldens.

        Held and failed claims are always counted, also if there are none.
        """
        counts = self.counts()
        parts = [f"{counts[key]} {text}" for key, text in _CLAIM_STATUS_TEXTS.items() if counts[key] or key in ("held", "failed")]
        sentence = f"{counts['ran']} of {counts['expected']} claims ran: {', '.join(parts)}"
        sentence += self._fields_in_words() if self.field_checks else ""
        goldens = [f"{count} {_GOLDEN_STATUS_TEXTS[status]}" for status, count in self.golden_counts().items() if count]
        return f"{sentence}; goldens: {', '.join(goldens)}" if goldens else sentence

    def _fields_in_words(self) -> str:
        """Return how many fields of the contract were met, and how many of them have no measured value."""
        met = sum(check.met for check in self.field_checks)
        unmeasured = sum(check.met and not check.measured for check in self.field_checks)
        note = f" ({unmeasured} of them cannot be measured)" if unmeasured else ""
        return f"; {met} of {len(self.field_checks)} fields of the contract met{note}"


def claim_record(outcome: ClaimOutcome, scenario: str, *, expected: str, message: str) -> ClaimRecord:
    """Return the record of a claim with this outcome."""
    verdict, claim = outcome.deciding, outcome.claim
    return ClaimRecord(
        id=claim.id,
        scenario=scenario,
        sources=_sources(claim),
        established=claim.established,
        status=outcome.status,
        measured=_finite(verdict.measured) if verdict else None,
        unit=verdict.unit if verdict and verdict.unit != "1" else "",
        expected=expected,
        margin=_finite(verdict.margin) if verdict else None,
        message=message,
    )


def not_applicable(loaded: LoadedScenario, claim: Claim, reason: str) -> ClaimRecord:
    """Return the record of a claim that does not apply to the optimizer under test, with the reason."""
    return ClaimRecord(
        id=claim.id,
        scenario=loaded.id,
        sources=_sources(claim),
        established=claim.established,
        status="not_applicable",
        message=reason,
    )


def _sources(claim: Claim) -> tuple[str, ...]:
    return tuple(f"{item.source}, {item.section}" for item in claim.sources)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
