"""What ran, out of what should have? Counts that make a claim that silently did not run visible."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.catalogue import Entry
from harness.outcome import Outcome
from harness.scenario import Claim, Expectation
from harness.subject import Subjects

SCHEMA = 1
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


@dataclass(frozen=True)
class Line:
    """One claim of results.json; `expected` is in words, as a relation has more than a number."""

    id: str
    scenario: str
    sources: tuple[str, ...]
    established: str
    status: str
    measured: float | None
    expected: str
    margin: float | None
    message: str


@dataclass(frozen=True)
class Promise:
    """One field of the contract of the optimizer in a role: what is declared, and what was measured."""

    role: str
    field: str
    declared: str
    measured: tuple[str, ...]
    says: str
    met: bool


@dataclass(frozen=True)
class Golden:
    """What came of a scenario's golden: compared, recorded, not_applicable, failed or error.

    `origin` is what its file says of its numbers, nothing for an older file; `attribution` what has moved, where it was asked.
    """

    scenario: str
    status: str
    origin: Mapping[str, str]
    message: str
    attribution: str = ""


@dataclass(frozen=True)
class Ledger:
    """What was expected (every claim that involves the subject), selected, and what came of each claim and golden that ran."""

    expected: tuple[str, ...]
    selected: tuple[str, ...]
    lines: tuple[Line, ...]
    promises: tuple[Promise, ...] = ()
    goldens: tuple[Golden, ...] = ()

    @property
    def missing(self) -> list[str]:
        """The selected claims that did not run."""
        return sorted(set(self.selected) - {line.id for line in self.lines})

    def counts(self) -> dict[str, int]:
        """Return how many claims were expected, selected, ran, and had each status."""
        ended = {status: sum(line.status == status for line in self.lines) for status in _SAID}
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


def line(outcome: Outcome, scenario: str, *, expected: str, message: str) -> Line:
    """Return the ledger's line of an outcome."""
    verdict, claim = outcome.deciding, outcome.claim
    return Line(
        id=claim.id,
        scenario=scenario,
        sources=tuple(f"{item.source}, {item.section}" for item in claim.sources),
        established=claim.established,
        status=outcome.status,
        measured=_finite(verdict.measured) if verdict else None,
        expected=expected,
        margin=_finite(verdict.margin) if verdict else None,
        message=message,
    )


def not_applicable(entry: Entry, claim: Claim, why: str) -> Line:
    """Return the ledger's line of a claim that says nothing about the optimizer under test."""
    sources = tuple(f"{item.source}, {item.section}" for item in claim.sources)
    return Line(claim.id, entry.id, sources, claim.established, "not_applicable", None, "", None, why)


def read_manifest(path: Path) -> Mapping[str, str]:
    """Return the recorded ids, each with what else its line says; none when nothing was recorded yet."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {one: said.strip() for one, _, said in (line.partition(" ") for line in lines if line)}


def write_manifest(path: Path, lines: Mapping[str, str]) -> None:
    """Record every id with what is said of it, one a line, sorted: what disappears or changes is a line that does."""
    text = "".join(f"{one} {said}".rstrip() + "\n" for one, said in sorted(lines.items()))
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def asserted(claim: Claim) -> str:
    """Return what a claim asserts and what must fail it, in one line: it cannot be weakened without this line changing."""
    expected = "; ".join(_asserted(item) for item in claim.expect)
    given = claim.counterexample
    slip = ", ".join(f"{name}={value}" for name, value in given.settings.items())
    fails = ", ".join(given.mutants) or " and ".join(given.swap) or slip
    return f"{claim.established}: {expected}. Fails for {fails}"


def _asserted(item: Expectation) -> str:
    parts = [f"{item.arm}.{item.measure} {item.relation}"]
    parts += [f"{item.than.times:g} x {item.than.arm}.{item.than.measure}"] if item.than else []
    numbers = {"": item.value, "tolerance ": item.tolerance, "fraction ": item.fraction, "pilot ": item.pilot}
    return " ".join([*parts, *(f"{name}{value!r}" for name, value in numbers.items() if value is not None)])


def results(
    ledger: Ledger,
    *,
    subjects: Subjects,
    environment: Mapping[str, str],
    heard: Sequence[str],
    tests: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what results.json holds; `tests` are counts of all tests, and what is wrong with them beside failures."""
    return {
        "schema": SCHEMA,
        "subject": dict(subjects.by_role) | {"under_test": list(subjects.under_test)},
        "environment": dict(environment),
        "expected": len(ledger.expected),
        "selected": len(ledger.selected),
        "counts": ledger.counts(),
        "heard": list(heard),
        "contract": [asdict(one) for one in ledger.promises],
        "tests": dict(tests),
        "golden": [asdict(one) for one in ledger.goldens],
        "golden_counts": ledger.golden_counts(),
        "claims": [asdict(one) for one in ledger.lines],
    }


def write_results(folder: Path, content: Mapping[str, Any]) -> Path:
    """Write results.json into `folder` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.json"
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
