"""Golden values of a scenario: which numbers of a result are recorded, and by which rule each is compared.

The rule by the kind of scenario:

    arithmetic    every number is exact
    probe         a number is exact, or information if weight decay has no part in it or float32 rounding hides that part
    study, end    a gate of the golden is an ensemble; every other measure of an arm is information
    study, start  the measures of the trajectory lane are exact, at the steps `RECORDED_STEPS`
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness import stats
from harness.catalog.loaded_scenario import LoadedScenario
from harness.goldens.sensitivity import distance
from harness.goldens.values import Ensemble, Exact, GoldenValue, Information, insensitive_reason, with_sensitivity
from harness.measurement import Measurement
from harness.policy import FLOAT32_RTOL
from harness.run import Result
from harness.spec.scenario import ArithmeticScenario, ProbeScenario, StudyScenario
from harness.training.recipe import TRAJECTORY_STEPS
from harness.training.records import RunRecord

RECORDED_STEPS = (1, 10, 30, 60, TRAJECTORY_STEPS)  # few, so that a diff stays readable


def entries(loaded: LoadedScenario, result: Result) -> dict[str, GoldenValue]:
    """Return the golden values of a scenario's result, by name: `arm.measure`, and in a study the lane before them."""
    scenario = loaded.scenario
    if scenario.kind == "study":
        return {**_ensemble(scenario, result), **_trajectory(scenario, result)}
    return {
        f"{arm}.{measure}": _exact(scenario, measurement)
        for arm, measurements in result.measurements.items()
        for measure, measurement in measurements.items()
    }


def ensemble(scenario: StudyScenario, samples: Mapping[str, Sequence[float]], arm: str) -> Ensemble:
    """Return the golden value of a gated measure in `arm`, given the measure's samples by arm.

    It is compared with the means of later runs, which have as many seeds as the scenario.
    """
    value = Ensemble.of(samples[arm], alpha=scenario.golden.false_alarm, runs=len(scenario.seeds))
    arm_distance = distance(scenario, {name: stats.mean_and_sd(values)[0] for name, values in samples.items()}, arm)
    return value if arm_distance is None else with_sensitivity(value, arm_distance)


def gates(scenario: StudyScenario) -> list[tuple[str, str]]:
    """Return the pairs (arm, measure) that the golden of a study gates."""
    return [(gate.arm, gate.measure) for gate in scenario.golden.gates]


def _exact(scenario: ProbeScenario | ArithmeticScenario, measurement: Measurement) -> GoldenValue:
    """Return the golden value of one measurement.

    It is information if weight decay has no part in the number, or if the rounding of float32 hides that part.
    """
    information = Information.of([measurement.value])
    if measurement.information:
        return information
    value = Exact(
        measurement.value,
        max(scenario.golden_rtol, FLOAT32_RTOL if measurement.computed_in_float32 else 0.0),
        _absolute(measurement),
    )
    if scenario.kind == "arithmetic":
        return with_sensitivity(value, measurement.value)  # the whole number is an effect of weight decay
    if not measurement.effect:
        return information if measurement.computed_in_float32 else value
    gate = with_sensitivity(value, measurement.effect)
    return information if measurement.computed_in_float32 and insensitive_reason(gate) else gate


def _absolute(measurement: Measurement) -> float:
    """Return the rounding error that a measurement declares.

    A Monte-Carlo error does not count: the random numbers are seeded, so a new run draws the same ones.
    """
    return measurement.tolerance if measurement.tolerance is not None and measurement.standard_error is None else 0.0


def _ensemble(scenario: StudyScenario, result: Result) -> dict[str, GoldenValue]:
    gated, values = gates(scenario), dict[str, GoldenValue]()
    for arm, measurements in result.measurements.items():
        for measure, measurement in measurements.items():
            if (arm, measure) in gated:
                samples = {name: others[measure].samples for name, others in result.measurements.items() if measure in others}
                values[f"ensemble.{arm}.{measure}"] = ensemble(scenario, samples, arm)
            else:
                values[f"ensemble.{arm}.{measure}"] = Information.of(measurement.samples)
    return values


def _trajectory(scenario: StudyScenario, result: Result) -> dict[str, GoldenValue]:
    """Return the exact values of the first steps. Every step of a measure gets the largest sensitivity of all its steps."""
    steps = {step: {arm: _at(run, step) for arm, run in result.trajectory.items()} for step in RECORDED_STEPS}
    golden_values: dict[str, GoldenValue] = {}
    for arm in result.trajectory:
        for measure in steps[RECORDED_STEPS[0]][arm]:
            numbers = [_number(scenario, {name: row[measure] for name, row in steps[step].items()}, arm) for step in steps]
            best = max((number.signal for number in numbers if number.signal is not None), default=None)
            for step, number in zip(steps, numbers, strict=True):
                golden_values[f"trajectory.{arm}.{measure}.step_{step:03d}"] = replace(number, signal=best)
    return golden_values


def _number(scenario: StudyScenario, values: Mapping[str, float], arm: str) -> Exact:
    """Return the golden value of one measure of one arm at one step, given the measure's values in every arm."""
    value, arm_distance = Exact(values[arm], scenario.golden_rtol, 0.0), distance(scenario, values, arm)
    return value if arm_distance is None else with_sensitivity(value, arm_distance)


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
