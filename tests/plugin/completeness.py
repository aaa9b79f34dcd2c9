"""Completeness of a run: every required test was collected, ran and recorded its result, or the run is red.

The collecting process fills a `Collected`. The process that receives the reports keeps an `EndedTest` for each test. Under
xdist these are two processes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from harness.catalog.load import load
from harness.environment.paths import ROOT
from harness.goldens.file_format import GoldenError
from harness.goldens.store import golden_path
from harness.subject.roles import Subjects
from harness.verdicts.contract_check import declared_fields

SKIP = "decaygate-skip"  # a test that skips itself must record its reason in this property
# For each test function of tests/claims, the property in which it records its result.
RESULT_PROPERTY = {
    "test_claims.py::test_claim": "decaygate",
    "test_claims.py::test_swapped_arms_fail_the_claim": "decaygate-swap",
    "test_claims.py::test_golden": "decaygate-golden",
    "test_contract.py::test_contract": "decaygate-contract",
    "test_fingerprint.py::test_fingerprint": "decaygate-fingerprint",
}
DESELECTING_OPTIONS = ("keyword", "markexpr", "deselect", "lf", "stepwise", "claim")  # options that deselect collected tests
COLLECTING_OPTIONS = ("ignore", "ignore_glob", "lf", "pyargs")  # pytest options that change which files are collected
MAX_NAMES = 10


def skip_with_reason(record_property: Any, reason: str) -> NoReturn:
    """Skip the running test and record the reason. Any other skip makes the run red."""
    record_property(SKIP, reason)
    pytest.skip(reason=reason)


@dataclass(frozen=True)
class Collected:
    """Node ids of the collected tests, as the collecting process saw them.

    `found`: all collected tests. `selected`: those of them that this run executes. `dropped_tests`: collected tests that a
    conftest hook or another plugin removed. `skipped_files`: files skipped during collection, with the reason. `missing_tests`:
    required tests that were not collected. `shared_goldens`: tests whose golden file is also that of an earlier test.
    """

    found: tuple[str, ...] = ()
    selected: tuple[str, ...] = ()
    dropped_tests: tuple[str, ...] = ()
    skipped_files: Mapping[str, str] = field(default_factory=dict)
    missing_tests: tuple[str, ...] = ()
    shared_goldens: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return the fields as a dict that xdist can send between processes."""
        return asdict(self) | {"skipped_files": dict(self.skipped_files)}


@dataclass(frozen=True)
class EndedTest:
    """The end of a test: its outcome, the reason of a skip or xfail, and the properties that it recorded."""

    outcome: str
    reason: str = ""
    expected_to_fail: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def recorded_reason(self) -> str:
        """The reason that a skipped test recorded through `skip_with_reason`, or ""."""
        return str(self.properties.get(SKIP, "")).strip() if self.outcome == "skipped" else ""


def ended_test(report: pytest.TestReport) -> EndedTest:
    """Return the end of a test from its deciding report: that of the call, or that of a failed or skipped setup or teardown."""
    xfail_reason = getattr(report, "wasxfail", None)  # pytest sets it only on reports of tests that are marked xfail
    skip_reason = ""
    if report.skipped and isinstance(report.longrepr, tuple | list):
        skip_reason = report.longrepr[2].removeprefix("Skipped: ")
    return EndedTest(report.outcome, xfail_reason or skip_reason, xfail_reason is not None, dict(report.user_properties))


def required_tests(subjects: Subjects) -> list[str]:
    """Return every test that tests/claims must have, as `<file>::<test>[<parameter>]`."""
    scenarios = load().values()
    pairs = [(loaded, claim) for loaded in scenarios for claim in loaded.scenario.claims]
    claim_test, swap_test, golden_test, contract_test, fingerprint_test = RESULT_PROPERTY
    return [
        *(f"{claim_test}[{loaded.id}.{claim.id}]" for loaded, claim in pairs),
        *(f"{swap_test}[{claim.id}]" for _, claim in pairs if claim.counterexample.swap),
        *(f"{golden_test}[{loaded.id}]" for loaded in scenarios),
        *(f"{contract_test}[{role}.{name}]" for role, name in declared_fields(subjects)),
        *(f"{fingerprint_test}[{role}]" for role in subjects.fingerprinted),
    ]


def missing_tests(config: pytest.Config, subjects: Subjects, found: Iterable[str]) -> list[str]:
    """Return the required tests that were not found.

    Only files of tests/claims that the command line names as a whole are checked: the file itself, or a folder around it.
    """
    if any(config.getoption(option, None) for option in COLLECTING_OPTIONS):
        return []
    names = {short_id(nodeid) for nodeid in found}
    return [name for name in required_tests(subjects) if name not in names and _is_given_whole(config, name.partition("::")[0])]


def shared_goldens(items: Iterable[pytest.Item]) -> list[str]:
    """Return the tests whose golden file is that of an earlier test: two modules of one name in different folders."""
    owners: dict[Path, str] = {}
    sharing = []
    for item in items:
        if getattr(item, "originalname", "") in ("test_golden", "test_fingerprint"):
            with suppress(GoldenError):  # a test that may not have a golden is refused later, when it asks for one
                sharing += [item.nodeid] if owners.setdefault(golden_path(item), item.nodeid) != item.nodeid else []
    return sharing


