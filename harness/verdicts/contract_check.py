"""Check of contract fields: each declared value is compared with the fingerprint's measurement of the optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.environment import commands
from harness.errors import error_line
from harness.fingerprint.ask import findings
from harness.fingerprint.equivalence import equivalence
from harness.fingerprint.finding import FAILED, Finding, reason
from harness.spec.contract import can_declare, meets
from harness.spec.fields import FIELDS, RULE, UNSPECIFIED, Declared
from harness.subject.roles import Subjects


@dataclass(frozen=True)
class FieldCheck:
    """One field of the contract of the optimizer in a role: the declared value and the measured values.

    `text` is the finding's text. `met` is True if the measurement agrees with the declaration.
    """

    role: str
    field: str
    declared: str
    measured: tuple[str, ...]
    text: str
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
    met = meets(name, declared, finding.values) or _cannot_be_answered(name, finding, subjects)
    return FieldCheck(role, name, _shown(declared), finding.values, finding.text, met)


def _cannot_be_answered(name: str, finding: Finding, subjects: Subjects) -> bool:
    """Return True if an unmeasured field counts as met.

    It is not one of the rule, the contract file has no line for it, and the experiment did not fail. The usual reasons, which
    other fields show: there is no decay, the optimizer draws random numbers, or parameters depend on each other.
    """
    asked = name in RULE or name in subjects.contract_fields or FAILED in finding.text
    return not finding.values and not asked


def sentence(check: FieldCheck, subjects: Subjects) -> str:
    """Return the failure message of a field that is not met: the declared value, the measured one, and what the author can do."""
    path, measured = subjects.by_role[check.role], " or ".join(check.measured) or "no value"
    text = check.text if check.measured else reason(check.text)
    message = f"contract, {check.field}: {path} gives {measured}, {_expected(check, subjects)}: {text}"
    return "\n  ".join([message, *_hints(check, subjects)])


def _expected(check: FieldCheck, subjects: Subjects) -> str:
    """Return where the expected value comes from: the contract's own line, or the usual value."""
    if check.field in subjects.contract_fields:
        return f"and {subjects.contract_file} declares {check.declared}"
    if subjects.contract_file:
        return f"expected the usual value {check.declared}, because {subjects.contract_file} has no line for this field"
    return f"expected {check.declared}, which the role {check.role} promises without a contract"


def _hints(check: FieldCheck, subjects: Subjects) -> list[str]:
    """Return what the author can do if the optimizer is right: the line to declare, or that no contract can declare the value."""
    if not subjects.under_test or FAILED in check.text:
        return []
    if check.field == "equivalent_to":
        return [f"if the two optimizers may differ, remove this line from {subjects.contract_file}"]
    value = next((value for value in check.measured if can_declare(check.field, value)), UNSPECIFIED)
    measured = " or ".join(check.measured)
    if value != UNSPECIFIED:
        intention = "if this is intended"
    elif _is_fault(check):
        return [f"a contract cannot declare {measured}: it is a fault, so correct the optimizer"]
    elif check.measured:
        intention = f"the contract has no word for {measured}: correct the optimizer, or, to leave the field untested"
    else:
        intention = "no value could be measured; if no value of this field describes the optimizer, leave the field untested"
    if check.field in subjects.contract_fields:
        place = f"change its line in {subjects.contract_file} to"
    else:
        place = f"add this line to {subjects.contract_file or 'a contract'}"
    hints = [f"{intention}, {place}: {check.field}: {value}"]
    if not subjects.contract_file:
        command = f"fingerprint {subjects.by_role[check.role]} --write-contract decaygate.yaml"
        hints.append(f"this command writes a draft of the contract: {commands.harness_command(command)}")
    return hints


def _is_fault(check: FieldCheck) -> bool:
    """Return True if the measured value is a fault: a word of the field's table, or a strength that is not above 0."""
    known = FIELDS[check.field]
    return bool(check.measured) and (isinstance(known.usual, float) or bool(set(known.faults) & set(check.measured)))


def _shown(value: Declared) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _finding(path: str, name: str, declared: str) -> Finding:
    try:
        return equivalence(path, declared) if name == "equivalent_to" else findings(path, {})[name]
    except Exception as error:  # an optimizer that raises does not meet the field, and the error is the reason
        return Finding((), f"{FAILED}{error_line(error)}")
