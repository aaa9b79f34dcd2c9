"""Tests of the ledger: the counts of claims, fields and goldens, the manifest, results.json and the summary table."""

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


def ledger_of(*statuses: ClaimStatus, expected: int = 9, selected: int = 7) -> Ledger:
    """Return a ledger with one claim for each status. The claims are named c0, c1, ..."""
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
    """The expected, the selected and the run claims are counted too."""
    counts = ledger_of("held", "held", "refuted_as_documented", "failed", "error", "not_applicable", "expected_failure").counts()

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


def test_the_sentence_counts_failures_even_if_there_are_none() -> None:
    """Held claims are counted too. Any other status is counted only if it occurred."""
    assert ledger_of("held", "held", expected=5).sentence() == "2 of 5 claims ran: 2 held, 0 failed"
    assert (
        ledger_of("refuted_as_documented", "error").sentence()
        == "2 of 9 claims ran: 0 held, 1 held where the source is wrong, 0 failed, 1 errors"
    )


def test_a_selected_claim_that_did_not_run_is_missing() -> None:
    """A claim that was not selected is not missing."""
    assert ledger_of("held", "failed", selected=4).missing == ["c2", "c3"]
    assert ledger_of("held", "failed", selected=2).missing == []


# --- lines ----------------------------------------------------------------------------------------------------------


def test_a_line_holds_the_deciding_verdict() -> None:
    """It also holds the sources with their sections, and the message."""
    line = ledger.claim_record(outcome(1.5), "row", expected="at most 2", message="m")

    assert line == replace(
        LINE,
        sources=("a_page, one", "b_page, two"),
        established="refuted",
        status="refuted_as_documented",
        measured=1.5,
        unit="u",
        margin=0.5,
        message="m",
    )


def test_a_line_is_the_same_after_it_was_recorded_and_read() -> None:
    """JSON and xdist turn tuples into lists. The keys of the record have a fixed order."""
    record = json.loads(json.dumps(asdict(LINE)))

    assert ClaimRecord.from_record(record) == LINE
    assert list(record) == [
        *("id", "scenario", "sources", "established", "status", "measured", "unit", "expected", "margin", "message"),
        *("cause", "cause_fields"),
    ]


@pytest.mark.parametrize("case", [outcome(math.nan), outcome(1.0, failure="it raised")])
def test_a_number_that_is_not_finite_is_none_in_a_line(case: ClaimOutcome) -> None:
    """NaN is not JSON. A subject that raised has no number either."""
    line = ledger.claim_record(case, "row", expected="", message="why")

    assert (line.status, line.margin, line.message) == ("failed", None, "why")
    assert line.measured is None


# --- claims that do not apply, contract fields ----------------------------------------------------------------------


def test_a_claim_that_does_not_apply_is_a_line_with_its_reason(tmp_path: Path) -> None:
    """It is counted as not applicable, and not as a claim that ran."""
    loaded = load(write(tmp_path))["row"]

    line = ledger.not_applicable(loaded, loaded.scenario.claims[0], "needs step_rule: adam, but the contract has step_rule: sign")
    counts = Ledger((line.id, "it_is_so"), ("it_is_so",), (line, LINE)).counts()

    assert (line.status, line.measured, line.message) == (
        "not_applicable",
        None,
        "needs step_rule: adam, but the contract has step_rule: sign",
    )
    assert (counts["ran"], counts["not_applicable"], counts["held"]) == (1, 1, 1)


def test_the_sentence_counts_the_contract_fields_that_are_met() -> None:
    """The count follows the claims. It is left out if no field was checked."""
    field_checks = tuple(FieldCheck("decoupled", name, "x", ("x",), "", met) for name, met in (("scale", True), ("order", False)))

    sentence = replace(ledger_of("held", expected=1), field_checks=field_checks).sentence()

    assert sentence == "1 of 1 claims ran: 1 held, 0 failed; 1 of 2 fields of the contract met"


