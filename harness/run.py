"""Running of one scenario against the subjects of a session. The only module in which all parts meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from harness.catalog import formulas
from harness.catalog.loaded_scenario import Loaded, LoadedScenario, LoadedStudy, formula_arguments, recipe_of, settings_of
from harness.errors import RunError, one_line
from harness.measurement import Measurement, Measurements, Unmeasured
from harness.probes import PROBES
from harness.spec.scenario import ArithmeticScenario, Arm, ProbeArm, ProbeScenario, Scenario, StudyScenario
from harness.subject import loading
from harness.subject.float32 import in_float32, widen_tolerances
from harness.subject.output import capture_output
from harness.subject.roles import Subjects
from harness.training import chunks
from harness.training.chunk_cache import ChunkCache
from harness.training.measures import read_ensemble
from harness.training.progress import Progress
from harness.training.records import RunRecord, load_runs


@dataclass(frozen=True)
class Session:
    """The subjects under test, the device ("cpu", "cuda"), and the cache of the trained chunks.

    `progress` prints the progress of training. `subject_output` collects the lines that the subjects print or warn in this
    process.
    """

    subjects: Subjects
    device: str
    chunk_cache: ChunkCache
    progress: Progress
    subject_output: list[str]


@dataclass(frozen=True)
class Result:
    """The result of one scenario.

    `measurements`: the measurements by arm. `trajectory`: the float64 run of the first steps by arm, of a study. `failures`: the
    message by arm if the arm failed, and by `arm.measure` if one measure failed.
    """

    measurements: Mapping[str, Measurements]
    trajectory: Mapping[str, RunRecord]
    failures: Mapping[str, str]


def run(loaded: LoadedScenario, session: Session) -> Result:
    """Run one scenario and return its result. A subject's failure is part of the result and never an exception."""
    match loaded.scenario:
        case ProbeScenario() as scenario:
            return _probe(scenario, session)
        case StudyScenario() as scenario:
            return _study(Loaded(loaded.id, scenario, loaded.raw), session)
        case ArithmeticScenario() as scenario:
            return _arithmetic(scenario)


def study_chunks(loaded: LoadedStudy, session: Session) -> chunks.StudyChunks:
    """Return the chunks of a study."""
    context = chunks.TrainingContext(session.subjects, torch.device(session.device), session.progress, session.subject_output)
    return chunks.study_chunks(loaded.id, loaded.scenario, recipe_of(loaded.scenario), context)


def trajectory(loaded: LoadedStudy, session: Session) -> dict[str, RunRecord]:
    """Return the float64 run of each arm of a study, over its first steps. Raises RunError."""
    return {
        record.arm: record for record in load_runs(session.chunk_cache.get_or_train(study_chunks(loaded, session).trajectory))
    }


def path_of(scenario: Scenario, arm: str, subjects: Subjects) -> str:
    """Return the import path of the optimizer that an arm runs."""
    config = scenario.arms[arm]
    return config.subject or subjects.path(config.role)


def options_of(arm: ProbeArm, subjects: Subjects) -> Mapping[str, Any]:
    """Return the options of the optimizer in an arm of a probe.

    The arm's `constants` are included, except for an optimizer under test whose contract does not declare `adam_options: taken`.
    """
    takes = not subjects.is_under_test(arm.role) or subjects.contract(arm.role)["adam_options"] == "taken"
    return {**(arm.constants if takes else {}), **arm.options}


def _probe(scenario: ProbeScenario, session: Session) -> Result:
    by_arm, failures = dict[str, Measurements](), dict[str, str]()
    probe = PROBES[scenario.probe]
    for name, arm in scenario.arms.items():
        path = path_of(scenario, name, session.subjects)
        try:
            with capture_output(session.subject_output):
                make = loading.make_factory(path, options_of(arm, session.subjects), training=False)
                float32 = session.subjects.computes_in_float32(arm.role)
                measured = probe.run(in_float32(make) if float32 else make, settings_of(scenario, name))
        except Exception as error:
            failures[name] = f"arm {name}: {_failure_message(error, path)}"
            continue
        measurements = {key: value for key, value in measured.items() if isinstance(value, Measurement)}
        by_arm[name] = widen_tolerances(measurements) if float32 else measurements
        unmeasured = {key: value.reason for key, value in measured.items() if isinstance(value, Unmeasured)}
        failures |= {f"{name}.{key}": f"arm {name}, {key}: {reason}" for key, reason in unmeasured.items()}
    return Result(by_arm, {}, failures)


def ensemble(loaded: LoadedStudy, session: Session) -> Result:
    """Return the result of the ensemble lane of a study, without its trajectory."""
    recipe = recipe_of(loaded.scenario)
    try:
        runs = [
            record
            for chunk in study_chunks(loaded, session).ensemble
            for record in load_runs(session.chunk_cache.get_or_train(chunk))
        ]
    except RunError as error:
        return Result({}, {}, dict.fromkeys(loaded.scenario.arms, str(error)))
    measurements: dict[str, Measurements] = {}
    for name, arm in loaded.scenario.arms.items():
        of_arm = sorted((record for record in runs if record.arm == name), key=lambda record: record.seed)
        measurements[name] = read_ensemble(of_arm, recipe, momentum=_momentum(arm))
    return Result(measurements, {}, {})


def _study(loaded: LoadedStudy, session: Session) -> Result:
    result = ensemble(loaded, session)
    if result.failures:
        return result
    try:
        first_steps = trajectory(loaded, session)
    except RunError as error:
        return Result({}, {}, dict.fromkeys(loaded.scenario.arms, str(error)))
    for name, arm in loaded.scenario.arms.items():
        if session.subjects.computes_in_float32(arm.role):
            del first_steps[name]  # by the last step, rounding in float32 has grown past any tolerance
    return Result(result.measurements, first_steps, {})


def _momentum(arm: Arm) -> float:
    """Return beta1 from an arm's options, or Adam's default of 0.9 if they have no betas."""
    betas = arm.options.get("betas", (0.9, 0.999))
    return float(betas[0]) if isinstance(betas, tuple) else 0.9


def _arithmetic(scenario: ArithmeticScenario) -> Result:
    measurements: dict[str, Mapping[str, Measurement]] = {
        name: formulas.evaluate(scenario.formula, formula_arguments(arm)) for name, arm in scenario.arms.items()
    }
    return Result(measurements, {}, {})


def _failure_message(error: Exception, path: str) -> str:
    """Return the message of a failed arm, as one line.

    If something other than `step` or the constructor of the subject fails, the exception comes from the probe and does not name
    the subject, so the message adds it.
    """
    text = one_line(error)
    return text if isinstance(error, RunError) else f"the probe raised while it ran {path}: {type(error).__name__}: {text}"
