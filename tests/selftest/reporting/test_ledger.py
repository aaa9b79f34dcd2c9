"""Does the ledger count what ran and what did not, and do the table and results.json say it?"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from harness.catalog.load import load
from harness.measurement import Measurement
from harness.reporting import ledger, manifest, summary_table
from harness.reporting.ledger import ClaimRecord, GoldenRecord, Ledger
from harness.reporting.manifest import read_manifest, write_manifest
from harness.reporting.results_json import results, write_results
from harness.run import Result
from harness.spec.scenario import Citation, Claim, Counterexample, Expectation
from harness.subject.roles import DEFAULTS, Subjects
from harness.verdicts.contract_check import FieldCheck
from harness.verdicts.outcome import ClaimOutcome, ClaimStatus, decide
from tests.selftest.scenario_files import write

LINE = ClaimRecord(
    id="it_is_so",
    scenario="row",
    sources=("a_page, one",),
    established="holds",
    status="held",
    measured=1.0,
    expected="at most 2",
    margin=1.0,
    message="",
)


def book(*statuses: ClaimStatus, expected: int = 9, selected: int = 7) -> Ledger:
    """Return a ledger with a line of each status; claims are named c0, c1, ..."""
    lines = tuple(replace(LINE, id=f"c{index}", status=status) for index, status in enumerate(statuses))
    return Ledger(tuple(f"c{n}" for n in range(expected)), tuple(f"c{n}" for n in range(selected)), lines)


def outcome(value: float, *, failure: str = "") -> ClaimOutcome:
    """Return the outcome of a claim that expects at most 2."""
    expect = (Expectation("a", "m", "at_most", value=2.0),)
    sources = (Citation("a_page", "one", "S0-01"), Citation("b_page", "two"))
    claim = Claim("it_is_so", "", sources, "", "", "refuted", expect, Counterexample())
    return decide(claim, Result({"a": {"m": Measurement(value, "u")}}, {}, {"a": failure} if failure else {}))


# --- counting -------------------------------------------------------------------------------------------------------


def test_every_status_is_counted() -> None:
    """Beside what was expected, what was selected and what ran."""
    counts = book("held", "held", "refuted_as_documented", "failed", "error", "not_applicable", "expected_failure").counts()

    assert counts == {
        "expected": 9,
        "selected": 7,
        "ran": 6,
        "held": 2,
        "refuted_as_documented": 1,
        "not_applicable": 1,
        "expected_failure": 1,
        "failed": 1,
        "error": 1,
    }


def test_the_sentence_says_failures_even_when_there_are_none() -> None:
    """And every other status only when it occurred."""
    assert book("held", "held", expected=5).sentence() == "2 of 5 claims ran: 2 held, 0 failed"
    assert (
        book("refuted_as_documented", "error").sentence()
        == "2 of 9 claims ran: 0 held, 1 refuted as documented, 0 failed, 1 errors"
    )


def test_a_selected_claim_that_did_not_run_is_missing() -> None:
    """One that was not selected is not."""
    assert book("held", "failed", selected=4).missing == ["c2", "c3"]
    assert book("held", "failed", selected=2).missing == []


# --- lines ----------------------------------------------------------------------------------------------------------


def test_a_line_holds_what_decided() -> None:
    """The sources with their sections, the number, its margin and the words around it."""
    line = ledger.claim_record(outcome(1.5), "row", expected="at most 2", message="m")

    assert line == replace(
        LINE,
        sources=("a_page, one", "b_page, two"),
        established="refuted",
        status="refuted_as_documented",
        measured=1.5,
        margin=0.5,
        message="m",
    )


def test_a_line_comes_back_from_its_record() -> None:
    """As JSON and xdist carry it, with lists for tuples, and with its keys in their order."""
    record = json.loads(json.dumps(asdict(LINE)))

    assert ClaimRecord.from_record(record) == LINE
    assert list(record) == [
        *("id", "scenario", "sources", "established", "status", "measured", "expected", "margin", "message"),
    ]


@pytest.mark.parametrize("case", [outcome(math.nan), outcome(1.0, failure="it raised")])
def test_a_line_without_a_number_has_none(case: ClaimOutcome) -> None:
    """NaN is no JSON, and a subject that broke measured nothing."""
    line = ledger.claim_record(case, "row", expected="", message="why")

    assert (line.status, line.margin, line.message) == ("failed", None, "why")
    assert line.measured is None


# --- what does not apply, and what is promised ----------------------------------------------------------------------


def test_a_claim_that_does_not_apply_is_a_line_with_its_reason(tmp_path: Path) -> None:
    """It is counted, and did not run."""
    loaded = load(write(tmp_path))["row"]

    apart = ledger.not_applicable(loaded, loaded.scenario.claims[0], "needs step_rule: adam, the contract says sign")
    counts = Ledger((apart.id, "it_is_so"), ("it_is_so",), (apart, LINE)).counts()

    assert (apart.status, apart.measured, apart.message) == (
        "not_applicable",
        None,
        "needs step_rule: adam, the contract says sign",
    )
    assert (counts["ran"], counts["not_applicable"], counts["held"]) == (1, 1, 1)


def test_the_sentence_counts_the_promises_that_are_met() -> None:
    """After the claims; nothing is said where nothing was asked."""
    promises = tuple(FieldCheck("decoupled", name, "x", ("x",), "", met) for name, met in (("scale", True), ("order", False)))

    said = replace(book("held", expected=1), promises=promises).sentence()

    assert said == "1 of 1 claims ran: 1 held, 0 failed; 1 of 2 fields of the contract met"


def test_the_sentence_counts_goldens_by_what_came_of_them() -> None:
    """Only what occurred; they stand in results.json one by one, with their origin."""
    statuses = ("compared", "compared", "recorded", "not_applicable", "failed")
    goldens = tuple(GoldenRecord(f"g{n}", status, {"torch": "2"}, "m") for n, status in enumerate(statuses))
    one = replace(book("held", expected=1), goldens=goldens)

    content = results(one, subjects=Subjects(DEFAULTS), environment={}, subject_output=(), tests={})

    assert one.sentence() == (
        "1 of 1 claims ran: 1 held, 0 failed; goldens: 2 as recorded, 1 recorded, 1 not applicable, 1 failed"
    )
    assert content["golden_counts"] == {"compared": 2, "recorded": 1, "not_applicable": 1, "failed": 1, "error": 0}
    assert content["golden"][2] == {
        "scenario": "g2",
        "status": "recorded",
        "origin": {"torch": "2"},
        "message": "m",
        "attribution": "",
    }


# --- the manifest ---------------------------------------------------------------------------------------------------


def test_the_manifest_is_one_claim_a_line_sorted(tmp_path: Path) -> None:
    """So that a claim that disappears is a line that disappears."""
    path = tmp_path / "claims.txt"

    write_manifest(path, {"b_is": "", "a_is": "holds: so", "c_is": ""})

    assert path.read_text(encoding="utf-8") == "a_is holds: so\nb_is\nc_is\n"
    assert read_manifest(path) == {"a_is": "holds: so", "b_is": "", "c_is": ""}


def test_what_a_claim_asserts_is_one_line(tmp_path: Path) -> None:
    """Verdict, every expectation with its numbers, and what must fail it: none can be weakened without the line changing."""
    claim = load(write(tmp_path))["row"].scenario.claims[0]
    line = manifest.asserted(claim)

    weaker = [
        replace(claim, established="holds_when"),
        replace(claim, expect=claim.expect[1:]),
        replace(claim, expect=(replace(claim.expect[0], relation="at_most", value=9.0), *claim.expect[1:])),
        replace(claim, expect=(replace(claim.expect[0], tolerance=0.5), *claim.expect[1:])),
        replace(claim, counterexample=replace(claim.counterexample, mutants=("Another",))),
    ]

    assert line.startswith(f"{claim.established}: ")
    assert len({line, *map(manifest.asserted, weaker)}) == 1 + len(weaker)


def test_an_unchanged_manifest_is_not_written(tmp_path: Path) -> None:
    """And one that was never written lists nothing."""
    path = tmp_path / "claims.txt"
    assert read_manifest(path) == {}
    write_manifest(path, {"a_is": ""})
    before = path.stat().st_mtime_ns

    write_manifest(path, {"a_is": ""})

    assert path.stat().st_mtime_ns == before


# --- results.json ---------------------------------------------------------------------------------------------------


def test_results_hold_the_documented_keys(tmp_path: Path) -> None:
    """Written as JSON that every parser reads."""
    content = results(
        book("held", "failed"),
        subjects=Subjects({**DEFAULTS, "coupled": "a.b:C"}, ("coupled",)),
        environment={"torch": "2"},
        subject_output=["prints: hello"],
        tests={"selected": 4, "ran": 4, "left_out": {}, "faults": []},
    )

    path = write_results(tmp_path / "new" / "folder", content)

    read = json.loads(path.read_text(encoding="utf-8"))
    assert path == tmp_path / "new" / "folder" / "results.json"
    assert {key: read[key] for key in ("schema", "expected", "selected", "environment", "heard")} == {
        "schema": 1,
        "expected": 9,
        "selected": 7,
        "environment": {"torch": "2"},
        "heard": ["prints: hello"],
    }
    assert read["subject"] == {
        "decoupled": DEFAULTS["decoupled"],
        "coupled": "a.b:C",
        "sgd": DEFAULTS["sgd"],
        "under_test": ["coupled"],
    }
    assert read["counts"] == book("held", "failed").counts()
    assert read["claims"][1] == {
        "id": "c1",
        "scenario": "row",
        "sources": ["a_page, one"],
        "established": "holds",
        "status": "failed",
        "measured": 1.0,
        "expected": "at most 2",
        "margin": 1.0,
        "message": "",
    }


def test_a_number_that_is_not_finite_never_reaches_results(tmp_path: Path) -> None:
    """It is refused instead of written as a literal that is no JSON."""
    with pytest.raises(ValueError, match="JSON"):
        write_results(tmp_path, {"x": math.nan})


# --- the table ------------------------------------------------------------------------------------------------------


def test_the_table_has_one_row_a_claim_and_failures_last() -> None:
    """Next to the prompt, where they are read first."""
    lines = [
        replace(LINE, id="broken", scenario="a", status="error", measured=None, margin=None, expected="", message="it raised"),
        replace(LINE, id="wrong", scenario="b", status="failed", measured=2.5, margin=-0.5),
        replace(LINE, id="refuted", scenario="d", status="refuted_as_documented"),
        replace(LINE, id="right", scenario="c", measured=0.12345678),
    ]

    rows = summary_table.rows(lines)

    texts = [row.text for row in rows]
    assert [text.split()[0] for text in texts] == ["claim", "right", "refuted", "broken", "wrong"]
    assert [row.red for row in rows] == [False, False, False, True, True]
    assert texts[1].split() == ["right", "held", "0.123457", "1", "at", "most", "2"]
    assert texts[2].split("  ")[1].strip() == "refuted, as known"
    assert texts[3].split() == ["broken", "ERROR", "-", "-", "it", "raised"]
    assert texts[4].split() == ["wrong", "FAILED", "2.5", "-0.5", "at", "most", "2"]


def test_a_partial_run_says_what_was_selected() -> None:
    """Before the chance of a false red and the counts."""
    said = summary_table.summary(book("held", selected=2), left_out=["left out: x"], false_red=2.5e-4, budget=1e-3)

    assert said == [
        "selected 2 of 9 claims",
        "left out: x",
        "chance of a false red, all gated verdicts and goldens: 2.5e-04 (declared: at most 1e-03)",
        "1 of 9 claims ran: 1 held, 0 failed",
    ]


def test_a_whole_run_does_not_speak_of_a_selection() -> None:
    """There is nothing to add to the counts."""
    said = summary_table.summary(book("held", expected=1, selected=1), left_out=[], false_red=0.0, budget=1e-3)

    assert said == [
        "chance of a false red, all gated verdicts and goldens: 0.0e+00 (declared: at most 1e-03)",
        "1 of 1 claims ran: 1 held, 0 failed",
    ]


def test_a_recording_that_holds_a_mean_on_fewer_seeds_says_so_at_the_end() -> None:
    """It is green, and nobody reads what a green test says; what is recorded without a loss needs no word."""
    message = "golden net: updated; a.gap: 8 seeds instead of 64, its tolerance is 2.8 times as wide"
    lost = GoldenRecord("net", "recorded", {}, message, widened=True)
    goldens = (lost, GoldenRecord("ball", "recorded", {}, "golden ball: updated"))

    said = summary_table.summary(replace(book("held"), goldens=goldens), left_out=[], false_red=0.0, budget=1e-3)

    assert [line for line in said if line.startswith("golden ")] == [lost.message]
