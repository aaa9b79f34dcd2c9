"""What is selected, what ran, and what is said at the end: the ledger of a run, kept by the process that reports.

Under xdist the workers know what was selected and the controller sees what ran; they meet in `workeroutput`.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from harness import budget, catalogue, determinism, ledger, table
from harness.applicability import involved
from harness.ledger import Ledger, Line, Promise
from harness.run import Session
from tests.selection import Selection, place_of
from tests.setup import SETUP

MANIFEST = "claims.txt"


class Reporter:
    """Hooks that select, count and report. `session` is set by the fixture of the process that runs tests."""

    def __init__(self, config: pytest.Config) -> None:
        self.config, self.setup = config, config.stash[SETUP]
        self.session: Session | None = None
        self.worker = hasattr(config, "workerinput")
        self.sorter = Selection(config, self.setup)
        self.lines: dict[str, Line] = {}
        self.promises: list[Promise] = []
        self.selection: dict[str, Any] = {}
        self.environment: dict[str, str] = {}
        self.heard: list[str] = []

    def pytest_report_header(self) -> list[str]:
        subjects = self.setup.subjects
        roles = ", ".join(f"{role}={path}" for role, path in subjects.by_role.items())
        said = f"decaygate: {roles}" + (f" (under test: {', '.join(subjects.under_test)})" if subjects.under_test else "")
        if subjects.under_test:
            said += f", contract: {subjects.contract_file or 'none, held to what the role promises'}"
        return [said]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        collected = {place.claim.id for place in map(place_of, items) if place}
        yield
        selected = {place.claim.id for place in map(place_of, items) if place}
        every = {claim.id for entry in catalogue.load().values() for claim in entry.scenario.claims}
        out = self.sorter.split(items)
        self._deselect(items, [item for group in out.values() for item in group])
        remaining = {place.claim.id for place in map(place_of, items) if place}
        self.selection = {
            "selected": sorted(remaining),
            "whole": collected == every and selected == collected,
            "not_applicable": _ids(out["not_applicable"]),
            "unrecorded": len(out["unrecorded"]),
            "long": _ids(out["long"]),
        }

    def _deselect(self, items: list[pytest.Item], out: list[pytest.Item]) -> None:
        if out:
            self.config.hook.pytest_deselected(items=out)
            items[:] = [item for item in items if item not in out]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.worker or (report.when != "call" and report.passed):
            return
        for name, value in report.user_properties:
            if name == "decaygate":
                self.lines[value["id"]] = Line(**value | {"sources": tuple(value["sources"])})
            elif name == "decaygate-contract":
                self.promises.append(Promise(**value | {"measured": tuple(value["measured"])}))
        if report.failed and "::test_claim[" in report.nodeid and not report.user_properties:
            self._note_error(report)

    def _note_error(self, report: pytest.TestReport) -> None:
        scenario, _, claim = report.nodeid.rpartition("[")[2].rstrip("]").partition(".")
        last = str(report.longrepr).strip().splitlines()[-1:] or ["no message"]
        self.lines[claim] = Line(claim, scenario, (), "", "error", None, "", None, last[0])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        if self.session:
            self.environment = determinism.describe(self.session.device)
            self.heard = list(self.session.heard)
        if self.worker:
            self.config.workeroutput["decaygate"] = [self.selection, self.environment, self.heard]
        elif self.selection:
            self._close(session)
        yield

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        selection, environment, heard = getattr(node, "workeroutput", {}).get("decaygate", ({}, {}, []))
        self.selection = selection or self.selection
        self.environment = environment or self.environment
        self.heard += [line for line in heard if line not in self.heard]

    def _close(self, session: pytest.Session) -> None:
        book = self._ledger()
        if session.exitstatus == pytest.ExitCode.OK and (book.missing or self._vanished()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        recording = self.config.getoption("--snapshot-update", default=False)
        ours = self.setup.golden == self._manifest.parent and not self.setup.subjects.under_test
        if recording and ours and session.exitstatus == pytest.ExitCode.OK:
            ledger.write_manifest(self._manifest, {*ledger.read_manifest(self._manifest), *book.selected})
        folder = self.config.getoption("--report")
        if folder:
            content = ledger.results(book, subjects=self.setup.subjects, environment=self.environment, heard=self.heard)
            ledger.write_results(Path(folder), content)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.selection or not (self.lines or self.selection["selected"] or self.selection["not_applicable"]):
            return
        book = self._ledger()
        terminalreporter.section("claims about weight decay")
        for line in table.rows(book.lines):
            terminalreporter.write_line(line, red=" FAILED " in line or " ERROR " in line)
        for line in self.heard[:20]:
            terminalreporter.write_line(f"the subject {line}")
        chosen = set(book.selected)
        chance = budget.chance(one for one in catalogue.load().values() if chosen & {claim.id for claim in one.scenario.claims})
        for line in table.summary(book, left_out=self._left_out(), false_red=chance, budget=budget.DECLARED):
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
        vanished = self._vanished()
        if vanished:
            said.append(f"not both in golden/{self._manifest.name} and in a scenario: {', '.join(vanished)}")
            said.append("'make record' adds a claim; one is withdrawn by deleting its line there, with a word in CHANGELOG.md")
        return said

    def _vanished(self) -> list[str]:
        """Return the claims that are in the manifest only and, when the whole suite ran, those in the scenarios only."""
        recorded, every = set(ledger.read_manifest(self._manifest)), set(self._every())
        new = (
            every - recorded
            if self.selection["whole"] and not self.config.getoption("--snapshot-update", default=False)
            else set()
        )
        return sorted((recorded - every) | new)

    def _ledger(self) -> Ledger:
        expected, lines = [], dict(self.lines)
        obstacles = self.sorter.obstacles()
        for entry in catalogue.load().values():
            for claim in entry.scenario.claims:
                if involved(entry, claim, self.setup.subjects):
                    expected.append(claim.id)
                if claim.id in self.selection["not_applicable"]:
                    lines[claim.id] = ledger.not_applicable(entry, claim, obstacles[claim.id])
        return Ledger(tuple(expected), tuple(self.selection["selected"]), tuple(lines.values()), tuple(self.promises))

    def _every(self) -> list[str]:
        return [claim.id for entry in catalogue.load().values() for claim in entry.scenario.claims]

    @property
    def _manifest(self) -> Path:
        return catalogue.ROOT / "golden" / MANIFEST


def _ids(items: list[pytest.Item]) -> list[str]:
    """Return the claims among these tests."""
    return sorted({place.claim.id for place in map(place_of, items) if place})
