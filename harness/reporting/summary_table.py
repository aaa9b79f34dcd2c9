"""Summary on the terminal: a table with one row a claim, the claims that were left out, and the counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.reporting.ledger import ClaimRecord, Ledger
from harness.verdicts.messages import number

_VERDICTS = {
    "not_applicable": "not applicable",
    "held": "held",
    "refuted_as_documented": "held, source wrong",
    "failed": "FAILED",
    "error": "ERROR",
}
_RED = ("failed", "error")


@dataclass(frozen=True)
class SummaryRow:
    """A line of the table. `red`: the claim failed or ended with an error."""

    text: str
    red: bool = False


def rows(lines: Sequence[ClaimRecord]) -> list[SummaryRow]:
    """Return the table: claim, verdict, measured value, margin, expectation. Failures come last, next to the prompt."""
    ordered = sorted(lines, key=lambda line: (line.status in _RED, line.scenario))
    width = max([len(line.id) for line in ordered] + [5])
    header = f"{'claim':<{width}}  {'verdict':<18}  {'measured':>12}  {'margin':>10}  expected"
    return [SummaryRow(header), *(SummaryRow(_row(line, width).rstrip(), line.status in _RED) for line in ordered)]


def summary(ledger: Ledger, *, left_out: Sequence[str], false_red: float, budget: float) -> list[str]:
    """Return the last lines: selected claims, `left_out`, goldens with fewer seeds, the chance of a false alarm, the counts.

    `false_red` is the summed chance that a right optimizer fails; `budget` is its declared limit.
    """
    not_applicable = ledger.counts()["not_applicable"]
    complete = len(ledger.selected) + not_applicable == len(ledger.expected)
    lines = [] if complete else [f"selected {len(ledger.selected)} of {len(ledger.expected)} claims"]
    lines += left_out
    lines += [golden.message for golden in ledger.goldens if golden.widened]
    chance = f"{false_red:.1e}" if false_red else "0"
    lines += [f"chance that a right optimizer fails one of the selected tests: {chance} (limit: {budget:.0e})"]
    return [*lines, ledger.sentence()]


def _row(line: ClaimRecord, width: int) -> str:
    measured = number(line.measured) if line.measured is not None else "-"
    margin = f"{line.margin:.2g}" if line.margin is not None else "-"
    verdict = _VERDICTS.get(line.status, line.status)
    expectation = line.expected or line.message.removeprefix(f"{line.id}: ")
    return f"{line.id:<{width}}  {verdict:<18}  {measured:>12}  {margin:>10}  {expectation}"
