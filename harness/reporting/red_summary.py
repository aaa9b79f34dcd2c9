"""Summary of a red run on the terminal: each cause with one claim in full, and a last list with one line a cause."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from harness.reporting.causes import Cause, RedTest
from harness.reporting.ledger import ClaimRecord
from harness.verdicts.contract_check import FieldCheck

MOST_TABLES = 3  # goldens of a cause whose numbers are printed; they are not wrapped, so that columns stay columns
MOST_NAMES = 5  # lines of names of further claims; -v prints every claim
LABEL = 13  # width of the labels of a claim's details, with the indent
DRAFT = "this command writes a draft"  # begins the last hint of a field; it is printed once


def details(causes: Sequence[Cause], width: int) -> list[str]:
    """Return the lines about each cause: a field of the contract, one claim in full, and the names of the others."""
    lines, drafts = [], list[str]()
    for number, cause in enumerate(causes, start=1):
        lines += _wrapped(f"{number}. {cause.text}", width, "   ")
        if cause.fields:
            lines += _field(cause.fields[0], width, in_full=bool(cause.claims))
            drafts += [hint.strip() for hint in cause.fields[0].message.splitlines() if hint.strip().startswith(DRAFT)]
        lines += _names("other fields", [_in_short(test.record) for test in cause.fields[1:]], width)
        if cause.claims:
            example = min(cause.claims, key=_length)
            lines += _claim(example, width)
            lines += _names("other claims", [test.record.id for test in cause.claims if test is not example], width)
        tables = cause.goldens[:MOST_TABLES] if not cause.claims else []
        lines += [f"   {line}" for test in tables for line in test.message.splitlines()]
        lines += _names("goldens", [test.record.scenario for test in cause.goldens[len(tables) :]], width)
    return [*lines, *(_wrapped(drafts[0], width, "   ") if drafts else [])]


def last_lines(causes: Sequence[Cause], width: int) -> list[str]:
    """Return the last lines: how many causes there are, and each with the number of its red tests."""
    count = f"{len(causes)} cause" + ("s" if len(causes) > 1 else "")
    if len(causes) == 1:
        return _wrapped(f"RED: {count}: {causes[0].text} ({causes[0].counts})", width, "     ")
    shown = [
        _wrapped(f"  {number}. {cause.text} ({cause.counts})", width, "     ") for number, cause in enumerate(causes, start=1)
    ]
    return [f"RED: {count}", *(line for lines in shown for line in lines)]


def _field(test: RedTest[FieldCheck], width: int, *, in_full: bool) -> list[str]:
    """Return the message of a field: what was measured, what was expected, and what the author can do.

    If the field is the whole cause, the cause says already what was measured and expected.
    """
    first, *hints = (line.strip() for line in test.message.splitlines())
    lines = _labelled("contract", first.removeprefix("contract, ") if in_full else test.record.text, width)
    return lines + [line for hint in hints if not hint.startswith(DRAFT) for line in _labelled("", hint, width)]


def _in_short(check: FieldCheck) -> str:
    return f"{check.field} is {' or '.join(check.measured) or 'unknown'}, should be {check.declared}"


def _claim(test: RedTest[ClaimRecord], width: int) -> list[str]:
    """Return a claim in full, without the diagnosis, which is the cause, and with the verdicts that do not hold."""
    lines = _labelled("one claim", test.record.id, width)
    for line in test.message.splitlines()[1:]:
        label, text = line[2:LABEL].strip(), line[LABEL + 2 :].strip() if len(line) > LABEL else ""
        if label in ("claim", "run again", "scenario") or (label == "measured" and text.startswith("NO")):
            lines += _labelled(label, text.removeprefix("NO").strip(), width)
    if len(test.message.splitlines()) == 1:
        lines += _labelled("", test.message, width)
    return lines


def _names(label: str, names: Sequence[str], width: int) -> list[str]:
    """Return a wrapped list of names, cut after MOST_NAMES lines."""
    if not names:
        return []
    lines = _labelled(f"{label}", ", ".join(names), width)
    if len(lines) > MOST_NAMES:
        lines = [*lines[: MOST_NAMES - 1], " " * (LABEL + 3) + "... (all with -v)"]
    return lines


def _length(test: RedTest[ClaimRecord]) -> int:
    return len(test.message)


def _labelled(label: str, text: str, width: int) -> list[str]:
    """Return a text beside its label, wrapped, in a column of its own."""
    return _wrapped(f"   {label:<{LABEL}}{text}", width, " " * (LABEL + 3))


def wrapped(text: str, width: int) -> list[str]:
    """Return a line of the summary in lines of at most `width` characters."""
    return _wrapped(text, width, "  ")


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
