"""Which numbers of a scenario are recorded, and by what rule is each compared?"""

from __future__ import annotations

import math
from collections.abc import Mapping

from harness.catalogue import Entry as ScenarioEntry
from harness.comparison import Ensemble, Entry, Exact, Information
from harness.reading import Reading
from harness.record import Run
from harness.run import Result
from harness.scenario import Scenario

TRAJECTORY_STEPS = (1, 10, 30, 60, 100)  # few, so that a diff stays readable; rounding grows to 1e-10 only after step 140
SINGLE_RTOL = 1e-4  # an optimizer that computes in float32: a thousand roundings, as other machines order them


def entries(scenario_entry: ScenarioEntry, result: Result) -> dict[str, Entry]:
    """Return what the golden of a scenario holds: a probe's numbers exactly, a study's two lanes."""
    scenario = scenario_entry.scenario
    if scenario.kind == "study":
        return {**_ensemble(scenario, result), **_trajectory(scenario, result)}
    assert scenario.golden_rtol is not None, "checked when the scenario was loaded"
    return {
        f"{arm}.{measure}": Exact(
            reading.value, max(scenario.golden_rtol, SINGLE_RTOL if reading.single else 0.0), _absolute(reading)
        )
        for arm, readings in result.readings.items()
        for measure, reading in readings.items()
    }


def _absolute(reading: Reading) -> float:
    """Return the rounding error that a reading declares; noise is seeded, so a Monte-Carlo error is none."""
    return reading.tolerance if reading.tolerance is not None and reading.standard_error is None else 0.0


def _ensemble(scenario: Scenario, result: Result) -> dict[str, Entry]:
    assert scenario.golden is not None, "checked when the scenario was loaded"
    gated = {(gate.arm, gate.measure) for gate in scenario.golden.gates}
    found: dict[str, Entry] = {}
    for arm, readings in result.readings.items():
        for measure, reading in readings.items():
            if (arm, measure) in gated:
                entry: Entry = Ensemble.of(reading.samples, alpha=scenario.golden.false_alarm)
            else:
                entry = Information.of(reading.samples)
            found[f"ensemble.{arm}.{measure}"] = entry
    return found


def _trajectory(scenario: Scenario, result: Result) -> dict[str, Entry]:
    assert scenario.golden_rtol is not None, "checked when the scenario was loaded"
    return {
        f"trajectory.{arm}.{measure}.step_{step:03d}": Exact(value, scenario.golden_rtol, 0.0)
        for arm, run in result.trajectory.items()
        for step in TRAJECTORY_STEPS
        for measure, value in _at(run, step).items()
    }


def _at(run: Run, step: int) -> Mapping[str, float]:
    """Return the six measures of the trajectory lane after `step` steps."""
    norms = [float(series[step - 1]) for series in run.matrix_norms.values()]
    return {
        "loss": float(run.loss[step - 1]),
        "gradient_norm": float(run.gradient_norm[step - 1]),
        "update_norm": float(run.update_norm[step - 1]),
        "embedding_norm": float(run.matrix_norms["embedding"][step - 1]),
        "matrix_norm": math.hypot(*norms),
        "unseen_row": float(run.unseen_row[step - 1]),
    }
