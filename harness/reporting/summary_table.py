"""How does a run end on the terminal? One row a claim, what was left out and why, and the counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.reporting.ledger import ClaimRecord, Ledger
from harness.verdicts.messages import number

_VERDICTS = {"held": "held", "refuted_as_documented": "refuted, as known", "failed": "FAILED", "error": "ERROR"}
_RED = ("failed", "error")


@dataclass(frozen=True)
class SummaryRow:
    """A line of the table; `red` for a claim that failed."""

    text: str
    red: bool = False


def rows(lines: Sequence[ClaimRecord]) -> list[SummaryRow]:
    """Return the table: claim, verdict, measured, expected, margin; failures last, so that they stand above the prompt."""
    ordered = sorted(lines, key=lambda line: (line.status in _RED, line.scenario))
    name = max([len(line.id) for line in ordered] + [5])
    head = f"{'claim':<{name}}  {'verdict':<17}  {'measured':>12}  {'margin':>10}  expected"
    return [SummaryRow(head), *(SummaryRow(_row(line, name).rstrip(), line.status in _RED) for line in ordered)]


def summary(ledger: Ledger, *, left_out: Sequence[str], false_red: float, budget: float) -> list[str]:
    """Return the closing lines: the counts, what was left out, the declared chance of a false red."""
    apart = ledger.counts()["not_applicable"]
    whole = len(ledger.selected) + apart == len(ledger.expected)
    said = [] if whole else [f"selected {len(ledger.selected)} of {len(ledger.expected)} claims"]
    said += left_out
    said += [one.message for one in ledger.goldens if one.widened]
    said += [f"chance of a false red, all gated verdicts and goldens: {false_red:.1e} (declared: at most {budget:.0e})"]
    return [*said, ledger.sentence()]


def _row(line: ClaimRecord, name: int) -> str:
    measured = number(line.measured) if line.measured is not None else "-"
    margin = f"{line.margin:.2g}" if line.margin is not None else "-"
    verdict = _VERDICTS.get(line.status, line.status)
    last = line.expected or line.message.removeprefix(f"{line.id}: ")
    return f"{line.id:<{name}}  {verdict:<17}  {measured:>12}  {margin:>10}  {last}"
