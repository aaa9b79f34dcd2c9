"""Report of a fingerprint: printed lines, one sentence, JSON, and the draft of a contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from harness.fingerprint import phrases
from harness.fingerprint.process import Fingerprint, FingerprintLine
from harness.spec.contract import FIELDS, UNSPECIFIED, role_of

SCHEMA = 1


def text(fingerprint: Fingerprint) -> Iterator[str]:
    """Yield the printed lines: `!` marks an unusual answer, `?` an unknown one."""
    options = "".join(f" {name}={value}" for name, value in fingerprint.options.items())
    yield f"fingerprint of {fingerprint.path}{options}"
    width = max((len(line.question) for line in fingerprint.lines), default=0)
    for section in dict.fromkeys(line.section for line in fingerprint.lines):
        yield f"\n{section}"
        for line in fingerprint.lines:
            if line.section == section:
                values = ", ".join(line.values) or "unknown"
                yield f"{_mark(line)} {line.question:<{width}}  {values:<14}  {line.says}".rstrip()
    for message in fingerprint.heard[:10]:
        yield f"\nthe optimizer {message}"
    if fingerprint.broken:
        yield f"\nended early: {fingerprint.broken}"
    yield f"\n{sentence(fingerprint)}"


def sentence(fingerprint: Fingerprint) -> str:
    """Return one sentence of plain English about the optimizer; its unusual and unknown answers follow."""
    name = fingerprint.path.rpartition(":")[2]
    answers = {line.question: line for line in fingerprint.lines}
    summary = f"{name} takes {phrases.step(answers)} with {phrases.decay(answers)}."
    unusual = [
        f"{line.question} ({', '.join(line.values)})" for line in fingerprint.lines if _mark(line) == "!" and not line.in_sentence
    ]
    unknown = [line.question for line in fingerprint.lines if not line.values]
    summary += f" Unusual: {', '.join(unusual)}." if unusual else ""
    return summary + (f" Not known: {', '.join(unknown)}." if unknown else "")


def content(fingerprint: Fingerprint) -> dict[str, Any]:
    """Return the object that `--json` prints."""
    return {
        "schema": SCHEMA,
        "optimizer": fingerprint.path,
        "options": dict(fingerprint.options),
        "sentence": sentence(fingerprint),
        "findings": [_finding(line) for line in fingerprint.lines],
        "heard": list(fingerprint.heard),
        "broken": fingerprint.broken,
    }


def _finding(line: FingerprintLine) -> dict[str, Any]:
    return {key: value for key, value in asdict(line).items() if key != "in_sentence"} | {"unusual": _mark(line) == "!"}


def draft(fingerprint: Fingerprint) -> str:
    """Return a contract of the measured values, each field with its evidence, for its author to review."""
    measured = {name: _declarable(name, fingerprint.line(name)) for name in FIELDS}
    role = role_of({name: value for name, (value, _) in measured.items()})
    lines = [
        f"# What {fingerprint.path} was measured to do, as a contract (role: {role}). A draft: keep what you promise,",
        "# change what you mean otherwise, and commit it. A field that you leave out is what the role usually promises.",
    ]
    for name, (value, evidence) in measured.items():
        lines += [f"# {FIELDS[name].asks} {evidence}".rstrip(), f"{name}: {value}" if value else f"# {name}: torch.optim:AdamW"]
    return "\n".join(lines) + "\n"


def _declarable(name: str, line: FingerprintLine | None) -> tuple[str, str]:
    """Return the value that a contract may declare for a field, and the evidence; a fault cannot be declared."""
    usual = FIELDS[name].usual
    if line is None:
        return ("" if usual == "" else UNSPECIFIED), ""
    faults = [value for value in line.values if value in FIELDS[name].faults]
    if faults:
        return str(usual), f"Measured: {faults[0]}, which is a fault and cannot be declared; the claims will say so."
    if not line.values:
        return UNSPECIFIED, f"Not known: {line.says}"
    if set(line.values) & set(FIELDS[name].met_by):
        return str(usual), f"Measured: {line.says}"
    if FIELDS[name].values and not set(line.values) & set(FIELDS[name].values):
        return UNSPECIFIED, f"Measured, and no value of this field: {line.says}"
    return (str(usual) if str(usual) in line.values else line.values[0]), f"Measured: {line.says}"


def _mark(line: FingerprintLine) -> str:
    """Return `?` for an unknown answer, `!` for an unusual one, and a space for others."""
    if not line.values:
        return "?"
    return "!" if line.usual and not set(line.values) & set(line.usual) else " "