def dropped_tests(config: pytest.Config, found: Iterable[str], kept: Collection[str], deselected: Collection[str]) -> list[str]:
    """Return the tests that were removed, but not by a pytest option: a conftest hook or a plugin removed them.

    `found` are the tests before the hooks of other plugins, `kept` those after them.
    """
    by_option = deselected if any(config.getoption(option, None) for option in DESELECTING_OPTIONS) else ()
    return [nodeid for nodeid in found if nodeid not in kept and nodeid not in by_option]


def problems(
    collected: Collected, endings: Mapping[str, EndedTest], *, shipped: bool, expected: Collection[str] = ()
) -> list[str]:
    """Return why the run may not be green although no test failed, one line for each kind of fault.

    `collected` is the collection, `endings` the end of each test. `shipped`: the session runs torch's own optimizers, so every
    test of tests/claims applies. `expected`: ids from the expected-failures file.
    """
    ordered = dict.fromkeys(
        [*(nodeid for nodeid in collected.selected if nodeid in endings), *endings]
    )  # workers end in any order
    ended = {nodeid: endings[nodeid] for nodeid in ordered if not _is_empty_parametrization(nodeid, collected)}
    passed = {nodeid: test for nodeid, test in ended.items() if test.outcome == "passed" and not test.expected_to_fail}
    skipped = {nodeid: test for nodeid, test in ended.items() if test.outcome == "skipped" and not test.expected_to_fail}
    with_reason = [nodeid for nodeid, test in skipped.items() if test.recorded_reason]
    of_claims = tuple(RESULT_PROPERTY)
    return [
        *_line("tests that are required and were not collected", collected.missing_tests),
        *_line("files that were skipped during collection", _with_reasons(collected.skipped_files)),
        *_line("tests with the golden file of another test", collected.shared_goldens),
        *_line("tests that were removed, but not by a pytest option (a conftest hook or a plugin?)", collected.dropped_tests),
        *_line("tests that were selected and did not run", [nodeid for nodeid in collected.selected if nodeid not in endings]),
        *_line(
            "tests that were skipped without a recorded reason (use tests.plugin.completeness.skip_with_reason)",
            _with_reasons({nodeid: test.reason for nodeid, test in skipped.items() if not test.recorded_reason}),
        ),
        *_line(
            "tests that are marked xfail (expected failures belong in the file of --expected-failures)",
            _with_reasons({nodeid: test.reason for nodeid, test in ended.items() if test.expected_to_fail}),
        ),
        *_line(
            "tests that passed without recording a result",
            [nodeid for nodeid, test in passed.items() if not _recorded_a_result(nodeid, test)],
        ),
        *_line(
            "tests that were reported as passed and recorded a failing result",
            [nodeid for nodeid, test in passed.items() if _recorded_a_failure(test, expected)],
        ),
        *_line(
            "tests that were skipped as not applicable, although every test of tests/claims applies to the shipped optimizers",
            [nodeid for nodeid in with_reason if shipped and short_id(nodeid).startswith(of_claims)],
        ),
    ]


def left_out(endings: Mapping[str, EndedTest]) -> dict[str, str]:
    """Return the tests that skipped themselves, each with the reason that it recorded."""
    return {short_id(nodeid): test.recorded_reason for nodeid, test in sorted(endings.items()) if test.recorded_reason}


def short_id(nodeid: str) -> str:
    """Return a node id without its folders."""
    path, separator, test = nodeid.partition("::")
    return f"{path.rpartition('/')[2]}{separator}{test}"


def _recorded_a_result(nodeid: str, test: EndedTest) -> bool:
    """Return True if a test of tests/claims recorded its result; other tests need not record one."""
    name = RESULT_PROPERTY.get(short_id(nodeid).partition("[")[0])
    return name is None or name in test.properties


def _recorded_a_failure(test: EndedTest, expected: Collection[str]) -> bool:
    """Return True if the result that the test recorded must fail it."""
    claim, swap, golden, contract, fingerprint = (test.properties.get(name) for name in RESULT_PROPERTY.values())
    return any(
        (
            bool(claim) and claim["status"] not in ("held", "refuted_as_documented", "expected_failure"),
            bool(swap) and swap["status"] != "failed",
            *(bool(record) and record["status"] not in ("compared", "recorded") for record in (golden, fingerprint)),
            bool(contract) and contract["met"] == (f"contract.{contract['field']}" in expected),
        )
    )


def _is_empty_parametrization(nodeid: str, collected: Collected) -> bool:
    """Return True for the placeholder that pytest collects for an empty list of parameters, if no parameter is missing."""
    test = nodeid.removesuffix("[NOTSET]")
    return test != nodeid and not any(other.startswith(f"{short_id(test)}[") for other in collected.missing_tests)


def _with_reasons(reasons: Mapping[str, str]) -> list[str]:
    """Return each name with its reason in parentheses."""
    return [f"{name} ({reason or 'no reason'})" for name, reason in reasons.items()]


def _line(fault: str, names: Iterable[str]) -> list[str]:
    """Return a list of one line with the fault and at most MAX_NAMES tests; an empty list if there are no names."""
    listed = [short_id(name) for name in names]
    more = f" and {len(listed) - MAX_NAMES} more" if len(listed) > MAX_NAMES else ""
    return [f"{fault}: {', '.join(listed[:MAX_NAMES])}{more}"] if listed else []


def _is_given_whole(config: pytest.Config, file: str) -> bool:
    """Return True if the command line names this file of tests/claims, or a folder around it, and not single tests of it."""
    path = ROOT / "tests" / "claims" / file
    arguments = [Path(config.invocation_params.dir, argument).resolve() for argument in config.args if "::" not in argument]
    return any(argument == path or argument in path.parents for argument in arguments)
