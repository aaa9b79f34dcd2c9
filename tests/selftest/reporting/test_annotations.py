"""Tests of the annotations for GitHub Actions: one a cause, at most ten, escaped."""

from __future__ import annotations

from harness.reporting.annotations import github_annotations
from harness.reporting.causes import Cause, RedTest
from harness.reporting.ledger import ClaimRecord

CLAIM = RedTest(ClaimRecord(id="one", scenario="s", status="failed", message=""), "")


def test_a_cause_is_one_annotation() -> None:
    assert github_annotations([Cause("mine:A behaves like coupled L2", [CLAIM, CLAIM])]) == [
        "::error title=decaygate (2 claims)::mine:A behaves like coupled L2"
    ]


def test_signs_with_a_meaning_are_escaped() -> None:
    """A comma in a title would end it, and a line end the whole command."""
    (line,) = github_annotations([Cause("50% off\nnext", [CLAIM], goldens=[])])
    assert line.endswith("::50%25 off%0Anext")


def test_at_most_ten_annotations_are_made() -> None:
    lines = github_annotations([Cause(f"cause {n}", [CLAIM]) for n in range(14)])

    assert len(lines) == 10
    assert lines[-1] == "::error title=decaygate::5 more causes stand in the log"
