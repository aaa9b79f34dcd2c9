"""Red tests of a run: kept for the summary, which names their causes, and hidden from pytest's own lists of failures."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from harness.reporting.causes import Cause, RedTest, causes
from harness.reporting.ledger import ClaimRecord, GoldenRecord
from harness.verdicts.contract_check import FieldCheck


class RedTests:
    """pytest hooks that keep the red tests with a record. With -v pytest prints them too."""

    def __init__(self, config: pytest.Config) -> None:
        self.verbose = config.option.verbose > 0
        self.claims = list[RedTest[ClaimRecord]]()
        self.fields = list[RedTest[FieldCheck]]()
        self.goldens = list[RedTest[GoldenRecord]]()
        self.kept = set[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" or not report.failed:
            return
        for name, value in report.user_properties:
            self._keep(str(name), value, str(report.longrepr).strip(), report.nodeid)

    def _keep(self, name: str, value: Any, message: str, nodeid: str) -> None:
        if name == "decaygate":
            self.claims.append(RedTest(ClaimRecord.from_record(value), message))
        elif name == "decaygate-contract":
            self.fields.append(RedTest(FieldCheck.from_record(value), message))
        elif name in ("decaygate-golden", "decaygate-fingerprint"):
            self.goldens.append(RedTest(GoldenRecord(**value), message))
        else:
            return
        self.kept.add(nodeid)

    def causes(self) -> list[Cause]:
        """Return the causes of the red tests."""
        return causes(self.claims, self.fields, self.goldens)

    def reasons(self) -> dict[str, str]:
        """Return what was measured for each red claim, and for each red field as `contract.<field>`, in one line."""
        claims = {
            test.record.id: test.record.cause or test.record.message.removeprefix(f"{test.record.id}: ") for test in self.claims
        }
        fields = {
            f"contract.{test.record.field}": test.message.splitlines()[0].removeprefix(f"contract, {test.record.field}: ")
            for test in self.fields
        }
        return claims | fields

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None]:
        """Hide the kept tests while pytest prints failures and its short summary; its last line counts them."""
        failed = terminalreporter.stats.get("failed", [])
        if self.verbose or not self.kept:
            yield
            return
        others = [report for report in failed if getattr(report, "nodeid", "") not in self.kept]
        terminalreporter.stats["failed"] = others
        yield
        terminalreporter.stats["failed"] = failed
