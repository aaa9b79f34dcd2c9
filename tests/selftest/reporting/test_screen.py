"""Tests of the last screen of a run: the order of its parts, and which lines are red."""

from __future__ import annotations

from harness.reporting.causes import Cause, RedTest
from harness.reporting.ledger import ClaimRecord, Ledger
from harness.reporting.screen import MOST_OUTPUT, RunEnd, screen

HELD = ClaimRecord(id="it_holds", scenario="good", status="held", message="", measured=1.0, expected="at most 2")
RED = ClaimRecord(id="it_fails", scenario="bad", status="failed", message="it_fails: m is 1; should be 2")
GREEN = Ledger(("it_holds",), ("it_holds",), (HELD,))
BOTH = Ledger(("it_holds", "it_fails"), ("it_holds", "it_fails"), (HELD, RED))
CAUSE = Cause("mine:A behaves like coupled L2", [RedTest(RED, RED.message)])


def test_a_green_run_has_a_row_for_each_scenario() -> None:
    lines = screen(RunEnd(GREEN, [], left_out=["left out: x"]), width=80, verbose=False)

    assert [line.text for line in lines] == ["good      1 held", "left out: x", "1 of 1 claims ran: 1 held, 0 failed"]
    assert not any(line.red for line in lines)


def test_a_red_run_ends_in_its_causes() -> None:
    """The table, the cause in full, notes, and last the cause in short, which is red."""
    lines = screen(RunEnd(BOTH, [CAUSE], notes=["a file was written"]), width=80, verbose=False)

    texts = [line.text for line in lines]
    assert texts[:3] == [
        "bad       1 FAILED",
        "1 other scenarios are green (-v lists every claim)",
        "1. mine:A behaves like coupled L2",
    ]
    assert texts[-2:] == ["a file was written", "RED: 1 cause: mine:A behaves like coupled L2 (1 claim)"]
    assert [line.text for line in lines if line.red] == [texts[0], texts[-1]]


def test_a_verbose_run_has_a_row_for_each_claim() -> None:
    (row, *_) = screen(RunEnd(GREEN, []), width=120, verbose=True)
    assert " ".join(row.text.split()) == "it_holds held 1; should be at most 2"


def test_long_output_of_the_subject_is_cut() -> None:
    lines = screen(RunEnd(GREEN, [], subject_output=[f"prints: {n}" for n in range(50)]), width=80, verbose=False)
    assert sum(line.text.startswith("the subject prints: ") for line in lines) == MOST_OUTPUT