def test_the_sentence_counts_goldens_by_their_status() -> None:
    """Only a status that occurred is named. In results.json each golden has an entry with its origin."""
    statuses = ("compared", "compared", "recorded", "not_applicable", "failed")
    goldens = tuple(GoldenRecord(f"g{n}", status, {"torch": "2"}, "m") for n, status in enumerate(statuses))
    ledger_with_goldens = replace(ledger_of("held", expected=1), goldens=goldens)

    content = results(ledger_with_goldens, subjects=Subjects(DEFAULTS), environment={}, subject_output=(), tests={})

    assert ledger_with_goldens.sentence() == (
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
    """A claim that disappears is then a removed line in a diff."""
    path = tmp_path / "claims.txt"

    write_manifest(path, {"b_is": "", "a_is": "holds: so", "c_is": ""})

    assert path.read_text(encoding="utf-8") == "a_is holds: so\nb_is\nc_is\n"
    assert read_manifest(path) == {"a_is": "holds: so", "b_is": "", "c_is": ""}


def test_the_assertion_of_a_claim_is_one_line(tmp_path: Path) -> None:
    """It holds `established`, every expectation with its numbers, and the counterexample, so a weaker claim changes it."""
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
    """A manifest that does not exist has no lines."""
    path = tmp_path / "claims.txt"
    assert read_manifest(path) == {}
    write_manifest(path, {"a_is": ""})
    before = path.stat().st_mtime_ns

    write_manifest(path, {"a_is": ""})

    assert path.stat().st_mtime_ns == before


# --- results.json ---------------------------------------------------------------------------------------------------


FAILED_CLAIM = {
    "id": "c1",
    "scenario": "row",
    "sources": ["a_page, one"],
    "established": "holds",
    "status": "failed",
    "measured": 1.0,
    "unit": "",
    "expected": "at most 2",
    "margin": 1.0,
    "message": "",
    "cause": "",
    "cause_fields": [],
}


def test_results_hold_the_documented_keys(tmp_path: Path) -> None:
    """The file is valid JSON."""
    content = results(
        ledger_of("held", "failed"),
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
    assert read["counts"] == ledger_of("held", "failed").counts()
    assert read["claims"][1] == FAILED_CLAIM


def test_results_hold_the_contract_fields() -> None:
    """The text of the finding has the key `says`."""
    check = FieldCheck("decoupled", "order", "before", ("after",), "decay acts on the updated weight", met=False)
    checked = replace(ledger_of("held"), field_checks=(check,))

    content = results(checked, subjects=Subjects(DEFAULTS), environment={}, subject_output=(), tests={})

    assert content["contract"] == [
        {
            "role": "decoupled",
            "field": "order",
            "declared": "before",
            "measured": ("after",),
            "says": "decay acts on the updated weight",
            "met": False,
        }
    ]


def test_results_refuse_a_number_that_is_not_finite(tmp_path: Path) -> None:
    """Python would write the literal NaN, which is not JSON."""
    with pytest.raises(ValueError, match="JSON"):
        write_results(tmp_path, {"x": math.nan})


# --- the table ------------------------------------------------------------------------------------------------------


def test_the_table_of_claims_has_failures_last() -> None:
    """They are next to the prompt then, where they are read first."""
    lines = [
        replace(LINE, id="broken", scenario="a", status="error", measured=None, margin=None, expected="", message="it raised"),
        replace(LINE, id="wrong", scenario="b", status="failed", measured=2.5, margin=-0.5),
        replace(LINE, id="refuted", scenario="d", status="refuted_as_documented"),
        replace(LINE, id="right", scenario="c", measured=0.12345678, unit="steps"),
    ]

    rows = summary_table.claim_rows(lines, 120)

    assert [row.red for row in rows] == [False, False, True, True]
    assert [" ".join(row.text.split()) for row in rows] == [
        "right held 0.123457 (steps); should be at most 2",
        "refuted held, source wrong 1; should be at most 2",
        "broken ERROR it raised",
        "wrong FAILED 2.5; should be at most 2",
    ]


def test_the_table_of_claims_fits_a_narrow_terminal() -> None:
    """A claim has two lines then."""
    rows = summary_table.claim_rows([replace(LINE, id="a_claim_with_a_name_of_some_length_in_it" * 2)], 90)

    assert [row.text.split()[0] for row in rows] == ["a_claim_with_a_name_of_some_length_in_it" * 2, "held"]
    assert max(len(row.text) for row in rows) <= 90


def test_a_long_row_is_cut_and_keeps_its_columns() -> None:
    """The indent of the second line stays, so that the columns stand below each other."""
    _, row = summary_table.claim_rows([replace(LINE, expected="at most 2 " * 20)], 40)

    assert row.text.startswith("    held")
    assert (len(row.text), row.text[-3:]) == (40, "...")


def test_the_table_of_scenarios_counts_verdicts() -> None:
    """With only red scenarios, the others are counted; the last row counts the fields of the contract."""
    lines = [
        replace(LINE, id="a", scenario="good"),
        replace(LINE, id="b", scenario="good", status="refuted_as_documented"),
        replace(LINE, id="c", scenario="bad", status="failed"),
        replace(LINE, id="d", scenario="bad", status="not_applicable"),
    ]
    checks = (
        FieldCheck("decoupled", "order", "before", ("before",), "", True),
        FieldCheck("decoupled", "mask", "none", (), "", False),
    )
    whole = Ledger((), (), tuple(lines), checks)

    assert [row.text for row in summary_table.scenario_rows(whole, 80, only_red=False)] == [
        "bad       1 not applicable, 1 FAILED",
        "good      2 held",
        "contract  1 fields met, 1 NOT MET",
    ]
    assert [(row.text, row.red) for row in summary_table.scenario_rows(whole, 80, only_red=True)] == [
        ("bad       1 not applicable, 1 FAILED", True),
        ("1 other scenarios are green (-v lists every claim)", False),
        ("contract  1 fields met, 1 NOT MET", True),
    ]


def test_the_lines_of_the_contract_that_exclude_most_are_named() -> None:
    """An optimizer that passes few claims must not look well tested."""
    reason = "needs step_rule: adam, but the contract has step_rule: other"
    lines = [replace(LINE, id=f"c{n}", status="not_applicable", message=reason) for n in range(3)]
    whole = Ledger((), (), (*lines, replace(LINE, id="d")))

    text = summary_table.summary(whole, left_out=[], false_red=0.0, budget=1e-3)

    assert "1 of 4 claims apply to this contract; most others are left out by step_rule: other (3)" in text


def test_a_partial_run_counts_the_selected_claims() -> None:
    """The count is printed before the chance of a false red and the sentence of the ledger."""
    lines = summary_table.summary(ledger_of("held", selected=2), left_out=["left out: x"], false_red=2.5e-4, budget=1e-3)

    assert lines == [
        "selected 2 of 9 claims",
        "left out: x",
        "chance that a right optimizer fails one of the selected tests: 2.5e-04 (limit: 1e-03)",
        "1 of 9 claims ran: 1 held, 0 failed",
    ]


def test_a_complete_run_does_not_count_the_selected_claims() -> None:
    """All claims were selected, so the count would add nothing."""
    lines = summary_table.summary(ledger_of("held", expected=1, selected=1), left_out=[], false_red=0.0, budget=1e-3)

    assert lines == [
        "1 of 1 claims ran: 1 held, 0 failed",
    ]


def test_a_golden_recorded_with_fewer_seeds_is_named_at_the_end() -> None:
    """The test passes, and the message of a test that passes is not read. A recording without a loss is not named."""
    message = "golden net: updated; a.gap: 8 seeds instead of 64, its tolerance is 2.8 times as wide"
    lost = GoldenRecord("net", "recorded", {}, message, widened=True)
    goldens = (lost, GoldenRecord("ball", "recorded", {}, "golden ball: updated"))

    lines = summary_table.summary(replace(ledger_of("held"), goldens=goldens), left_out=[], false_red=0.0, budget=1e-3)

    assert [line for line in lines if line.startswith("golden ")] == [lost.message]
