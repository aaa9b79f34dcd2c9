"""Did every test that should have run run, and say what came of it? A test that is left out says why, or the run is red.

The process that collects calls the roll; the one that sees the reports notes how each test ended. Under xdist they are two.
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

SKIP = "decaygate-skip"  # the property of a test that leaves itself out, with its reason: the only way to do so
# What each kind of test of tests/claims says in a property of its report.
SAYS = {
    "test_claims.py::test_claim": "decaygate",
    "test_claims.py::test_swapped_arms_fail_the_claim": "decaygate-swap",
    "test_claims.py::test_golden": "decaygate-golden",
    "test_contract.py::test_contract": "decaygate-contract",
}
CHOOSING = ("keyword", "markexpr", "deselect", "lf", "stepwise")  # pytest's options that deselect collected tests
NARROWING = ("ignore", "ignore_glob", "lf", "pyargs")  # ... that collect fewer
MOST_NAMES = 10


def skip_with_reason(record_property: Any, reason: str) -> NoReturn:
    """Skip the running test, and say so in the ledger."""
    record_property(SKIP, reason)
    pytest.skip(reason=reason)  # the only way out that is not red: the reason stands in the ledger


@dataclass(frozen=True)
class Collected:
    """What the collecting process saw, by node id: `found`, what of it is `selected`, and what went without a word.

    `unopened` are files whose collection was skipped, with the reason; `missing_tests` what should have been found and was not;
    `shared_goldens` tests whose golden is another test's as well.
    """

    found: tuple[str, ...] = ()
    selected: tuple[str, ...] = ()
    dropped_tests: tuple[str, ...] = ()
    unopened: Mapping[str, str] = field(default_factory=dict)
    missing_tests: tuple[str, ...] = ()
    shared_goldens: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return it as what xdist can carry."""
        return asdict(self) | {"unopened": dict(self.unopened)}


@dataclass(frozen=True)
class EndedTest:
    """How a test ended: its outcome, why if it was left out, and what it said in its properties."""

    outcome: str
    reason: str = ""
    expected_to_fail: bool = False
    said: Mapping[str, Any] = field(default_factory=dict)

    @property
    def allowed(self) -> str:
        """The reason with which the test left itself out, or nothing."""
        return str(self.said.get(SKIP, "")).strip() if self.outcome == "skipped" else ""


def ended_test(report: pytest.TestReport) -> EndedTest:
    """Return how a test ended, from the report that decides it."""
    reason = getattr(report, "wasxfail", None)  # pytest sets it on reports of tests that are marked xfail, and on no others
    skipped = report.longrepr[2].removeprefix("Skipped: ") if report.skipped and isinstance(report.longrepr, tuple | list) else ""
    return EndedTest(report.outcome, reason or skipped, reason is not None, dict(report.user_properties))


def due_tests(subjects: Subjects) -> list[str]:
    """Return every test that tests/claims must have, as `<file>::<test>[<parameter>]`."""
    scenarios = load().values()
    pairs = [(loaded, claim) for loaded in scenarios for claim in loaded.scenario.claims]
    claim, swap, golden, contract = SAYS
    return [
        *(f"{claim}[{loaded.id}.{one.id}]" for loaded, one in pairs),
        *(f"{swap}[{one.id}]" for _, one in pairs if one.counterexample.swap),
        *(f"{golden}[{loaded.id}]" for loaded in scenarios),
        *(f"{contract}[{role}.{name}]" for role, name in declared_fields(subjects)),
    ]


def missing_tests(config: pytest.Config, subjects: Subjects, found: Iterable[str]) -> list[str]:
    """Return the tests that are due and were not found, in the files of tests/claims that this run was pointed at whole."""
    if any(config.getoption(option, None) for option in NARROWING):
        return []
    names = {short_id(nodeid) for nodeid in found}
    return [name for name in due_tests(subjects) if name not in names and _pointed_at(config, name.partition("::")[0])]


def shared_goldens(items: Iterable[pytest.Item]) -> list[str]:
    """Return the tests whose golden lies where that of an earlier one lies: two modules of one name in different folders."""
    homes: dict[Path, str] = {}
    found = []
    for item in items:
        if getattr(item, "originalname", "") == "test_golden":
            with suppress(GoldenError):  # a test that may not have a golden is refused when it asks
                found += [item.nodeid] if homes.setdefault(golden_path(item), item.nodeid) != item.nodeid else []
    return found


