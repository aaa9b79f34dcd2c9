"""Does an optimizer do what its contract declares? Each declared field against what is measured of it."""

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
    """One field of the contract of the optimizer in a role: what is declared, and what was measured."""

    role: str
    field: str
    declared: str
    measured: tuple[str, ...]
    says: str
    met: bool

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> FieldCheck:
        """Return the promise that a test has recorded; in a record from another process, tuples have become lists."""
        return cls(**{**record, "measured": tuple(record["measured"])})


def declared_fields(subjects: Subjects) -> Iterator[tuple[str, str]]:
    """Yield (role, field) of everything that the optimizers in this run promise."""
    for role in subjects.under_test or tuple(subjects.declared):
        for name, value in subjects.declared[role].items():
            if value not in (UNSPECIFIED, ""):
                yield role, name


def check_field(role: str, name: str, subjects: Subjects) -> FieldCheck:
    """Measure one field of the optimizer in `role`, and say whether it is as declared."""
    path, declared = subjects.by_role[role], subjects.contract(role)[name]
    found = _finding(path, name, str(declared))
    return FieldCheck(role, name, _shown(declared), found.values, found.says, _met(name, declared, found))


def sentence(promise: FieldCheck, subjects: Subjects) -> str:
    """Return what a field that is not met is red with: what is declared, and what is done instead."""
    path = subjects.by_role[promise.role]
    found = " or ".join(promise.measured) or "unknown"
    whose = "its contract declares" if subjects.contract_file else f"the role {promise.role} promises"
    why = promise.says if promise.measured else reason(promise.says)
    said = f"contract, {promise.field}: {whose} {promise.declared}, the measurement of {path} says {found}: {why}"
    if subjects.contract_file or not subjects.under_test:
        return said
    draft = commands.harness_command(f"fingerprint {path} --write-contract decaygate.yaml")
    return f"{said}\n  if that is meant, declare it: {draft}"


def _met(name: str, declared: Declared, found: Finding) -> bool:
    if isinstance(declared, float | int):
        return any(math.isclose(float(value), declared, rel_tol=SAME_STRENGTH) for value in found.values)
    met_by = FIELDS[name].met_by if declared == FIELDS[name].usual else ()
    return bool({declared, *met_by} & set(found.values))


def _shown(value: Declared) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _finding(path: str, name: str, declared: str) -> Finding:
    try:
        return _findings(path, declared if name == "equivalent_to" else "")[name]
    except Exception as error:  # what an optimizer breaks is a promise that is not met, and told as one
        return Finding((), error_line(error))


@cache
def _findings(path: str, reference: str) -> Findings:
    if reference:
        return {"equivalent_to": equivalence(path, reference)}
    wanted = [name for name in FIELDS if name != "equivalent_to"]
    return {question.name: found for question, found in ask(path, {}, wanted)}
