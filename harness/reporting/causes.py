"""Causes of a red run: the red claims, contract fields and goldens that have one reason.

red                                                        its cause
a claim whose subject has an answer that is not declared   the diagnosis of the claim; diagnoses that begin with the same
                                                           field are one cause
the field with which a diagnosis begins                    the same; if it is the decay itself, all fields that show decay too
any other field                                            the field itself
a claim without such a diagnosis                           the error of its arm, or what its scenario tries
a claim or field that is expected to fail, and holds       its line in the file of expected failures
a golden                                                   the only diagnosis if there is one, else what moved its numbers
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from harness.reporting.ledger import ClaimRecord, GoldenRecord
from harness.spec.fields import RULE, SECTIONS, speaks_of_decay
from harness.verdicts.contract_check import FieldCheck
from harness.verdicts.outcome import HOLDS_NOW

Record = TypeVar("Record", ClaimRecord, FieldCheck, GoldenRecord)


@dataclass(frozen=True)
class RedTest(Generic[Record]):
    """A red test: what it recorded, and its whole message."""

    record: Record
    message: str


@dataclass
class Cause:
    """One cause: its text, and the red tests that have it."""

    text: str
    claims: list[RedTest[ClaimRecord]] = field(default_factory=list)
    fields: list[RedTest[FieldCheck]] = field(default_factory=list)
    goldens: list[RedTest[GoldenRecord]] = field(default_factory=list)

    @property
    def counts(self) -> str:
        """The numbers of red tests: '17 claims, 2 fields of the contract'."""
        parts = [
            (len(self.claims), "claim", "claims"),
            (len(self.fields), "field of the contract", "fields of the contract"),
            (len(self.goldens), "golden", "goldens"),
        ]
        return ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in parts if count)


def causes(
    claims: Sequence[RedTest[ClaimRecord]], fields: Sequence[RedTest[FieldCheck]], goldens: Sequence[RedTest[GoldenRecord]]
) -> list[Cause]:
    """Return the causes, those with most red tests first."""
    hold_now = _hold_now(claims, fields)
    claims = [test for test in claims if HOLDS_NOW not in test.message]
    fields = [test for test in fields if HOLDS_NOW not in test.message]
    diagnosed = _diagnosed(claims)
    own = [*_of_fields(fields, diagnosed), *_undiagnosed(claims)]
    rest = [*diagnosed.values(), *own, *_of_goldens(goldens, diagnosed), *hold_now]
    return sorted(rest, key=lambda cause: -len(cause.claims) - len(cause.fields) - len(cause.goldens))


def _hold_now(claims: Sequence[RedTest[ClaimRecord]], fields: Sequence[RedTest[FieldCheck]]) -> list[Cause]:
    """Return the cause of tests that are expected to fail and hold, if there are any."""
    claims = [test for test in claims if HOLDS_NOW in test.message]
    fields = [test for test in fields if HOLDS_NOW in test.message]
    names = [test.record.id for test in claims] + [f"contract.{test.record.field}" for test in fields]
    text = f"expected to fail, and green now; remove from the file of expected failures: {', '.join(names)}"
    return [Cause(text, list(claims), list(fields))] if names else []


def _diagnosed(claims: Sequence[RedTest[ClaimRecord]]) -> dict[tuple[str, str], Cause]:
    """Return the causes of claims with a diagnosis, by subject and first field of the diagnosis."""
    groups: dict[tuple[str, str], list[RedTest[ClaimRecord]]] = {}
    for test in claims:
        if test.record.cause:
            subject = test.record.cause.partition(" ")[0]
            groups.setdefault((subject, test.record.cause_fields[0]), []).append(test)
    return {
        key: Cause(Counter(test.record.cause for test in group).most_common(1)[0][0], claims=group)
        for key, group in groups.items()
    }


def _of_fields(fields: Sequence[RedTest[FieldCheck]], diagnosed: dict[tuple[str, str], Cause]) -> list[Cause]:
    """Add each field to the cause whose diagnoses name it, and return a cause for each other field."""
    own = []
    for test in fields:
        check = test.record
        owners = [cause for (_, first), cause in diagnosed.items() if _follows(check, first)]
        if owners:
            owners[0].fields.append(test)
        else:
            measured = " or ".join(check.measured) or "no value"
            own.append(
                Cause(f"the contract's field {check.field}: measured {measured}, should be {check.declared}", fields=[test])
            )
    return own


def _follows(check: FieldCheck, first: str) -> bool:
    """Return True if a red field has the cause whose diagnosis begins with the field `first`.

    If the decay itself is not as declared, every field that shows decay is another one too.
    """
    if check.field == first:
        return True
    about_groups = first == "groups" and check.field in SECTIONS["Parameter groups"]
    return first in RULE and (about_groups or check.field in RULE or speaks_of_decay(check.field, check.measured))


def _undiagnosed(claims: Sequence[RedTest[ClaimRecord]]) -> list[Cause]:
    """Return a cause for each error of an arm, and for each scenario whose claims are red without a diagnosis or an error."""
    groups: dict[tuple[str, str], list[RedTest[ClaimRecord]]] = {}
    for test in claims:
        if not test.record.cause:
            judged = test.record.measured is not None
            key = ("scenario", test.record.scenario) if judged else ("error", _error(test.record))
            groups.setdefault(key, []).append(test)
    return [
        Cause(text if kind == "error" else f"in what {text} tries: {group[0].record.message}", claims=group)
        for (kind, text), group in groups.items()
    ]


def _error(record: ClaimRecord) -> str:
    """Return the message of a claim that was not judged, without the claim and the arm."""
    text = record.message.removeprefix(f"{record.id}: ")
    arm, colon, error = text.partition(": ")
    return error if colon and arm.startswith("arm ") and "," not in arm else text


def _of_goldens(goldens: Sequence[RedTest[GoldenRecord]], diagnosed: dict[tuple[str, str], Cause]) -> list[Cause]:
    """Add the goldens to the only diagnosed cause, or return a cause for each thing that moved them."""
    if len(diagnosed) == 1:
        next(iter(diagnosed.values())).goldens.extend(goldens)
        return []
    groups: dict[str, list[RedTest[GoldenRecord]]] = {}
    for test in goldens:
        groups.setdefault(test.record.attribution or test.record.message, []).append(test)
    return [Cause(text, goldens=group) for text, group in groups.items()]
