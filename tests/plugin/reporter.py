"""Reporter of a run: pytest hooks that select the tests, count their results and print the summary.

Under xdist the workers select the tests, and the controller receives the reports. The workers send the selection to the
controller in `workeroutput`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.catalog.applicability import reads_subject
from harness.catalog.load import load
from harness.environment import commands, determinism, session_notes
from harness.environment.paths import ROOT
from harness.reporting import results_json, summary_page
from harness.reporting.annotations import VARIABLE, github_annotations
from harness.reporting.ledger import FINGERPRINT, ClaimRecord, GoldenRecord, Ledger, not_applicable
from harness.reporting.screen import RunEnd, screen
from harness.run import Session
from harness.spec import expected_failures
from harness.verdicts.contract_check import FieldCheck
from harness.verdicts.false_alarm_budget import chance as chance_of_false_red
from tests.plugin import completeness, manifest_check
from tests.plugin.completeness import Collected, EndedTest
from tests.plugin.red_tests import RedTests
from tests.plugin.run_setup import SETUP
from tests.plugin.selection import Selection, case_of, golden_of


class Reporter:
    """pytest hooks that select, count and report. The fixture `session` sets `session`; it stays None in the xdist controller."""

    def __init__(self, config: pytest.Config, red_tests: RedTests) -> None:
        self.config, self.setup, self.red_tests = config, config.stash[SETUP], red_tests
        self.session: Session | None = None
        self.worker = hasattr(config, "workerinput")
        self.sorter = Selection(config, self.setup)
        self.claims: dict[str, ClaimRecord] = {}
        self.field_checks: list[FieldCheck] = []
        self.goldens: dict[str, GoldenRecord] = {}
        self.collected, self.endings = Collected(), dict[str, EndedTest]()
        self.deselected: list[str] = []
        self.stopped = False
        self.skipped_files: dict[str, str] = {}
        self.selection: dict[str, Any] = {}
        self.environment: dict[str, str] = {}
        self.subject_output: list[str] = []

    def pytest_report_header(self) -> list[str]:
        subjects = self.setup.subjects
        roles = ", ".join(f"{role}={path}" for role, path in subjects.by_role.items())
        line = f"decaygate: {roles}" + (f" (under test: {', '.join(subjects.under_test)})" if subjects.under_test else "")
        if subjects.under_test:
            line += f", contract: {subjects.contract_file or 'none (the promises of its role apply)'}"
        return [line]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        collected_claims = {case.claim.id for case in map(case_of, items) if case}
        found, sharing = [item.nodeid for item in items], completeness.shared_goldens(items)
        yield
        kept = {item.nodeid for item in items}
        dropped = completeness.dropped_tests(self.config, found, kept, set(self.deselected))
        chosen_claims = {case.claim.id for case in map(case_of, items) if case}
        left_out = self.sorter.split(items)
        self._deselect(items, [item for group in left_out.values() for item in group])
        selected = tuple(item.nodeid for item in items)
        missing = completeness.missing_tests(self.config, self.setup.subjects, found)
        self.collected = Collected(tuple(found), selected, tuple(dropped), self.skipped_files, tuple(missing), tuple(sharing))
        self.selection = {
            "selected": _ids(items),
            "whole": collected_claims == set(self._all_claims()) and chosen_claims == collected_claims,
            "not_applicable": _ids(left_out["not_applicable"]),
            "inapplicable_goldens": _scenarios(left_out["not_applicable"]),
            "unrecorded": _scenarios(left_out["unrecorded"]),
            "long": _ids(left_out["long"]),
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
            self.skipped_files[report.nodeid] = reason.removeprefix("Skipped: ")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        session_notes.note_test(completeness.short_id(nodeid))

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self) -> None:
        session_notes.note_crash()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.worker or (report.when != "call" and report.passed):
            return
        self.endings[report.nodeid] = completeness.ended_test(report)
        for name, value in report.user_properties:
            if name == "decaygate":
                self.claims[value["id"]] = ClaimRecord.from_record(value)
            elif name == "decaygate-contract":
                self.field_checks.append(FieldCheck.from_record(value))
            elif name in ("decaygate-golden", "decaygate-fingerprint"):
                self.goldens[value["scenario"]] = GoldenRecord(**value)
        if report.failed and "::test_claim[" in report.nodeid and not report.user_properties:
            self._note_error(report)
        if report.failed and ("::test_golden[" in report.nodeid or _is_fingerprint(report)) and not report.user_properties:
            scenario = (FINGERPRINT if _is_fingerprint(report) else "") + report.nodeid.rpartition("[")[2].rstrip("]")
            self.goldens[scenario] = GoldenRecord(scenario, "error", {}, _last_line(report))

    def _note_error(self, report: pytest.TestReport) -> None:
        """Record a claim whose test broke before it recorded a result."""
        scenario, _, claim = report.nodeid.rpartition("[")[2].rstrip("]").partition(".")
        self.claims[claim] = ClaimRecord(id=claim, scenario=scenario, status="error", message=_last_line(report))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        if self.session:
            self.environment = determinism.describe(self.session.device)
            self.subject_output = list(self.session.subject_output)
        if self.worker:
            self.config.workeroutput["decaygate"] = [
                self.selection,
                self.environment,
                self.subject_output,
                self.collected.plain(),
            ]
        elif self.selection:
            self._finish(session)
        exit_code = session.exitstatus
        yield
        if exit_code == pytest.ExitCode.TESTS_FAILED:
            # Hooks of other plugins run at `yield` and may reset the exit code.
            session.exitstatus = exit_code

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", {}).get("decaygate")
        if not output:  # the worker crashed
            return
        selection, environment, subject_output, collected = output
        self.selection = selection or self.selection
        self.collected = Collected(**collected)
        self.environment = environment or self.environment
        self.subject_output += [line for line in subject_output if line not in self.subject_output]

    def _finish(self, session: pytest.Session) -> None:
        """Set the exit code, extend the manifests after a recording, and write results.json."""
        self.stopped = bool(session.shouldfail) or session.exitstatus == pytest.ExitCode.INTERRUPTED
        ledger, green = self._ledger(), session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if green and (ledger.missing or self._manifest_faults() or self._faults()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        shipped = self.setup.golden == ROOT / "golden" and not self.setup.subjects.under_test
        if self._recording and shipped and session.exitstatus == pytest.ExitCode.OK:
            recorded = {golden.scenario for golden in ledger.goldens if golden.status in ("compared", "recorded")}
            manifest_check.extend(ledger.selected, recorded & set(load()))
        self._write_expected_failures()
        folder = self.config.getoption("--report")
        if folder:
            content = results_json.results(
                ledger,
                subjects=self.setup.subjects,
                environment=self.environment,
                subject_output=self.subject_output,
                tests=self._tests(),
            )
            results_json.write_results(Path(folder), content)
            page = summary_page.summary_page(
                ledger, self.red_tests.causes(), subjects=self.setup.subjects.by_role, faults=self._faults()
            )
            summary_page.write_summary(Path(folder), page)

    def _write_expected_failures(self) -> None:
        """Write the red claims and fields, each with its cause, into the file that the option names, if there are any."""
        path, reasons = self.config.getoption("--write-expected-failures"), self.red_tests.reasons()
        if path and reasons:
            Path(path).write_text(expected_failures.draft(reasons), encoding="utf-8")

    @property
    def _recording(self) -> bool:
        return bool(self.config.getoption("--snapshot-update", default=False))

    def _faults(self) -> list[str]:
        """Return the faults of this run that are not failed tests (`completeness.problems`)."""
        if self.config.option.collectonly:
            return []
        # A run that was stopped early is red already: tests that did not run are no further fault.
        collected = replace(self.collected, selected=()) if self.stopped else self.collected
        return completeness.problems(
            collected, self.endings, shipped=not self.setup.subjects.under_test, expected=tuple(self.setup.expected)
        )

    def _tests(self) -> Mapping[str, Any]:
        """Return the entry `tests` of results.json: counts of all tests, those of claims and others."""
        ran = sum(nodeid in self.endings for nodeid in self.collected.selected)
        left_out = completeness.left_out(self.endings)
        return {"selected": len(self.collected.selected), "ran": ran, "left_out": left_out, "faults": self._faults()}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.selection:
            self._print_ledger(terminalreporter)
        for line in self._faults() if self.selection else ():
            terminalreporter.write_line(f"NOT GREEN: {line}", red=True)

    def _print_ledger(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table of claims, the subject's output and the counts; without claims and goldens, the manifest's faults."""
        ledger = self._ledger()
        if not (self.claims or self.goldens or self.selection["selected"] or self.selection["not_applicable"]):
            for line in self._manifest_faults():
                terminalreporter.write_line(line, bold=True)
            return
        terminalreporter.section("claims about weight decay")
        selected, causes = set(ledger.selected), self.red_tests.causes()
        scenarios = (loaded for loaded in load().values() if selected & {claim.id for claim in loaded.scenario.claims})
        end = RunEnd(
            ledger, causes, self.subject_output, self._left_out(), false_red=chance_of_false_red(scenarios), notes=self._notes()
        )
        width = shutil.get_terminal_size((80, 24)).columns
        for line in screen(end, width=width, verbose=self.red_tests.verbose):
            terminalreporter.write_line(line.text, red=line.red)

    def _notes(self) -> list[str]:
        """Return lines about the file of expected failures that was asked for, and the annotations if GitHub reads the output."""
        path, notes = self.config.getoption("--write-expected-failures"), []
        if path and self.red_tests.reasons():
            notes.append(f"the red tests are written to {path}: give the reasons, and add --expected-failures={path}")
        elif path:
            notes.append(f"no test is red: {path} is not written")
        return notes + (github_annotations(self.red_tests.causes()) if os.environ.get(VARIABLE) == "true" else [])

    def _left_out(self) -> list[str]:
        """Return lines about the tests that were left out, and about goldens and manifests that do not fit the scenarios."""
        lines = []
        not_involved = len(self._all_claims()) - len(self._ledger().expected)
        if not_involved:
            roles = " or ".join(self.setup.subjects.under_test)
            count = f"{not_involved} of the suite's {len(self._all_claims())} claims"
            lines.append(f"{count} do not involve the role {roles}: not selected")
        folder = self.setup.golden / self.setup.subjects.golden_subfolder
        if self.selection["unrecorded"]:
            how = "record them: decaygate record --golden-dir=DIR" if commands.is_launched() else "README, step 6"
            lines.append(f"goldens: not applicable, none are recorded for this optimizer ({how})")
        if self.selection["long"]:
            lines.append(f"left out because they are marked long (add --long): {', '.join(self.selection['long'])}")
        lines += [record.message for record in self.goldens.values() if "not recorded yet" in record.message]
        lines += manifest_check.files_without_scenario(folder) if folder != ROOT / "golden" / "default" else []
        return lines + self._manifest_faults()

    def _manifest_faults(self) -> list[str]:
        """Return the faults of the manifests for this session."""
        return manifest_check.manifest_faults(whole=self.selection["whole"] and not self._recording, recording=self._recording)

    def _ledger(self) -> Ledger:
        """Return the ledger of the run as far as it is known."""
        expected, claims = [], dict(self.claims)
        not_applicable_reasons = self.sorter.not_applicable_reasons()
        for loaded in load().values():
            for claim in loaded.scenario.claims:
                if reads_subject(loaded, claim, self.setup.subjects):
                    expected.append(claim.id)
                if claim.id in self.selection["not_applicable"]:
                    claims[claim.id] = not_applicable(loaded, claim, not_applicable_reasons[claim.id])
        goldens = {**self._left_out_goldens(), **self.goldens}
        selected = tuple(self.selection["selected"])
        return Ledger(tuple(expected), selected, tuple(claims.values()), tuple(self.field_checks), tuple(goldens.values()))

    def _left_out_goldens(self) -> dict[str, GoldenRecord]:
        """Return a record of each golden that was not compared because it does not apply to this subject or is not recorded."""
        inapplicable = "no claim of its scenario applies to this optimizer, or it was recorded in another role"
        reasons = dict.fromkeys(self.selection["inapplicable_goldens"], inapplicable)
        unrecorded = f"no golden is recorded for {self.setup.subjects.golden_subfolder}"
        reasons |= dict.fromkeys(self.selection["unrecorded"], unrecorded)
        return {scenario: GoldenRecord(scenario, "not_applicable", {}, reason) for scenario, reason in reasons.items()}

    def _all_claims(self) -> list[str]:
        """Return the ids of all claims of the suite."""
        return [claim.id for loaded in load().values() for claim in loaded.scenario.claims]


def _is_fingerprint(report: pytest.TestReport) -> bool:
    return "::test_fingerprint[" in report.nodeid


def _last_line(report: pytest.TestReport) -> str:
    """Return the last line of a report's error text."""
    lines = str(report.longrepr).strip().splitlines()[-1:]
    return lines[0] if lines else "no message"


def _scenarios(items: list[pytest.Item]) -> list[str]:
    """Return the ids of the scenarios whose goldens are among these tests, sorted."""
    return sorted({loaded.id for loaded in map(golden_of, items) if loaded})


def _ids(items: list[pytest.Item]) -> list[str]:
    """Return the ids of the claims among these tests, sorted."""
    return sorted({case.claim.id for case in map(case_of, items) if case})
