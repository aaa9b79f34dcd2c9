"""Text format of the golden of a fingerprint, and the comparison of two fingerprints.

The answers are in words, one question a line, so that a changed answer is one changed line. An update rule that has no closed
form is recorded by numbers too, one a line.

    compared      how
    an answer     the words that fit; a number in words within SAME_STRENGTH. The sentence beside the words is not compared
    a number      of an update rule without a closed form, within the recorded tolerance
    new question  an answer that the file lacks is "not recorded yet", which is never a failure
    old question  an answer that decaygate no longer asks for is left out when the file is written again
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from harness.fingerprint.finding import Finding
from harness.goldens.compare import ComparisonRow, compare
from harness.goldens.file_format import FORMAT, GoldenError, numbers_of, numbers_text, origin_lines, read_head
from harness.goldens.origin import Origin
from harness.goldens.values import Exact, GoldenValue, Information
from harness.policy import SAME_STRENGTH

UNKNOWN = "unknown"
TOLERANCE_RATIO = 10.0  # a recorded tolerance may be this many times the computed one, which depends on the machine's rounding


@dataclass(frozen=True)
class Answer:
    """The words that fit, joined by " or ", and the sentence of the finding."""

    words: str
    text: str

    @classmethod
    def of(cls, finding: Finding) -> Answer:
        """Return the answer of a finding; its words are `unknown` if it has no value."""
        return cls(" or ".join(finding.values) or UNKNOWN, finding.text)


@dataclass(frozen=True)
class FingerprintRecording:
    """The answers by question, and the numbers of given steps; from a measurement or from a golden file."""

    optimizer: str
    answers: Mapping[str, Answer]
    steps: Mapping[str, GoldenValue]
    origin: Origin | None = None


@dataclass(frozen=True)
class AnswerRow:
    """One question whose recorded and measured words differ."""

    question: str
    recorded: str
    measured: Answer


def changed_answers(obtained: FingerprintRecording, golden: FingerprintRecording) -> list[AnswerRow]:
    """Return the questions of both sides whose words differ, in the order in which they are asked."""
    return [
        AnswerRow(question, golden.answers[question].words, answer)
        for question, answer in obtained.answers.items()
        if question in golden.answers and not _same_words(answer.words, golden.answers[question].words)
    ]


def changed_numbers(obtained: FingerprintRecording, golden: FingerprintRecording) -> list[ComparisonRow]:
    """Return one row for each number of given steps, compared within the recorded tolerance.

    There are none if only one side has numbers: then the answer about the update rule has changed, or it was not recorded yet.
    """
    if not (obtained.steps and golden.steps):
        return []
    received = {name: _with_recorded_tolerance(value, golden.steps.get(name)) for name, value in obtained.steps.items()}
    return compare(received, golden.steps)


def merge(obtained: FingerprintRecording, golden: FingerprintRecording) -> FingerprintRecording:
    """Return the recording to write over `golden`: answers and numbers that have not changed keep their lines."""
    changed = {row.question for row in changed_answers(obtained, golden)}
    answers = {
        question: golden.answers[question] if question in golden.answers and question not in changed else answer
        for question, answer in obtained.answers.items()
    }
    kept = {row.measure for row in changed_numbers(obtained, golden) if row.ok}
    steps = {name: golden.steps[name] if name in kept else value for name, value in obtained.steps.items()}
    unchanged = answers == golden.answers and steps == golden.steps
    return replace(obtained, answers=answers, steps=steps, origin=golden.origin if unchanged else obtained.origin)


def dump(recording: FingerprintRecording) -> str:
    """Return the text of a golden file: one answer a line, then one number a line."""
    answers = [
        f"  {json.dumps(question)}: {json.dumps({'is': answer.words, 'text': answer.text}, ensure_ascii=False)}"
        for question, answer in sorted(recording.answers.items())
    ]
    head = f'{{\n "format": {FORMAT},\n "fingerprint": {json.dumps(recording.optimizer)},\n' + origin_lines(recording.origin)
    return head + ' "answers": {\n' + ",\n".join(answers) + "\n },\n" + numbers_text("steps", recording.steps) + "}\n"


def parse(text: str) -> FingerprintRecording:
    """Return the recording of a text that `dump` wrote. Raises GoldenError, with the name of the line, for any other text."""
    fields, origin, _ = read_head(text, "fingerprint", "answers", "steps")
    nodes = cast(dict[str, Any], fields["answers"])
    answers = {question: _answer(question, node) for question, node in nodes.items()}
    return FingerprintRecording(fields["fingerprint"], answers, numbers_of(cast(dict[str, Any], fields["steps"])), origin)


def _answer(question: str, node: Any) -> Answer:
    if not isinstance(node, dict) or set(node) != {"is", "text"} or not all(isinstance(part, str) for part in node.values()):
        raise GoldenError(f"answers.{question}: expected an object with the texts 'is' and 'text', got {node!r}")
    return Answer(node["is"], node["text"])


def _same_words(new: str, old: str) -> bool:
    """Return True if the same words fit, in any order; two numbers are the same within SAME_STRENGTH."""
    words, recorded = sorted(new.split(" or ")), sorted(old.split(" or "))
    return words == recorded or (
        len(words) == len(recorded) and all(_same_number(*pair) for pair in zip(words, recorded, strict=True))
    )


def _same_number(new: str, old: str) -> bool:
    try:
        return math.isclose(float(new), float(old), rel_tol=SAME_STRENGTH)
    except ValueError:
        return new == old


def _with_recorded_tolerance(value: GoldenValue, recorded: GoldenValue | None) -> GoldenValue:
    """Return a number with the recorded tolerance, unless that one was edited: it is far from the computed one."""
    if isinstance(value, Exact) and isinstance(recorded, Exact):
        near = value.atol / TOLERANCE_RATIO <= recorded.atol <= value.atol * TOLERANCE_RATIO
        return replace(value, atol=recorded.atol) if near else value
    if isinstance(value, Information) and isinstance(recorded, Exact):  # its response lies at the edge of what is compared
        return replace(recorded, value=value.mean)
    return Information.of([value.value]) if isinstance(value, Exact) and isinstance(recorded, Information) else value
