"""What is selected, what ran, and what is said at the end: the ledger of a run, kept by the process that reports.

Under xdist the workers know what was selected and the controller sees what ran; they meet in `workeroutput`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.catalog.applicability import involved
from harness.catalog.load import load
from harness.environment import determinism
from harness.environment.paths import ROOT
from harness.policy import DECLARED_FALSE_RED
from harness.reporting import ledger, results_json, summary_table
from harness.reporting.ledger import ClaimRecord, GoldenRecord, Ledger
from harness.run import Session
from harness.verdicts.contract_check import FieldCheck
from harness.verdicts.false_alarm_budget import chance as chance_of_false_red
from tests.plugin import completeness, manifest_check
from tests.plugin.completeness import Collected, EndedTest
from tests.plugin.run_setup import SETUP
from tests.plugin.selection import Selection, case_of, golden_of


class Reporter:
    """Hooks that select, count and report. `session` is set by the fixture of the process that runs tests."""

    def __init__(self, config: pytest.Config) -> None:
        self.config, self.setup = config, config.stash[SETUP]
        self.session: Session | None = None
        self.worker = hasattr(config, "workerinput")
        self.sorter = Selection(config, self.setup)
        self.lines: dict[str, ClaimRecord] = {}
        self.promises: list[FieldCheck] = []
        self.goldens: dict[str, GoldenRecord] = {}
        self.call, self.endings = Collected(), dict[str, EndedTest]()
        self.deselected: list[str] = []
        self.stopped = False
        self.unopened: dict[str, str] = {}
        self.selection: dict[str, Any] = {}
        self.environment: dict[str, str] = {}
        self.subject_output: list[str] = []

    def pytest_report_header(self) -> list[str]:
        subjects = self.setup.subjects
        roles = ", ".join(f"{role}={path}" for role, path in subjects.by_role.items())
        said = f"decaygate: {roles}" + (f" (under test: {', '.join(subjects.under_test)})" if subjects.under_test else "")
        if subjects.under_test:
            said += f", contract: {subjects.contract_file or 'none, held to what the role promises'}"
        return [said]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        collected = {case.claim.id for case in map(case_of, items) if case}
        found, sharing = [item.nodeid for item in items], completeness.shared_goldens(items)
        yield
        kept = {item.nodeid for item in items}
        dropped = completeness.dropped_tests(self.config, found, kept, set(self.deselected))
        selected = {case.claim.id for case in map(case_of, items) if case}
        every = {claim.id for loaded in load().values() for claim in loaded.scenario.claims}
        out = self.sorter.split(items)
        self._deselect(items, [item for group in out.values() for item in group])
        ours = tuple(item.nodeid for item in items)
        absent = completeness.missing_tests(self.config, self.setup.subjects, found)
        self.call = Collected(tuple(found), ours, tuple(dropped), self.unopened, tuple(absent), tuple(sharing))
        remaining = {case.claim.id for case in map(case_of, items) if case}
        self.selection = {
            "selected": sorted(remaining),
            "whole": collected == every and selected == collected,
            "not_applicable": _ids(out["not_applicable"]),
            "inapplicable_goldens": _scenarios(out["not_applicable"]),
            "unrecorded": _scenarios(out["unrecorded"]),
            "long": _ids(out["long"]),
        }

    def _deselect(self, items: list[pytest.Item], out: list[pytest.Item]) -> None:
        if out:
            self.config.hook.pytest_deselected(items=out)
            items[:] = [item for item in items if item not in out]

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.deselected += [item.nodeid for item in items]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            self.unopened[report.nodeid] = reason.removeprefix("Skipped: ")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.worker or (report.when != "call" and report.passed):
            return
        self.endings[report.nodeid] = completeness.ended_test(report)
        for name, value in report.user_properties:
            if name == "decaygate":
                self.lines[value["id"]] = ClaimRecord.from_record(value)
            elif name == "decaygate-contract":
                self.promises.append(FieldCheck.from_record(value))
            elif name == "decaygate-golden":
                self.goldens[value["scenario"]] = GoldenRecord(**value)
        if report.failed and "::test_claim[" in report.nodeid and not report.user_properties:
            self._note_error(report)
        if report.failed and "::test_golden[" in report.nodeid and not report.user_properties:
            scenario = report.nodeid.rpartition("[")[2].rstrip("]")
            self.goldens[scenario] = GoldenRecord(scenario, "error", {}, _last_line(report))

    def _note_error(self, report: pytest.TestReport) -> None:
        scenario, _, claim = report.nodeid.rpartition("[")[2].rstrip("]").partition(".")
        self.lines[claim] = ClaimRecord(id=claim, scenario=scenario, status="error", message=_last_line(report))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        if self.session:
            self.environment = determinism.describe(self.session.device)
            self.subject_output = list(self.session.subject_output)
        if self.worker:
            self.config.workeroutput["decaygate"] = [self.selection, self.environment, self.subject_output, self.call.plain()]
        elif self.selection:
            self._close(session)
        decided = session.exitstatus
        yield
        if decided == pytest.ExitCode.TESTS_FAILED:
            session.exitstatus = decided  # a plugin may have merged what it was called with into it

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        said = getattr(node, "workeroutput", {}).get("decaygate")
        if not said:  # it crashed
            return
        selection, environment, subject_output, call = said
        self.selection = selection or self.selection
        self.call = Collected(**call)
        self.environment = environment or self.environment
        self.subject_output += [line for line in subject_output if line not in self.subject_output]

    def _close(self, session: pytest.Session) -> None:
        self.stopped = bool(session.shouldfail) or session.exitstatus == pytest.ExitCode.INTERRUPTED
        book, green = self._ledger(), session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if green and (book.missing or self._vanished() or self._faults()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        ours = self.setup.golden == ROOT / "golden" and not self.setup.subjects.under_test
        if self._recording and ours and session.exitstatus == pytest.ExitCode.OK:
            recorded = {one.scenario for one in book.goldens if one.status in ("compared", "recorded")}
            manifest_check.extend(book.selected, recorded)
        folder = self.config.getoption("--report")
        if folder:
            content = results_json.results(
                book,
                subjects=self.setup.subjects,
                environment=self.environment,
                subject_output=self.subject_output,
                tests=self._tests(),
            )
            results_json.write_results(Path(folder), content)

    @property
    def _recording(self) -> bool:
        return bool(self.config.getoption("--snapshot-update", default=False))

    def _faults(self) -> list[str]:
        if self.config.option.collectonly:
            return []
        call = replace(self.call, selected=()) if self.stopped else self.call  # it is red anyway, and says so
        return completeness.problems(
            call, self.endings, shipped=not self.setup.subjects.under_test, expected=tuple(self.setup.expected)
        )

    def _tests(self) -> Mapping[str, Any]:
        """Return what results.json says of all tests, of claims or not."""
        ran = sum(nodeid in self.endings for nodeid in self.call.selected)
        out = completeness.left_out(self.endings)
        return {"selected": len(self.call.selected), "ran": ran, "left_out": out, "faults": self._faults()}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.selection:
            self._print_book(terminalreporter)
        for line in self._faults() if self.selection else ():
            terminalreporter.write_line(f"NOT GREEN: {line}", red=True)

    def _print_book(self, terminalreporter: pytest.TerminalReporter) -> None:
        book = self._ledger()
        if not (self.lines or self.goldens or self.selection["selected"] or self.selection["not_applicable"]):
            for line in self._vanished():
                terminalreporter.write_line(line, bold=True)
            return
        terminalreporter.section("claims about weight decay")
        for row in summary_table.rows(book.lines):
            terminalreporter.write_line(row.text, red=row.red)
        for line in self.subject_output[:20]:
            terminalreporter.write_line(f"the subject {line}")
        chosen = set(book.selected)
        chance = chance_of_false_red(one for one in load().values() if chosen & {claim.id for claim in one.scenario.claims})
        for line in summary_table.summary(book, left_out=self._left_out(), false_red=chance, budget=DECLARED_FALSE_RED):
            terminalreporter.write_line(line, bold=True)

    def _left_out(self) -> list[str]:
        said = []
        strangers = len(self._every()) - len(self._ledger().expected)
        if strangers:
            roles = " or ".join(self.setup.subjects.under_test)
            count = f"{strangers} of the suite's {len(self._every())} claims"
            said.append(f"{count} do not involve the role {roles}: not selected")
        if self.selection["unrecorded"]:
            folder = self.setup.golden / self.setup.subjects.folder
            said.append(f"goldens: not applicable, {folder} does not exist; record them with --snapshot-update")
        if self.selection["long"]:
            said.append(f"long, not run without --long: {', '.join(self.selection['long'])}")
        own = self.setup.golden / self.setup.subjects.folder
        said += manifest_check.stale(own) if own != ROOT / "golden" / "default" else []
        return said + self._vanished()

    def _vanished(self) -> list[str]:
        """Return which recorded claims and goldens are gone and, when the whole suite ran, which are not recorded."""
        return manifest_check.vanished(whole=self.selection["whole"] and not self._recording, recording=self._recording)

    def _ledger(self) -> Ledger:
        expected, lines = [], dict(self.lines)
        obstacles = self.sorter.obstacles()
        for loaded in load().values():
            for claim in loaded.scenario.claims:
                if involved(loaded, claim, self.setup.subjects):
                    expected.append(claim.id)
                if claim.id in self.selection["not_applicable"]:
                    lines[claim.id] = ledger.not_applicable(loaded, claim, obstacles[claim.id])
        goldens = {**self._apart(), **self.goldens}
        selected = tuple(self.selection["selected"])
        return Ledger(tuple(expected), selected, tuple(lines.values()), tuple(self.promises), tuple(goldens.values()))

    def _apart(self) -> dict[str, GoldenRecord]:
        """Return the goldens that were left out because they say nothing about this subject."""
        why = dict.fromkeys(self.selection["inapplicable_goldens"], "its claims do not apply, or it is of another kind of run")
        why |= dict.fromkeys(self.selection["unrecorded"], f"nothing is recorded of {self.setup.subjects.folder}")
        return {one: GoldenRecord(one, "not_applicable", {}, reason) for one, reason in why.items()}

    def _every(self) -> list[str]:
        return [claim.id for loaded in load().values() for claim in loaded.scenario.claims]


def _last_line(report: pytest.TestReport) -> str:
    said = str(report.longrepr).strip().splitlines()[-1:]
    return said[0] if said else "no message"


def _scenarios(items: list[pytest.Item]) -> list[str]:
    """Return the scenarios whose goldens are among these tests."""
    return sorted({loaded.id for loaded in map(golden_of, items) if loaded})


def _ids(items: list[pytest.Item]) -> list[str]:
    """Return the claims among these tests."""
    return sorted({case.claim.id for case in map(case_of, items) if case})
