"""Tests of the page summary.md: what is left to do, the causes, the scenarios."""

from __future__ import annotations

from pathlib import Path

from harness.reporting.causes import Cause, RedTest
from harness.reporting.ledger import ClaimRecord, Ledger
from harness.reporting.summary_page import summary_page, write_summary

HELD = ClaimRecord(id="it_holds", scenario="good", status="held", message="")
RED = ClaimRecord(id="it_fails", scenario="bad", status="failed", message="it_fails: m is 1; should be 2")
CAUSE = Cause("mine:A behaves like coupled L2 (weight_decay * w)", [RedTest(RED, RED.message)])
SUBJECTS = {"decoupled": "mine:A"}


def test_a_green_run_has_nothing_left_to_do() -> None:
    page = summary_page(Ledger(("it_holds",), ("it_holds",), (HELD,)), [], subjects=SUBJECTS, faults=[])

    assert page.splitlines() == [
        "# decaygate: green",
        "",
        "Nothing is left to do: every test that applies is green.",
        "",
        "decoupled: `mine:A`. 1 of 1 claims ran: 1 held, 0 failed.",
        "",
        "## Claims",
        "",
        "| scenario | claims |",
        "|---|---|",
        "| good | 1 held |",
    ]


def test_a_red_run_lists_causes_before_claims() -> None:
    """Stars and underscores of a text are no emphasis."""
    page = summary_page(Ledger((), (), (HELD, RED)), [CAUSE], subjects=SUBJECTS, faults=[])

    assert page.startswith("# decaygate: red, 1 cause\n\nFor each cause: correct the optimizer, or,")
    assert r"1. **mine:A behaves like coupled L2 (weight\_decay \* w)** (1 claim)" in page
    assert "   - claims: `it_fails`" in page
    assert page.index("## Causes") < page.index("## Claims")
    assert "| **bad** | 1 FAILED |" in page


def test_a_lost_test_is_red_without_a_cause() -> None:
    page = summary_page(Ledger((), (), (HELD,)), [], subjects=SUBJECTS, faults=["tests that were selected and did not run: x"])

    assert page.startswith("# decaygate: red\n\nThe optimizer has no red test, but the run is not complete: see below.")
    assert "- NOT GREEN: tests that were selected and did not run: x" in page


def test_the_page_is_written_beside_the_results(tmp_path: Path) -> None:
    assert write_summary(tmp_path, "text").read_text(encoding="utf-8") == "text"
    assert (tmp_path / "summary.md").exists()
