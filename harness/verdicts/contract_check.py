"""Check of contract fields: each declared value is compared with the fingerprint's measurement of the optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from harness.environment import commands
from harness.errors import error_line
from harness.fingerprint.ask import ask
from harness.fingerprint.equivalence import equivalence
from harness.fingerprint.finding import Finding, Findings, reason
from harness.policy import SAME_STRENGTH
from harness.spec.contract import FIELDS, UNSPECIFIED, Declared
from harness.subject.roles import Subjects


@dataclass(frozen=True)
class FieldCheck:
    """One field of the contract of the optimizer in a role: the declared value and the measured values.

    `says` is the finding's text. `met` is True if the measurement agrees with the declaration.
    """

    role: str
    field: str
    declared: str
    measured: tuple[str, ...]
    says: str
    met: bool

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> FieldCheck:
        """Return the check that a test has recorded. In a record from another process, tuples have become lists."""
        return cls(**{**record, "measured": tuple(record["measured"])})


def declared_fields(subjects: Subjects) -> Iterator[tuple[str, str]]:
    """Yield (role, field) for each declared field of the optimizers under test, or of all roles if none is under test."""
    for role in subjects.under_test or tuple(subjects.declared):
        for name, value in subjects.declared[role].items():
            if value not in (UNSPECIFIED, ""):
                yield role, name


def check_field(role: str, name: str, subjects: Subjects) -> FieldCheck:
    """Measure one field of the optimizer in `role`, and compare it with the declared value."""
    path, declared = subjects.by_role[role], subjects.contract(role)[name]
    finding = _finding(path, name, str(declared))
    return FieldCheck(role, name, _shown(declared), finding.values, finding.says, _met(name, declared, finding))


def sentence(promise: FieldCheck, subjects: Subjects) -> str:
    """Return the failure message of a field that is not met: the declared value, the measured one, and the next command."""
    path = subjects.by_role[promise.role]
    measured = " or ".join(promise.measured) or "unknown"
    declares = "its contract declares" if subjects.contract_file else f"the role {promise.role} promises"
    reason_text = promise.says if promise.measured else reason(promise.says)
    text = f"contract, {promise.field}: {declares} {promise.declared}, the measurement of {path} says {measured}: {reason_text}"
    if subjects.contract_file or not subjects.under_test:
        return text
    draft = commands.harness_command(f"fingerprint {path} --write-contract decaygate.yaml")
    return f"{text}\n  if that is meant, declare it: {draft}"


def _met(name: str, declared: Declared, finding: Finding) -> bool:
    if isinstance(declared, float | int):
        return any(math.isclose(float(value), declared, rel_tol=SAME_STRENGTH) for value in finding.values)
    met_by = FIELDS[name].met_by if declared == FIELDS[name].usual else ()
    return bool({declared, *met_by} & set(finding.values))


def _shown(value: Declared) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _finding(path: str, name: str, declared: str) -> Finding:
    try:
        return _findings(path, declared if name == "equivalent_to" else "")[name]
    except Exception as error:  # an optimizer that raises does not meet the field, and the error is the reason
        return Finding((), error_line(error))


@cache
def _findings(path: str, reference: str) -> Findings:
    if reference:
        return {"equivalent_to": equivalence(path, reference)}
    wanted = [name for name in FIELDS if name != "equivalent_to"]
    return {question.name: finding for question, finding in ask(path, {}, wanted)}
