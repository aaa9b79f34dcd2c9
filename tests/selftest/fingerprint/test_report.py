"""Tests of the report of a fingerprint: lines, marks, sentence, JSON and draft contract."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.fingerprint.ask import QUESTIONS
from harness.fingerprint.process import Fingerprint, FingerprintLine
from harness.fingerprint.report import content, draft, sentence, text
from harness.spec.contract import PROMISES, complete, load
from harness.spec.fields import FIELDS, RULE

IN_SENTENCE = {question.name for question in QUESTIONS if question.in_sentence}


def line(question: str, *values: str, usual: tuple[str, ...] = (), section: str = "decay") -> FingerprintLine:
    """Return a line of a fingerprint, with texts made of its question."""
    return FingerprintLine(question, section, f"{question}?", values, f"says {question}", usual, question in IN_SENTENCE)


_HANDLING = [name for name in FIELDS if name not in (*RULE, "none_gradient", "maximize", "paths", "equivalent_to")]
ADAMW = Fingerprint(
    "mine:MyAdamW",
    {},
    (
        line("precision", "float64", section="precision"),
        line("step_rule", "adam", section="update"),
        line("coupling", "decoupled"),
        line("scale", "lr"),
        line("order", "before"),
        line("mask", "none"),
        line("strength", "1"),
        line("groups", "own"),
        line("zero_gradient", "decays"),
        line("none_gradient", "untouched", section="parameters"),
        line("maximize", "absent", section="steps"),
        line("paths", "agree", section="options"),
        *(line(name, str(FIELDS[name].usual) or "0.01", section="handling") for name in _HANDLING),
    ),
)


def changed(*lines: FingerprintLine) -> Fingerprint:
    """Return AdamW's fingerprint with some lines replaced, and others added."""
    new = {line.question: line for line in lines}
    replaced = tuple(new.pop(line.question, line) for line in ADAMW.lines)
    return replace(ADAMW, lines=(*replaced, *new.values()))


def test_the_sentence_gives_rule_decay_scale_and_order() -> None:
    assert sentence(ADAMW) == (
        "MyAdamW takes Adam's step with decoupled weight decay, times the current learning rate, before the update."
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([line("coupling", "none")], "with no weight decay at all: weight_decay changes nothing."),
        (
            [line("coupling", "coupled_l2"), line("strength", "0.5")],
            "so it passes through the update rule) of half the strength.",
        ),
        (
            [line("coupling", "coupled_l2", "decoupled")],
            "with weight decay that is both coupled L2 and decoupled (without momentum they are equal).",
        ),
        ([line("coupling")], "with weight decay of no known form (says coupling). Not known: coupling."),
        ([line("strength", "2")], "with decoupled weight decay of twice the strength, times the current learning rate"),
        ([line("order", "before", "after")], "times the current learning rate, before the update or after the update."),
        ([line("mask", "cautious")], "before the update, only where the update moves the weight toward zero."),
        (
            [line("none_gradient", "decays", usual=("untouched",))],
            "before the update. Unusual for the role decoupled: none_gradient (decays).",
        ),
        ([line("scale", "previous_lr")], "times the learning rate of the step before"),
    ],
)
def test_the_sentence_gives_every_difference_from_adamw(lines: list[FingerprintLine], expected: str) -> None:
    """An unknown answer is a difference too."""
    assert expected in sentence(changed(*lines))


def test_lines_are_grouped_by_section_and_marked() -> None:
    """An exclamation mark is for unusual answers, a question mark for unknown ones; the sentence comes last."""
    lines = list(
        text(
            replace(
                changed(line("none_gradient", "decays", usual=("untouched",)), line("order")),
                heard=("prints: x",),
                broken="it died",
            )
        )
    )

    assert lines[0] == "fingerprint of mine:MyAdamW"
    assert [printed for printed in lines if printed.startswith("\n")][:4] == [
        "\nprecision",
        "\nupdate",
        "\ndecay",
        "\nsteps",
    ]
    assert [printed.split() for printed in lines if printed.startswith("! ")] == [
        ["!", "none_gradient", "decays", "says", "none_gradient"]
    ]
    assert [printed.split() for printed in lines if printed.startswith("? ")] == [["?", "order", "unknown", "says", "order"]]
    assert lines[-3:-1] == ["\nthe optimizer prints: x", "\nended early: it died"]
    assert lines[-1].startswith("\nMyAdamW takes ")


