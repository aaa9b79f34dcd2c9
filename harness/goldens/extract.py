"""Which numbers of a scenario are recorded, and by what rule is each compared?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness import stats
from harness.catalog.loaded_scenario import LoadedScenario
from harness.goldens.sensitivity import distance
from harness.goldens.values import Ensemble, Exact, GoldenValue, Information, insensitive_reason, with_sensitivity
from harness.measurement import Measurement
from harness.policy import SINGLE_RTOL
from harness.run import Result
from harness.spec.scenario import ArithmeticScenario, ProbeScenario, StudyScenario
from harness.training.recipe import TRAJECTORY_STEPS
from harness.training.records import RunRecord

RECORDED_STEPS = (1, 10, 30, 60, TRAJECTORY_STEPS)  # few, so that a diff stays readable


def entries(loaded: LoadedScenario, result: Result) -> dict[str, GoldenValue]:
    """Return what the golden of a scenario holds: a probe's numbers exactly, a study's two lanes."""
    scenario = loaded.scenario
    if scenario.kind == "study":
        return {**_ensemble(scenario, result), **_trajectory(scenario, result)}
    return {
        f"{arm}.{measure}": _exact(scenario, reading)
        for arm, readings in result.readings.items()
        for measure, reading in readings.items()
    }


def ensemble(scenario: StudyScenario, samples: Mapping[str, Sequence[float]], arm: str) -> Ensemble:
    """Return the gate of `arm`, given one measure's samples by arm; later runs have as many seeds as the scenario."""
    value = Ensemble.of(samples[arm], alpha=scenario.golden.false_alarm, runs=len(scenario.seeds))
    worth_here = distance(scenario, {name: stats.moments(one)[0] for name, one in samples.items()}, arm)
    return value if worth_here is None else with_sensitivity(value, worth_here)


def gates(scenario: StudyScenario) -> list[tuple[str, str]]:
    """Return the (arm, measure) that the golden of a study gates."""
    return [(gate.arm, gate.measure) for gate in scenario.golden.gates]


def _exact(scenario: ProbeScenario | ArithmeticScenario, reading: Measurement) -> GoldenValue:
    """Return a reading under its rule; what decay has no part in, or what float32 hides decay's part of, is information."""
    told = Information.of([reading.value])
    if reading.information:
        return told
    value = Exact(reading.value, max(scenario.golden_rtol, SINGLE_RTOL if reading.single else 0.0), _absolute(reading))
    if scenario.kind == "arithmetic":
        return with_sensitivity(value, reading.value)  # a number about decay and nothing else
    if not reading.effect:
        return told if reading.single else value
    gate = with_sensitivity(value, reading.effect)
    return told if reading.single and insensitive_reason(gate) else gate


def _absolute(reading: Measurement) -> float:
    """Return the rounding error that a reading declares; noise is seeded, so a Monte-Carlo error is none."""
    return reading.tolerance if reading.tolerance is not None and reading.standard_error is None else 0.0


def _ensemble(scenario: StudyScenario, result: Result) -> dict[str, GoldenValue]:
    gated, found = gates(scenario), dict[str, GoldenValue]()
    for arm, readings in result.readings.items():
        for measure, reading in readings.items():
            if (arm, measure) in gated:
                samples = {name: own[measure].samples for name, own in result.readings.items() if measure in own}
                found[f"ensemble.{arm}.{measure}"] = ensemble(scenario, samples, arm)
            else:
                found[f"ensemble.{arm}.{measure}"] = Information.of(reading.samples)
    return found


def _trajectory(scenario: StudyScenario, result: Result) -> dict[str, GoldenValue]:
    """Return the numbers of the first steps; the signal of a measure in an arm is that of its best step."""
    at = {step: {arm: _at(run, step) for arm, run in result.trajectory.items()} for step in RECORDED_STEPS}
    found: dict[str, GoldenValue] = {}
    for arm in result.trajectory:
        for measure in at[RECORDED_STEPS[0]][arm]:
            numbers = [_number(scenario, {name: own[measure] for name, own in at[step].items()}, arm) for step in at]
            best = max((one.signal for one in numbers if one.signal is not None), default=None)
            for step, one in zip(at, numbers, strict=True):
                found[f"trajectory.{arm}.{measure}.step_{step:03d}"] = replace(one, signal=best)
    return found


def _number(scenario: StudyScenario, values: Mapping[str, float], arm: str) -> Exact:
    """Return one measure of one arm at one step, given its values in every arm."""
    value, worth_here = Exact(values[arm], scenario.golden_rtol, 0.0), distance(scenario, values, arm)
    return value if worth_here is None else with_sensitivity(value, worth_here)


def _at(run: RunRecord, step: int) -> Mapping[str, float]:
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
