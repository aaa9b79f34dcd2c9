"""Tests of the golden of a fingerprint: written and read unchanged, compared by words and within tolerances, merged by line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.fingerprint.finding import Finding
from harness.goldens.file_format import FORMAT, GoldenError
from harness.goldens.fingerprint_file import Answer, FingerprintRecording, changed_answers, changed_numbers, dump, merge, parse
from harness.goldens.origin import Origin
from harness.goldens.values import Exact, GoldenValue, Information

ORIGIN = Origin({"subject.decoupled": "mine:Mine", "commit": "abc", "torch": "2.13.0"})
ANSWERS = {
    "order": Answer("before or proximal", "before it"),
    "strength": Answer("1", "1 x"),
    "mask": Answer("unknown", "no decay"),
}
STEPS: dict[str, GoldenValue] = {"matrix.plain.step_01": Exact(0.5, 0.0, 1e-12), "vector.plain.step_01": Information.of([0.25])}
GOLDEN = FingerprintRecording("mine:Mine", ANSWERS, STEPS, ORIGIN)


def with_answer(question: str, words: str) -> FingerprintRecording:
    """Return the recording with another answer, measured at another commit."""
    origin = Origin({**ORIGIN.facts, "commit": "def"})
    return replace(GOLDEN, answers={**ANSWERS, question: Answer(words, "measured again")}, origin=origin)


def with_number(name: str, value: GoldenValue) -> FingerprintRecording:
    """Return the recording with another number of the given steps."""
    return replace(GOLDEN, steps={**STEPS, name: value})


@pytest.mark.parametrize("recording", [GOLDEN, replace(GOLDEN, steps={}), replace(GOLDEN, origin=None)])
def test_a_recording_is_unchanged_after_writing_and_reading(recording: FingerprintRecording) -> None:
    """Also without numbers, and without an origin."""
    assert parse(dump(recording)) == recording


def test_the_text_has_one_answer_a_line() -> None:
    """A changed answer changes one line; its sentence stands beside it."""
    assert '  "order": {"is": "before or proximal", "text": "before it"},' in dump(GOLDEN).splitlines()


def test_a_finding_without_a_value_is_recorded_as_unknown() -> None:
    assert Answer.of(Finding((), "not known: x")) == Answer("unknown", "not known: x")
    assert Answer.of(Finding(("a", "b"), "both")) == Answer("a or b", "both")


@pytest.mark.parametrize(
    ("question", "words", "changed"),
    [
        ("order", "proximal or before", False),
        ("order", "before", True),
        ("order", "unknown", True),
        ("strength", "1.0000000001", False),
        ("strength", "1.001", True),
        ("strength", "unknown", True),
        ("mask", "none", True),
    ],
)
def test_answers_are_compared_by_their_words(question: str, words: str, changed: bool) -> None:
    """The order of the words does not count, and neither does the sentence."""
    rows = changed_answers(with_answer(question, words), GOLDEN)
    assert [(row.question, row.recorded, row.measured.words) for row in rows] == (
        [(question, ANSWERS[question].words, words)] if changed else []
    )


def test_a_question_of_one_side_only_is_no_change() -> None:
    """A new question is not recorded yet, and one that is no longer asked leaves the file when it is written again."""
    new = replace(GOLDEN, answers={**ANSWERS, "new": Answer("yes", "")})
    assert changed_answers(new, GOLDEN) == changed_answers(GOLDEN, new) == []
    assert set(merge(GOLDEN, new).answers) == set(ANSWERS)
    assert set(merge(new, GOLDEN).answers) == {*ANSWERS, "new"}


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (Exact(0.5 + 0.9e-12, 0.0, 5e-13), "same"),
        (Exact(0.5 + 1.1e-12, 0.0, 5e-13), "moved"),
        (Exact(0.5, 0.0, 1e-15), "tolerance changed"),
        (Information.of([0.5]), "same"),
        (Information.of([0.6]), "moved"),
    ],
)
def test_numbers_are_compared_within_the_recorded_tolerance(value: GoldenValue, status: str) -> None:
    """The measured tolerance may differ a little; a recorded one that is far from it was edited."""
    rows = changed_numbers(with_number("matrix.plain.step_01", value), GOLDEN)
    assert [row.status for row in rows] == [status, "information"]


def test_numbers_of_one_side_only_are_not_compared() -> None:
    """The answer about the update rule differs then."""
    assert changed_numbers(replace(GOLDEN, steps={}), GOLDEN) == changed_numbers(GOLDEN, replace(GOLDEN, steps={})) == []


def test_unchanged_lines_are_kept_when_the_file_is_written_again() -> None:
    """Only the changed answer has the new sentence; without a change the origin is kept too."""
    merged = merge(with_answer("order", "after"), GOLDEN)
    assert merged.answers == {**ANSWERS, "order": Answer("after", "measured again")}
    assert merged.origin != ORIGIN
    assert merge(with_answer("order", "proximal or before"), GOLDEN) == GOLDEN
    moved = Exact(0.7, 0.0, 1e-12)
    assert merge(with_number("matrix.plain.step_01", moved), GOLDEN).steps["matrix.plain.step_01"] == moved


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"is": "1"', '"is": 1', "answers.strength: expected an object with the texts"),
        (', "text": "1 x"', "", "answers.strength: expected an object with the texts"),
        ('"answers": {', '"answer": {', "the keys 'fingerprint', 'answers', 'steps'"),
        (f'"format": {FORMAT}', f'"format": {FORMAT + 1}', "recorded by a newer decaygate"),
        (f'"format": {FORMAT}', '"format": true', "format: expected a number"),
        ('"value": 0.5', '"value": "0.5"', "expected a number"),
    ],
)
def test_broken_files_are_refused_with_the_reason(old: str, new: str, why: str) -> None:
    text = dump(GOLDEN)
    assert old in text
    with pytest.raises(GoldenError, match=why):
        parse(text.replace(old, new))