def dropped_tests(config: pytest.Config, found: Iterable[str], kept: Collection[str], deselected: Collection[str]) -> list[str]:
    """Return the tests that neither an option of pytest's nor this suite left out: something in a conftest or a plugin did."""
    chosen = deselected if any(config.getoption(option, None) for option in CHOOSING) else ()
    return [nodeid for nodeid in found if nodeid not in kept and nodeid not in chosen]


def problems(call: Collected, endings: Mapping[str, EndedTest], *, shipped: bool, expected: Collection[str] = ()) -> list[str]:
    """Return why the run may not be green although no test failed, one kind a line.

    `shipped` says that no optimizer is under test: then every claim and golden applies. `expected` is what may fail.
    """
    ordered = dict.fromkeys([*(nodeid for nodeid in call.selected if nodeid in endings), *endings])  # workers end in any order
    ended = {nodeid: endings[nodeid] for nodeid in ordered if not _nothing_to_try(nodeid, call)}
    passed = {nodeid: one for nodeid, one in ended.items() if one.outcome == "passed" and not one.expected_to_fail}
    skipped = {nodeid: one for nodeid, one in ended.items() if one.outcome == "skipped" and not one.expected_to_fail}
    return [
        *_line("is due and was not collected", call.missing_tests),
        *_line("was skipped while it was collected", _because(call.unopened)),
        *_line("has the golden of another test", call.shared_goldens),
        *_line("was left out by no option of pytest", call.dropped_tests),
        *_line("was selected and did not run", [nodeid for nodeid in call.selected if nodeid not in endings]),
        *_line(
            "was skipped without a reason in the ledger",
            _because({nodeid: one.reason for nodeid, one in skipped.items() if not one.allowed}),
        ),
        *_line(
            "is marked as expected to fail, which only --expected-failures can say",
            _because({nodeid: one.reason for nodeid, one in ended.items() if one.expected_to_fail}),
        ),
        *_line("passed without saying what came of it", [nodeid for nodeid, one in passed.items() if not _spoke(nodeid, one)]),
        *_line("passed against what it said itself", [nodeid for nodeid, one in passed.items() if _belied(one, expected)]),
        *_line(
            "does not apply to the shipped optimizers, to which everything applies",
            [nodeid for nodeid, one in skipped.items() if one.allowed and shipped and short_id(nodeid).startswith(tuple(SAYS))],
        ),
    ]


def left_out(endings: Mapping[str, EndedTest]) -> dict[str, str]:
    """Return the tests that left themselves out, with their reasons."""
    return {short_id(nodeid): one.allowed for nodeid, one in sorted(endings.items()) if one.allowed}


def short_id(nodeid: str) -> str:
    """Return a node id without its folders."""
    path, separator, test = nodeid.partition("::")
    return f"{path.rpartition('/')[2]}{separator}{test}"


def _spoke(nodeid: str, one: EndedTest) -> bool:
    wanted = SAYS.get(short_id(nodeid).partition("[")[0])
    return wanted is None or wanted in one.said


def _belied(one: EndedTest, expected: Collection[str]) -> bool:
    """Return True if what a test said of itself is no pass."""
    claim, swap, golden, contract = (one.said.get(name) for name in SAYS.values())
    return any(
        (
            bool(claim) and claim["status"] not in ("held", "refuted_as_documented", "expected_failure"),
            bool(swap) and swap["status"] != "failed",
            bool(golden) and golden["status"] not in ("compared", "recorded"),
            bool(contract) and contract["met"] == (f"contract.{contract['field']}" in expected),
        )
    )


def _nothing_to_try(nodeid: str, call: Collected) -> bool:
    """Return True if pytest made the test up because its list of parameters is empty, and rightly so."""
    test = nodeid.removesuffix("[NOTSET]")
    return test != nodeid and not any(other.startswith(f"{short_id(test)}[") for other in call.missing_tests)


def _because(reasons: Mapping[str, str]) -> list[str]:
    return [f"{name} ({reason or 'no reason'})" for name, reason in reasons.items()]


def _line(what: str, names: Iterable[str]) -> list[str]:
    """Return one line that names up to ten tests, or none."""
    listed = [short_id(name) for name in names]
    more = f" and {len(listed) - MOST_NAMES} more" if len(listed) > MOST_NAMES else ""
    return [f"{what}: {', '.join(listed[:MOST_NAMES])}{more}"] if listed else []


def _pointed_at(config: pytest.Config, file: str) -> bool:
    """Return True if the run was given a file of tests/claims, or a folder around it, and no single test of it."""
    path = ROOT / "tests" / "claims" / file
    places = [Path(config.invocation_params.dir, one).resolve() for one in config.args if "::" not in one]
    return any(place == path or place in path.parents for place in places)
