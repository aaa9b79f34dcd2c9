"""Last screen of a run: the table, each cause, what was left out, the counts, and the causes in short next to the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.policy import DECLARED_FALSE_RED
from harness.reporting import red_summary, summary_table
from harness.reporting.causes import Cause
from harness.reporting.ledger import Ledger
from harness.reporting.summary_table import SummaryRow

MOST_OUTPUT = 20  # lines of the subject's own output that are printed


@dataclass(frozen=True)
class RunEnd:
    """What a run found: the ledger, the causes of its red tests, and lines about other things.

    `subject_output`: lines that the optimizer printed. `left_out`: lines about tests that did not run. `false_red`: the summed
    chance that a right optimizer fails. `notes`: lines about files that were written.
    """

    ledger: Ledger
    causes: Sequence[Cause]
    subject_output: Sequence[str] = ()
    left_out: Sequence[str] = ()
    false_red: float = 0.0
    notes: Sequence[str] = ()


def screen(end: RunEnd, *, width: int, verbose: bool) -> list[SummaryRow]:
    """Return the lines of the screen. `verbose`: the table has a row for each claim instead of each scenario."""
    if verbose:
        table = summary_table.claim_rows(end.ledger.claims, width)
    else:
        table = summary_table.scenario_rows(end.ledger, width, only_red=bool(end.causes))
    counts = summary_table.summary(end.ledger, left_out=end.left_out, false_red=end.false_red, budget=DECLARED_FALSE_RED)
    output = [f"the subject {line}" for line in end.subject_output[:MOST_OUTPUT]]
    plain = [*red_summary.details(end.causes, width), *output]
    plain += [part for line in counts for part in red_summary.wrapped(line, width)]
    last = red_summary.last_lines(end.causes, width) if end.causes else []
    return [*table, *map(SummaryRow, [*plain, *end.notes]), *(SummaryRow(line, red=True) for line in last)]
