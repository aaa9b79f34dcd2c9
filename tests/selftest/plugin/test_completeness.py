"""Is a run red when a test that should have run did not, or left without saying why? The rules, one by one.

`test_sabotage.py` tries them on a whole suite.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from harness.catalog.load import load
from harness.environment.paths import ROOT
from harness.subject.roles import DEFAULTS, Subjects
from tests.plugin.completeness import (
    MOST_NAMES,
    SKIP,
    Collected,
    EndedTest,
    due_tests,
    ended_test,
    left_out,
    problems,
    short_id,
)

FOLDER = "tests/claims/"
CLAIM = f"{FOLDER}test_claims.py::test_claim[row.it_is_so]"
SWAP = f"{FOLDER}test_claims.py::test_swapped_arms_fail_the_claim[it_is_so]"
GOLDEN = f"{FOLDER}test_claims.py::test_golden[row]"
CONTRACT = f"{FOLDER}test_contract.py::test_contract[decoupled.order]"
SELF = "tests/selftest/test_wording.py::test_it"
SAID: dict[str, dict[str, Any]] = {
    CLAIM: {"decaygate": {"id": "it_is_so", "status": "held"}},
    SWAP: {"decaygate-swap": {"claim": "it_is_so", "status": "failed"}},
    GOLDEN: {"decaygate-golden": {"scenario": "row", "status": "compared"}},
    CONTRACT: {"decaygate-contract": {"field": "order", "met": True}},
    SELF: {},
}
RIGHT = {nodeid: EndedTest("passed", said=said) for nodeid, said in SAID.items()}
CALL = Collected(tuple(RIGHT), tuple(RIGHT))


def wrong(
    endings: dict[str, EndedTest], call: Collected = CALL, *, shipped: bool = True, expected: tuple[str, ...] = ()
) -> list[str]:
    """Return the faults of a run that differs so from the right one."""
    return problems(call, RIGHT | endings, shipped=shipped, expected=expected)


def test_a_run_in_which_every_test_spoke_has_no_fault() -> None:
    """Also where claims are refuted as documented or expected to fail, and goldens recorded; a failed test is its own fault."""
    assert wrong({}) == []
    for status in ("refuted_as_documented", "expected_failure"):
        assert wrong({CLAIM: EndedTest("passed", said={"decaygate": {"status": status}})}) == []
    assert wrong({GOLDEN: EndedTest("passed", said={"decaygate-golden": {"status": "recorded"}})}) == []
    assert wrong(dict.fromkeys(RIGHT, EndedTest("failed"))) == []


@pytest.mark.parametrize("nodeid", RIGHT, ids=short_id)
def test_a_skip_without_a_reason_in_the_ledger_is_a_fault(nodeid: str) -> None:
    """Whatever reason its mark has, in the claims and in the self-tests; an empty reason is none."""
    said = f"was skipped without a reason in the ledger: {short_id(nodeid)} (flaky)"

    assert wrong({nodeid: EndedTest("skipped", "flaky")}) == [said]
    assert wrong({nodeid: EndedTest("skipped", "flaky", said={SKIP: " "})}) == [said]


def test_a_test_that_leaves_itself_out_with_a_reason_is_counted() -> None:
    """Where an optimizer of somebody's is under test; to the shipped ones everything applies."""
    out = EndedTest("skipped", "float32", said={SKIP: "float32 cannot"})

    assert wrong({CLAIM: out}, shipped=False) == []
    assert left_out({CLAIM: out, SELF: RIGHT[SELF]}) == {short_id(CLAIM): "float32 cannot"}
    assert wrong({CLAIM: out}) == [f"does not apply to the shipped optimizers, to which everything applies: {short_id(CLAIM)}"]
    assert wrong({SELF: out}) == []


@pytest.mark.parametrize("nodeid", RIGHT, ids=short_id)
@pytest.mark.parametrize("outcome", ["skipped", "passed"])
def test_a_mark_that_expects_failure_is_a_fault(nodeid: str, outcome: str) -> None:
    """Whether the test fails or not; the door is --expected-failures, in which each claim gives its reason."""
    said = wrong({nodeid: EndedTest(outcome, "later", expected_to_fail=True, said=SAID[nodeid])})

    assert said == [f"is marked as expected to fail, which only --expected-failures can say: {short_id(nodeid)} (later)"]


@pytest.mark.parametrize("nodeid", [CLAIM, SWAP, GOLDEN, CONTRACT], ids=short_id)
def test_a_test_of_the_claims_that_passes_in_silence_is_a_fault(nodeid: str) -> None:
    """It returned before it compared."""
    assert wrong({nodeid: EndedTest("passed")}) == [f"passed without saying what came of it: {short_id(nodeid)}"]


