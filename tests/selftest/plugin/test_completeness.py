"""Tests of the completeness check: a required test that did not run, or recorded no result, makes the run red.

Each rule is tested alone here; `tests/selftest/suite/test_sabotage.py` tests them on a whole suite.
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
    MAX_NAMES,
    SKIP,
    Collected,
    EndedTest,
    ended_test,
    left_out,
    problems,
    required_tests,
    short_id,
)

FOLDER = "tests/claims/"
CLAIM = f"{FOLDER}test_claims.py::test_claim[row.it_is_so]"
SWAP = f"{FOLDER}test_claims.py::test_swapped_arms_fail_the_claim[it_is_so]"
GOLDEN = f"{FOLDER}test_claims.py::test_golden[row]"
CONTRACT = f"{FOLDER}test_contract.py::test_contract[decoupled.order]"
SELF = "tests/selftest/test_wording.py::test_it"
# For each test, the properties that it records when it passes.
RECORDED: dict[str, dict[str, Any]] = {
    CLAIM: {"decaygate": {"id": "it_is_so", "status": "held"}},
    SWAP: {"decaygate-swap": {"claim": "it_is_so", "status": "failed"}},
    GOLDEN: {"decaygate-golden": {"scenario": "row", "status": "compared"}},
    CONTRACT: {"decaygate-contract": {"field": "order", "met": True}},
    SELF: {},
}
RIGHT = {nodeid: EndedTest("passed", properties=recorded) for nodeid, recorded in RECORDED.items()}
CALL = Collected(tuple(RIGHT), tuple(RIGHT))


def faults_of(
    endings: dict[str, EndedTest], call: Collected = CALL, *, shipped: bool = True, expected: tuple[str, ...] = ()
) -> list[str]:
    """Return the faults of a run in which these tests end as given and all others as they should."""
    return problems(call, RIGHT | endings, shipped=shipped, expected=expected)


def test_a_run_in_which_each_test_recorded_a_result_is_green() -> None:
    """Refuted claims, expected failures and recorded goldens are no faults. A failed test is red without a fault."""
    assert faults_of({}) == []
    for status in ("refuted_as_documented", "expected_failure"):
        assert faults_of({CLAIM: EndedTest("passed", properties={"decaygate": {"status": status}})}) == []
    assert faults_of({GOLDEN: EndedTest("passed", properties={"decaygate-golden": {"status": "recorded"}})}) == []
    assert faults_of(dict.fromkeys(RIGHT, EndedTest("failed"))) == []


@pytest.mark.parametrize("nodeid", RIGHT, ids=short_id)
def test_a_skip_without_a_recorded_reason_is_a_fault(nodeid: str) -> None:
    """The reason of a skip mark does not count, and neither does an empty reason."""
    words = "tests that were skipped without a recorded reason (use tests.plugin.completeness.skip_with_reason)"
    fault = f"{words}: {short_id(nodeid)} (flaky)"

    assert faults_of({nodeid: EndedTest("skipped", "flaky")}) == [fault]
    assert faults_of({nodeid: EndedTest("skipped", "flaky", properties={SKIP: " "})}) == [fault]


def test_a_claim_may_skip_itself_only_for_a_users_optimizer() -> None:
    """Every claim applies to the shipped optimizers. A self-test may skip itself in any run."""
    skipped = EndedTest("skipped", "float32", properties={SKIP: "float32 cannot"})
    fault = "tests that were skipped as not applicable, although every test of tests/claims applies to the shipped optimizers"

    assert faults_of({CLAIM: skipped}, shipped=False) == []
    assert left_out({CLAIM: skipped, SELF: RIGHT[SELF]}) == {short_id(CLAIM): "float32 cannot"}
    assert faults_of({CLAIM: skipped}) == [f"{fault}: {short_id(CLAIM)}"]
    assert faults_of({SELF: skipped}) == []


@pytest.mark.parametrize("nodeid", RIGHT, ids=short_id)
@pytest.mark.parametrize("outcome", ["skipped", "passed"])
def test_an_xfail_mark_is_a_fault(nodeid: str, outcome: str) -> None:
    """It is a fault whether the test fails or passes: expected failures belong in a file, each with its reason."""
    faults = faults_of({nodeid: EndedTest(outcome, "later", expected_to_fail=True, properties=RECORDED[nodeid])})

    fault = "tests that are marked xfail (expected failures belong in the file of --expected-failures)"
    assert faults == [f"{fault}: {short_id(nodeid)} (later)"]


@pytest.mark.parametrize("nodeid", [CLAIM, SWAP, GOLDEN, CONTRACT], ids=short_id)
def test_a_pass_without_a_recorded_result_is_a_fault(nodeid: str) -> None:
    """Such a test returned before it compared anything."""
    assert faults_of({nodeid: EndedTest("passed")}) == [f"tests that passed without recording a result: {short_id(nodeid)}"]


@pytest.mark.parametrize(
    ("nodeid", "recorded"),
    [
        (CLAIM, {"decaygate": {"status": "failed"}}),
        (CLAIM, {"decaygate": {"status": "not_applicable"}}),
        (SWAP, {"decaygate-swap": {"status": "held"}}),
        (GOLDEN, {"decaygate-golden": {"status": "failed"}}),
        (GOLDEN, {"decaygate-golden": {"status": "not_applicable"}}),
        (CONTRACT, {"decaygate-contract": {"field": "order", "met": False}}),
    ],
)
def test_a_pass_with_a_recorded_failure_is_a_fault(nodeid: str, recorded: dict[str, Any]) -> None:
    """Some hook between the comparison and the report removed the failure."""
    fault = f"tests that were reported as passed and recorded a failing result: {short_id(nodeid)}"

    assert faults_of({nodeid: EndedTest("passed", properties=recorded)}) == [fault]


def test_a_field_that_is_expected_to_fail_must_not_be_met() -> None:
    """Its test passes while the field is not met. Once the field is met, a pass is a fault."""
    unmet = EndedTest("passed", properties={"decaygate-contract": {"field": "order", "met": False}})
    fault = f"tests that were reported as passed and recorded a failing result: {short_id(CONTRACT)}"

    assert faults_of({CONTRACT: unmet}, expected=("contract.order",)) == []
    assert faults_of({}, expected=("contract.order",)) == [fault]


def test_a_selected_test_that_did_not_run_is_a_fault() -> None:
    """A deselected test need not run."""
    endings = {nodeid: test for nodeid, test in RIGHT.items() if nodeid != GOLDEN}

    assert problems(CALL, endings, shipped=True) == [f"tests that were selected and did not run: {short_id(GOLDEN)}"]
    assert problems(replace(CALL, selected=tuple(endings)), endings, shipped=True) == []


def test_a_missing_or_removed_test_is_a_fault() -> None:
    """The faults: a test that was not collected, a file that skips itself, and a test that a conftest removed."""
    call = replace(
        CALL, dropped_tests=(SWAP,), missing_tests=(short_id(GOLDEN),), skipped_files={f"{FOLDER}test_contract.py": "slow"}
    )

    assert faults_of({}, call) == [
        f"tests that are required and were not collected: {short_id(GOLDEN)}",
        "files that were skipped during collection: test_contract.py (slow)",
        f"tests that were removed, but not by a pytest option (a conftest hook or a plugin?): {short_id(SWAP)}",
    ]


def test_a_test_with_an_empty_parameter_list_may_be_skipped() -> None:
    """pytest collects and skips one placeholder for the list. The skip is a fault if a parameter is missing."""
    empty = SWAP.replace("it_is_so", "NOTSET")
    call = Collected((CLAIM, empty), (CLAIM, empty))
    endings = {CLAIM: RIGHT[CLAIM], empty: EndedTest("skipped", "got empty parameter set")}

    assert problems(call, endings, shipped=True) == []
    assert len(problems(replace(call, missing_tests=(short_id(SWAP),)), endings, shipped=True)) == 2


def test_a_fault_lists_ten_tests_and_counts_the_others() -> None:
    names = tuple(f"{FOLDER}test_claims.py::test_golden[g{n}]" for n in range(MAX_NAMES + 3))

    (line,) = problems(Collected(names, names), {}, shipped=True)

    assert line.endswith("test_golden[g9] and 3 more")


def test_every_claim_scenario_and_field_has_required_tests() -> None:
    """`required_tests` lists them under their pytest names."""
    names = required_tests(Subjects(dict(DEFAULTS)))
    claims = [claim for loaded in load().values() for claim in loaded.scenario.claims]

    assert len(names) == len(set(names))
    assert sum("::test_claim[" in name for name in names) == len(claims)
    assert sum("::test_golden[" in name for name in names) == len(load())
    assert sum("::test_swapped" in name for name in names) == sum(bool(claim.counterexample.swap) for claim in claims)
    assert "test_contract.py::test_contract[sgd.order]" in names


def report(outcome: str, longrepr: Any = None, **more: Any) -> pytest.TestReport:
    """Return a pytest report of CLAIM's call, with the attributes `more`."""
    result = pytest.TestReport(CLAIM, ("", 0, ""), {}, outcome, longrepr, "call", user_properties=[("a", 1)])
    vars(result).update(more)
    return result


def test_an_ended_test_is_read_from_any_process() -> None:
    """In a report from an xdist worker the tuple with a skip's reason may have become a list."""
    assert ended_test(report("passed")) == EndedTest("passed", properties={"a": 1})
    for kind in (tuple, list):
        assert ended_test(report("skipped", kind(("file", 3, "Skipped: flaky")))).reason == "flaky"
    assert ended_test(report("skipped", wasxfail="")) == EndedTest("skipped", expected_to_fail=True, properties={"a": 1})


def test_the_guide_explains_each_fault() -> None:
    """docs/guide/read-a-failure.md has a table row for each fault, with the printed words."""
    code = (ROOT / "tests" / "plugin" / "completeness.py").read_text(encoding="utf-8")
    page = ROOT / "docs" / "guide" / "read-a-failure.md"
    faults = re.findall(r'_line\(\s*"([^"]+)"', code)
    rows = re.findall(r"^\| ((?:tests|files) (?:that|with) [^|]*) \|", page.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert len(faults) > 8
    assert set(faults) == set(rows)
