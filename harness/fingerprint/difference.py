"""Differences of two fingerprints: the questions that two optimizers answer with other words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.fingerprint.process import Fingerprint, FingerprintLine
from harness.fingerprint.report import SCHEMA, sentence

NOT_MEASURED = "not measured"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Difference:
    """A question that two optimizers answer with other words, and the line of each; None where it was not measured."""

    section: str
    question: str
    asks: str
    lines: tuple[FingerprintLine | None, FingerprintLine | None]


def differences(first: Fingerprint, second: Fingerprint) -> list[Difference]:
    """Return the questions whose answers differ, in the order of the fingerprint. Two unknown answers do not differ."""
    asked = {line.question: line for line in (*second.lines, *first.lines)}
    in_order = dict.fromkeys(line.question for line in (*first.lines, *second.lines))
    pairs = {question: (first.line(question), second.line(question)) for question in in_order}
    return [
        Difference(asked[question].section, question, asked[question].asks, pair)
        for question, pair in pairs.items()
        if _words(pair[0]) != _words(pair[1])
    ]


def text(first: Fingerprint, second: Fingerprint) -> Iterator[str]:
    """Yield the printed lines: how many answers differ, each of them with the line of both optimizers, and both sentences."""
    found = differences(first, second)
    names = _names((first, second))
    asked = len({line.question for line in (*first.lines, *second.lines)})
    yield f"{names[0]} against {names[1]}: {len(found)} of {asked} answers differ"
    width = max(map(len, names))
    for section in dict.fromkeys(one.section for one in found):
        yield f"\n{section}"
        for one in (one for one in found if one.section == section):
            yield f"  {one.question}: {one.asks}"
            yield from (
                f"    {name:<{width}}  {_words(line):<14}  {line.text if line else ''}".rstrip()
                for name, line in zip(names, one.lines, strict=True)
            )
    for name, fingerprint in zip(names, (first, second), strict=True):
        if fingerprint.broken:
            yield f"\n{name} ended early: {fingerprint.broken}"
    complete = [one for one in (first, second) if one.line("coupling") and one.line("step_rule")]
    yield from ("", *map(sentence, complete)) if complete else ()


def content(first: Fingerprint, second: Fingerprint) -> dict[str, Any]:
    """Return the object that `--json` prints."""
    return {
        "schema": SCHEMA,
        "optimizer": first.path,
        "options": dict(first.options),
        "against": second.path,
        "differences": [
            {"question": one.question, "section": one.section, "asks": one.asks, **_answers(one)}
            for one in differences(first, second)
        ],
        "broken": first.broken,
        "broken_against": second.broken,
    }


def _answers(one: Difference) -> dict[str, Any]:
    here, there = one.lines
    answers = {"values": here.values if here else None, "says": here.text if here else ""}
    return answers | {"against_values": there.values if there else None, "against_says": there.text if there else ""}


def _words(line: FingerprintLine | None) -> str:
    return NOT_MEASURED if line is None else ", ".join(line.values) or UNKNOWN


def _names(both: Sequence[Fingerprint]) -> list[str]:
    """Return the import path of each optimizer, with its constructor options."""
    return [one.path + "".join(f" {name}={value}" for name, value in one.options.items()) for one in both]