@pytest.mark.parametrize(
    ("nodeid", "said"),
    [
        (CLAIM, {"decaygate": {"status": "failed"}}),
        (CLAIM, {"decaygate": {"status": "not_applicable"}}),
        (SWAP, {"decaygate-swap": {"status": "held"}}),
        (GOLDEN, {"decaygate-golden": {"status": "failed"}}),
        (GOLDEN, {"decaygate-golden": {"status": "not_applicable"}}),
        (CONTRACT, {"decaygate-contract": {"field": "order", "met": False}}),
    ],
)
def test_a_test_that_passes_against_its_own_words_is_a_fault(nodeid: str, said: dict[str, Any]) -> None:
    """Something between the comparison and the report swallowed the failure."""
    assert wrong({nodeid: EndedTest("passed", said=said)}) == [f"passed against what it said itself: {short_id(nodeid)}"]


def test_a_promise_that_is_expected_to_fail_passes_while_it_is_not_met() -> None:
    """And no longer when it is."""
    unmet = EndedTest("passed", said={"decaygate-contract": {"field": "order", "met": False}})

    assert wrong({CONTRACT: unmet}, expected=("contract.order",)) == []
    assert wrong({}, expected=("contract.order",)) == [f"passed against what it said itself: {short_id(CONTRACT)}"]


def test_what_was_selected_and_did_not_run_is_a_fault() -> None:
    """What was deselected is none."""
    endings = {nodeid: one for nodeid, one in RIGHT.items() if nodeid != GOLDEN}

    assert problems(CALL, endings, shipped=True) == [f"was selected and did not run: {short_id(GOLDEN)}"]
    assert problems(replace(CALL, selected=tuple(endings)), endings, shipped=True) == []


def test_what_was_never_collected_or_went_without_an_option_is_a_fault() -> None:
    """A file that skips itself, a test that is gone, one that a conftest took away."""
    call = replace(CALL, dropped_tests=(SWAP,), missing_tests=(short_id(GOLDEN),), unopened={f"{FOLDER}test_contract.py": "slow"})

    assert wrong({}, call) == [
        f"is due and was not collected: {short_id(GOLDEN)}",
        "was skipped while it was collected: test_contract.py (slow)",
        f"was left out by no option of pytest: {short_id(SWAP)}",
    ]


def test_a_test_with_nothing_to_try_may_be_skipped() -> None:
    """pytest makes one up for an empty list of parameters; beside a parameter it is a fault like any other."""
    empty = SWAP.replace("it_is_so", "NOTSET")
    call = Collected((CLAIM, empty), (CLAIM, empty))
    endings = {CLAIM: RIGHT[CLAIM], empty: EndedTest("skipped", "got empty parameter set")}

    assert problems(call, endings, shipped=True) == []
    assert len(problems(replace(call, missing_tests=(short_id(SWAP),)), endings, shipped=True)) == 2


def test_many_names_are_cut_and_counted() -> None:
    """Ten are enough to look into."""
    names = tuple(f"{FOLDER}test_claims.py::test_golden[g{n}]" for n in range(MOST_NAMES + 3))

    (line,) = problems(Collected(names, names), {}, shipped=True)

    assert line.endswith("test_golden[g9] and 3 more")


def test_every_claim_scenario_and_promise_has_tests_that_are_due() -> None:
    """By the names that they have in pytest."""
    names = due_tests(Subjects(dict(DEFAULTS)))
    claims = [claim for loaded in load().values() for claim in loaded.scenario.claims]

    assert len(names) == len(set(names))
    assert sum("::test_claim[" in name for name in names) == len(claims)
    assert sum("::test_golden[" in name for name in names) == len(load())
    assert sum("::test_swapped" in name for name in names) == sum(bool(claim.counterexample.swap) for claim in claims)
    assert "test_contract.py::test_contract[sgd.order]" in names


def report(outcome: str, longrepr: Any = None, **more: Any) -> pytest.TestReport:
    """Return a report as pytest makes it."""
    made = pytest.TestReport(CLAIM, ("", 0, ""), {}, outcome, longrepr, "call", user_properties=[("a", 1)])
    vars(made).update(more)
    return made


def test_an_ending_reads_reports_from_here_and_from_a_worker() -> None:
    """xdist may carry a skip's reason as a list."""
    assert ended_test(report("passed")) == EndedTest("passed", said={"a": 1})
    for kind in (tuple, list):
        assert ended_test(report("skipped", kind(("file", 3, "Skipped: flaky")))).reason == "flaky"
    assert ended_test(report("skipped", wasxfail="")) == EndedTest("skipped", expected_to_fail=True, said={"a": 1})


def test_the_page_says_what_to_do_about_each_fault() -> None:
    """docs/guide/read-a-failure.md has a row for every kind, in the words that are printed."""
    code = (ROOT / "tests" / "plugin" / "completeness.py").read_text(encoding="utf-8")
    page = ROOT / "docs" / "guide" / "read-a-failure.md"
    kinds = re.findall(r'_line\(\s*"([^"]+)"', code)
    rows = re.findall(r"^\| ((?:is|was|has|passed|does) [^|]*) \|", page.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert len(kinds) > 8
    assert set(kinds) == set(rows)
