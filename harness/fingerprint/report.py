"""Report of a fingerprint: printed lines, one sentence, JSON, and the draft of a contract."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict
from typing import Any

from harness.fingerprint import phrases
from harness.fingerprint.finding import reason
from harness.fingerprint.process import Fingerprint, FingerprintLine
from harness.spec.contract import PROMISES, Contract, can_declare, complete, meets, role_of
from harness.spec.fields import FIELDS, RULE, UNSPECIFIED

SCHEMA = 1


def text(fingerprint: Fingerprint) -> Iterator[str]:
    """Yield the printed lines: `!` marks an answer that is unusual for the optimizer's role, `?` an unknown one.

    The closing sentence needs the coupling and the step rule, so it is left out if one of them was not asked.
    """
    unusual = _unusual_questions(fingerprint)
    options = "".join(f" {name}={value}" for name, value in fingerprint.options.items())
    yield f"fingerprint of {fingerprint.path}{options}"
    width = max((len(line.question) for line in fingerprint.lines), default=0)
    for section in dict.fromkeys(line.section for line in fingerprint.lines):
        yield f"\n{section}"
        for line in fingerprint.lines:
            if line.section == section:
                values = ", ".join(line.values) or "unknown"
                yield f"{_mark(line, unusual)} {line.question:<{width}}  {values:<14}  {line.text}".rstrip()
    for message in fingerprint.heard[:10]:
        yield f"\nthe optimizer {message}"
    if fingerprint.broken:
        yield f"\nended early: {fingerprint.broken}"
    if all(fingerprint.line(question) for question in ("coupling", "step_rule")):
        yield f"\n{sentence(fingerprint)}"


def sentence(fingerprint: Fingerprint) -> str:
    """Return one sentence of plain English about the optimizer; its unusual and unknown answers follow."""
    name = fingerprint.path.rpartition(":")[2]
    answers = {line.question: line for line in fingerprint.lines}
    summary = f"{name} takes {phrases.step(answers)} with {phrases.decay(answers)}."
    marked = _unusual_questions(fingerprint)
    unusual = [
        f"{line.question} ({', '.join(line.values)})"
        for line in fingerprint.lines
        if line.question in marked and not line.in_sentence
    ]
    unknown = [line.question for line in fingerprint.lines if not line.values]
    summary += f" Unusual for the role {_role(fingerprint)}: {', '.join(unusual)}." if unusual else ""
    return summary + (f" Not known: {', '.join(unknown)}." if unknown else "")


def content(fingerprint: Fingerprint) -> dict[str, Any]:
    """Return the object that `--json` prints."""
    return {
        "schema": SCHEMA,
        "optimizer": fingerprint.path,
        "options": dict(fingerprint.options),
        "sentence": sentence(fingerprint),
        "findings": [_finding(line, _unusual_questions(fingerprint)) for line in fingerprint.lines],
        "heard": list(fingerprint.heard),
        "broken": fingerprint.broken,
    }


def _finding(line: FingerprintLine, unusual: Collection[str]) -> dict[str, Any]:
    """Return an entry of `findings`; the text of the finding has the key `says`."""
    fields = {"says" if key == "text" else key: value for key, value in asdict(line).items() if key != "in_sentence"}
    return fields | {"unusual": line.question in unusual}


def draft(fingerprint: Fingerprint) -> str:
    """Return a contract of the measured values, with their evidence, for its author to review.

    It has a line for each field of the decay itself and of the update rule, and for every other field whose measured value is
    not the one that the contract would have without the line.
    """
    measured = {name: _declarable(name, fingerprint.line(name)) for name in FIELDS}
    rule = {name: measured[name][0] for name in RULE}
    role = role_of(rule)
    lines = [
        f"# Draft of a contract for {fingerprint.path} (role: {role}). Above each field: its question, and what was measured.",
        "# Keep the values that you intend, correct the others, and commit this file.",
        "# A field without a line has its usual value.",
    ]
    for name in [*RULE, *_unusual(fingerprint, complete(rule, role))]:
        value, evidence = measured[name]
        lines += ["", f"# {FIELDS[name].asks}", f"# {evidence}", f"{name}: {value}"]
    equivalent = "# equivalent_to: torch.optim:AdamW"
    hint = "# Not measured. If there is one, give its import path and remove the # from the next line."
    return "\n".join([*lines, "", f"# {FIELDS['equivalent_to'].asks}", hint, equivalent]) + "\n"


def _unusual(fingerprint: Fingerprint, assumed: Contract) -> list[str]:
    """Return the fields other than those of the rule whose measured value is not the assumed one."""
    lines = {line.question: line for line in fingerprint.lines}
    return [
        name
        for name in FIELDS
        if name not in RULE
        and assumed[name] != ""
        and not meets(name, assumed[name], lines[name].values if name in lines else ())
    ]


def _declarable(name: str, line: FingerprintLine | None) -> tuple[str, str]:
    """Return the value that a contract may declare for a field, and the evidence; a fault cannot be declared."""
    usual = FIELDS[name].usual
    shown = f"{usual:g}" if isinstance(usual, float) else usual
    if line is None:
        return UNSPECIFIED, "Not measured."
    if not line.values:
        return UNSPECIFIED, f"No value could be measured: {reason(line.text)}"
    is_number = isinstance(usual, float)
    faults = [value for value in line.values if value in FIELDS[name].faults or (is_number and not can_declare(name, value))]
    if faults:
        return (
            shown,
            f"Measured: {faults[0]}, a fault that no contract can declare. This test is red until the optimizer is corrected.",
        )
    if set(line.values) & set(FIELDS[name].met_by):
        return shown, f"Measured: {line.text}"
    if FIELDS[name].values and not set(line.values) & set(FIELDS[name].values):
        return UNSPECIFIED, f"The field has no value for what was measured: {line.text}"
    return (shown if shown in line.values else line.values[0]), f"Measured: {line.text}"


def _mark(line: FingerprintLine, unusual: Collection[str]) -> str:
    """Return `?` for an unknown answer, `!` for one of the `unusual` questions, and a space for others."""
    return "?" if not line.values else "!" if line.question in unusual else " "


def _role(fingerprint: Fingerprint) -> str:
    """Return the role that an optimizer with this coupling and step rule takes."""
    lines = (fingerprint.line(question) for question in ("coupling", "step_rule"))
    return role_of({line.question: line.values[0] for line in lines if line and line.values})


def _unusual_questions(fingerprint: Fingerprint) -> set[str]:
    """Return the questions whose answer does not meet the usual value of the optimizer's role."""
    usual = PROMISES[_role(fingerprint)]
    return {
        line.question
        for line in fingerprint.lines
        if line.values and usual.get(line.question, "") != "" and not meets(line.question, usual[line.question], line.values)
    }
