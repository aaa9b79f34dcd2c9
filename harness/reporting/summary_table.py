"""Summary on the terminal: a table of scenarios or of claims, what was left out, and the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.reporting.ledger import ClaimRecord, Ledger
from harness.spec.contract import CONTRACT_HAS
from harness.verdicts.messages import number

_VERDICTS = {
    "not_applicable": "not applicable",
    "held": "held",
    "refuted_as_documented": "held, source wrong",
    "expected_failure": "fails as expected",
    "failed": "FAILED",
    "error": "ERROR",
}
_RED = ("failed", "error")
_VERDICT_WIDTH = 18
_NAMED_REASONS = 2  # lines of the contract that are named as the reason for which most claims do not apply


@dataclass(frozen=True)
class SummaryRow:
    """A line of the table. `red`: a claim failed or ended with an error."""

    text: str
    red: bool = False


def claim_rows(lines: Sequence[ClaimRecord], width: int) -> list[SummaryRow]:
    """Return the table of claims: claim, verdict, measured value and what it should be. Failures come last, next to the prompt.

    A claim has one line if the terminal is wide enough, else two.
    """
    ordered = sorted(lines, key=lambda line: (line.status in _RED, line.scenario))
    longest = max([len(line.id) for line in ordered] + [5])
    one_line = width >= longest + 2 * _VERDICT_WIDTH
    rows = []
    for line in ordered:
        text = f"{line.id:<{longest}}  {_claim(line)}" if one_line else f"{line.id}\n    {_claim(line)}"
        rows += [SummaryRow(_cut(part, width), line.status in _RED) for part in text.splitlines()]
    return rows


def scenario_rows(ledger: Ledger, width: int, *, only_red: bool) -> list[SummaryRow]:
    """Return the table of scenarios: how many of its claims have each verdict. The last row counts the fields of the contract.

    `only_red` leaves out scenarios without a red claim, and says how many they are.
    """
    scenarios = scenario_counts(ledger)
    longest = max([len(name) for name, _, _ in scenarios] + [len("contract")])
    rows = [SummaryRow(f"{name:<{longest}}  {counts}"[:width], red) for name, counts, red in scenarios if red or not only_red]
    green = sum(not red for _, _, red in scenarios)
    if only_red and green:
        rows.append(SummaryRow(f"{green} other scenarios are green (-v lists every claim)"))
    if ledger.field_checks:
        unmet = sum(not check.met for check in ledger.field_checks)
        counts = f"{len(ledger.field_checks) - unmet} fields met" + (f", {unmet} NOT MET" if unmet else "")
        rows.append(SummaryRow(f"{'contract':<{longest}}  {counts}", bool(unmet)))
    return rows


def scenario_counts(ledger: Ledger) -> list[tuple[str, str, bool]]:
    """Return for each scenario its name, the number of its claims with each verdict in words, and whether one is red."""
    by_scenario: dict[str, Counter[str]] = {}
    for line in sorted(ledger.claims, key=lambda line: line.scenario):
        by_scenario.setdefault(line.scenario, Counter())[line.status] += 1
    return [(scenario, _counts(counts), any(counts[status] for status in _RED)) for scenario, counts in by_scenario.items()]


def summary(ledger: Ledger, *, left_out: Sequence[str], false_red: float, budget: float) -> list[str]:
    """Return the last lines: selected claims, `left_out`, goldens with fewer seeds, the chance of a false alarm, the counts.

    `false_red` is the summed chance that a right optimizer fails; `budget` is its declared limit.
    """
    not_applicable = ledger.counts()["not_applicable"]
    complete = len(ledger.selected) + not_applicable == len(ledger.expected)
    lines = [] if complete else [f"selected {len(ledger.selected)} of {len(ledger.expected)} claims"]
    lines += left_out
    lines += [golden.message for golden in ledger.goldens if golden.widened]
    if false_red:
        lines += [f"chance that a right optimizer fails one of the selected tests: {false_red:.1e} (limit: {budget:.0e})"]
    return [*lines, *_applicable(ledger), ledger.sentence()]


def _applicable(ledger: Ledger) -> list[str]:
    """Return a line on how many claims apply to the contract, and which of its lines leave out most of the others."""
    reasons = [claim.message for claim in ledger.claims if claim.status == "not_applicable" and CONTRACT_HAS in claim.message]
    if not reasons:
        return []
    most = Counter(reason.rpartition(CONTRACT_HAS)[2] for reason in reasons).most_common(_NAMED_REASONS)
    excluding = " and ".join(f"{line} ({count})" for line, count in most)
    total = len(ledger.claims)
    return [f"{total - len(reasons)} of {total} claims apply to this contract; most others are left out by {excluding}"]


def _cut(text: str, width: int) -> str:
    """Return a line that fits the terminal; its columns stay where they are."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _counts(counts: Counter[str]) -> str:
    """Return the number of claims with each verdict in words."""
    held = counts["held"] + counts["refuted_as_documented"]
    parts = [(held, "held"), (counts["expected_failure"], "failed as expected"), (counts["not_applicable"], "not applicable")]
    parts += [(counts["failed"], "FAILED"), (counts["error"], "ERROR")]
    return ", ".join(f"{count} {text}" for count, text in parts if count)


def _claim(line: ClaimRecord) -> str:
    """Return verdict, measured number and what it should be."""
    verdict = f"{_VERDICTS.get(line.status, line.status):<{_VERDICT_WIDTH}}"
    if line.measured is None or not line.expected:
        return f"{verdict}  {line.message.removeprefix(f'{line.id}: ')}"
    unit = f" ({line.unit})" if line.unit else ""
    return f"{verdict}  {number(line.measured)}{unit}; should be {line.expected}"
