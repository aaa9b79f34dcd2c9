"""Budget of false alarms: the summed chance that a right optimizer fails a gated verdict or golden of a study."""

from __future__ import annotations

from collections.abc import Iterable

from harness.catalog.loaded_scenario import LoadedScenario, is_study
from harness.spec.scenario import StudyScenario
from harness.verdicts.judge import false_red


def chance(entries: Iterable[LoadedScenario]) -> float:
    """Return the summed chance of a false red over the studies among `entries` (an exact gate has none)."""
    return sum(_of_study(loaded.scenario) for loaded in entries if is_study(loaded))


def _of_study(scenario: StudyScenario) -> float:
    gates = [false_red(item, len(scenario.seeds)) for claim in scenario.claims for item in claim.expect]
    return sum(gates) + scenario.golden.false_alarm * len(scenario.golden.gates)
