"""Tests of the comparison of two fingerprints: only answers in other words differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.cli.main import main
from harness.fingerprint.difference import content, differences, text
from harness.fingerprint.process import Fingerprint
from tests.selftest.fingerprint.test_report import ADAMW, changed, line

OTHER = replace(changed(line("coupling", "coupled_l2"), line("order", "inside")), path="mine:Other", options={"eps": 1})


def test_equal_answers_are_no_difference() -> None:
    """Texts and numbers differ from run to run. Two unknown answers are no difference, whatever the reasons."""
    first = changed(line("strength"), replace(line("scale", "lr"), text="to 2e-15", numbers={"gap": 2e-15}))
    second = changed(replace(line("strength"), text="another reason"), replace(line("scale", "lr"), text="to 3e-15"))

    assert differences(first, second) == []
    assert next(iter(text(first, second))) == f"mine:MyAdamW against mine:MyAdamW: 0 of {len(ADAMW.lines)} answers differ"


def test_only_the_answers_that_differ_are_printed() -> None:
    """Each has its question and the line of both optimizers. Both sentences follow."""
    lines = list(text(ADAMW, OTHER))

    assert lines[:8] == [
        f"mine:MyAdamW against mine:Other eps=1: 2 of {len(ADAMW.lines)} answers differ",
        "\ndecay",
        "  coupling: coupling?",
        "    mine:MyAdamW      decoupled       says coupling",
        "    mine:Other eps=1  coupled_l2      says coupling",
        "  order: order?",
        "    mine:MyAdamW      before          says order",
        "    mine:Other eps=1  inside          says order",
    ]
    assert [line.split()[0] for line in lines[9:]] == ["MyAdamW", "Other"]


def test_an_unknown_or_unmeasured_answer_is_a_difference() -> None:
    """An optimizer that crashed has no line for the later questions, and the reason is printed."""
    short = Fingerprint("mine:Dies", {}, (line("coupling"),), broken="the process died")
    long = Fingerprint("mine:Lives", {}, (line("coupling", "decoupled"), line("order", "before")))

    lines = list(text(short, long))

    assert [one.question for one in differences(short, long)] == ["coupling", "order"]
    assert "    mine:Dies   unknown         says coupling" in lines
    assert "    mine:Dies   not measured" in lines
    assert lines[-1] == "\nmine:Dies ended early: the process died"


def test_the_json_has_the_words_of_both() -> None:
    (coupling, order) = content(ADAMW, OTHER)["differences"]

    assert (coupling["question"], coupling["values"], coupling["against_values"]) == (
        "coupling",
        ("decoupled",),
        ("coupled_l2",),
    )
    assert order["against_says"] == "says order"


def test_a_comparison_measures_both_optimizers(capsys: pytest.CaptureFixture[str]) -> None:
    """`--options` are those of the first one."""
    arguments = ["torch.optim:Adam", "--against", "torch.optim:Adam", "--only", "coupling", "step_rule"]

    code = main(["fingerprint", *arguments, "--options", '{"decoupled_weight_decay": true}'])

    out = capsys.readouterr().out
    assert code == 0
    assert out.startswith("torch.optim:Adam decoupled_weight_decay=True against torch.optim:Adam: 1 of 2 answers differ\n")
    assert "coupled_l2" in out


def test_a_draft_of_a_comparison_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is measured before."""
    assert main(["fingerprint", "no:A", "--against", "no:B", "--write-contract", "x.yaml"]) == 4

    assert "--write-contract: expected one optimizer" in capsys.readouterr().err
