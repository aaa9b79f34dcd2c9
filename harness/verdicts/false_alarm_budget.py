"""How likely is a red that nothing deserves? The declared chances of all gated verdicts and goldens, summed."""

from __future__ import annotations

from collections.abc import Iterable

from harness.catalog.entry import Entry
from harness.verdicts.judge import false_red


def chance(entries: Iterable[Entry]) -> float:
    """Return the summed chance of a false red over the studies among `entries` (exact gates have none)."""
    return sum(_of_study(entry) for entry in entries if entry.scenario.kind == "study")


def _of_study(entry: Entry) -> float:
    scenario = entry.scenario
    gates = [false_red(item, len(scenario.seeds)) for claim in scenario.claims for item in claim.expect]
    golden = scenario.golden.false_alarm * len(scenario.golden.gates) if scenario.golden else 0.0
    return sum(gates) + golden