def test_the_json_holds_the_sentence_and_all_findings() -> None:
    parsed = json.loads(json.dumps(content(changed(line("none_gradient", "decays", usual=("untouched",))))))

    assert parsed["schema"] == 1
    assert parsed["sentence"] == sentence(changed(line("none_gradient", "decays", usual=("untouched",))))
    assert [finding["question"] for finding in parsed["findings"] if finding["unusual"]] == ["none_gradient"]
    keys = ["question", "section", "asks", "values", "says", "usual", "numbers", "unusual"]
    assert all(list(finding) == keys for finding in parsed["findings"])
    assert parsed["findings"][0]["says"] == f"says {parsed['findings'][0]['question']}"


def test_a_draft_is_a_contract_of_the_measured_values(tmp_path: Path) -> None:
    """AdamW's draft is the contract of its role, and each field of the decay has its evidence in a comment."""
    path = tmp_path / "drafted.yaml"
    path.write_text(draft(ADAMW), encoding="utf-8")

    assert complete(load(path, root=tmp_path), "decoupled") == PROMISES["decoupled"]
    assert all(f"Measured: says {name}" in draft(ADAMW) for name in RULE)


def test_a_draft_has_a_line_for_each_unusual_answer(tmp_path: Path) -> None:
    """A field of handling has a line only if the contract would have another value without it."""
    path = tmp_path / "drafted.yaml"
    unusual = changed(line("one_dim", "not_decayed"), line("clip", "decay_too"), line("nan_gradient"), line("element_wise", "no"))
    path.write_text(draft(unusual), encoding="utf-8")

    added = {name: value for name, value in load(path, root=tmp_path).items() if name not in RULE}
    assert added == {"one_dim": "not_decayed", "nan_gradient": "unspecified", "element_wise": "no"}


def test_a_draft_leaves_out_what_follows_from_the_rule(tmp_path: Path) -> None:
    """SGD's update is not scale-free, and Adam's constants mean nothing to it."""
    path = tmp_path / "drafted.yaml"
    rule = [line("step_rule", "sgd"), line("scale_free", "no"), line("adam_options", "absent"), line("adam_eps", "absent")]
    path.write_text(draft(changed(*rule)), encoding="utf-8")

    assert set(load(path, root=tmp_path)) == set(RULE)


@pytest.mark.parametrize(
    ("changes", "field", "declared", "evidence"),
    [
        (line("scale", "constant"), "scale", "constant", "Measured: says scale"),
        (line("scale", "previous_lr"), "scale", "lr", "Measured: previous_lr, a fault that no contract can declare."),
        (line("strength", "-1"), "strength", 1.0, "Measured: -1, a fault that no contract can declare."),
        (line("order"), "order", "unspecified", "No value could be measured: says order"),
        (line("coupling", "coupled_l2", "decoupled"), "coupling", "decoupled", "Measured: says coupling"),
        (line("strength", "0.5"), "strength", 0.5, "Measured: says strength"),
    ],
)
def test_a_draft_declares_no_fault_and_no_unknown_value(
    tmp_path: Path, changes: FingerprintLine, field: str, declared: str | float, evidence: str
) -> None:
    """A field with an unknown value is unspecified."""
    path = tmp_path / "drafted.yaml"
    path.write_text(draft(changed(changes)), encoding="utf-8")

    assert load(path, root=tmp_path)[field] == declared
    assert evidence in path.read_text(encoding="utf-8")
