"""The file results.json: the selected claims, their outcomes, the contract fields and the goldens of a session."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.reporting.ledger import GoldenRecord, Ledger
from harness.subject.roles import Subjects
from harness.verdicts.contract_check import FieldCheck

SCHEMA = 1


def results(
    ledger: Ledger,
    *,
    subjects: Subjects,
    environment: Mapping[str, str],
    subject_output: Sequence[str],
    tests: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the content of results.json. `tests` counts all tests, and lists the problems that are not failures."""
    return {
        "schema": SCHEMA,
        "subject": dict(subjects.by_role) | {"under_test": list(subjects.under_test)},
        "environment": dict(environment),
        "expected": len(ledger.expected),
        "selected": len(ledger.selected),
        "counts": ledger.counts(),
        "heard": list(subject_output),
        "contract": [_field_check(check) for check in ledger.field_checks],
        "tests": dict(tests),
        "golden": [_golden(golden) for golden in ledger.goldens],
        "golden_counts": ledger.golden_counts(),
        "claims": [asdict(claim) for claim in ledger.claims],
    }


def _field_check(check: FieldCheck) -> dict[str, Any]:
    """Return an entry of `contract`; the text of the finding has the key `says`."""
    return {"says" if key == "text" else key: value for key, value in asdict(check).items()}


def _golden(golden: GoldenRecord) -> dict[str, Any]:
    return {key: value for key, value in asdict(golden).items() if key != "widened"}


def write_results(folder: Path, content: Mapping[str, Any]) -> Path:
    """Write results.json into `folder` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.json"
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path
