"""What comes out when a scenario is run against the subjects? The only place where the parts meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from harness.catalog import formulas
from harness.catalog.loaded_scenario import Loaded, LoadedScenario, LoadedStudy, formula_arguments, recipe_of, settings_of
from harness.errors import RunError, one_line
from harness.measurement import Measurement, Measurements
from harness.probes import PROBES
from harness.spec.scenario import ArithmeticScenario, Arm, ProbeScenario, Scenario, StudyScenario
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
    """Who is under test, on which device ("cpu", "cuda"), and where this session keeps what it has run.

    `heard` collects what the subjects print or warn in this process.
    """

    subjects: Subjects
    device: str
    store: ChunkCache
    heartbeat: Progress
    subject_output: list[str]


@dataclass(frozen=True)
class Result:
    """What one scenario gave: readings by arm; `trajectory` the float64 run of each arm of a study; `failures` by arm."""

    readings: Mapping[str, Measurements]
    trajectory: Mapping[str, RunRecord]
    failures: Mapping[str, str]


def run(loaded: LoadedScenario, session: Session) -> Result:
    """Run one scenario. A subject's failure is part of the result and never an exception."""
    match loaded.scenario:
        case ProbeScenario() as scenario:
            return _probe(scenario, session)
        case StudyScenario() as scenario:
            return _study(Loaded(loaded.id, scenario, loaded.raw), session)
        case ArithmeticScenario() as scenario:
            return _arithmetic(scenario)


def study_work(loaded: LoadedStudy, session: Session) -> chunks.StudyWork:
    """Return the pieces of work that a study is made of."""
    place = chunks.TrainingContext(session.subjects, torch.device(session.device), session.heartbeat, session.subject_output)
    return chunks.study_work(loaded.id, loaded.scenario, recipe_of(loaded.scenario), place)


def trajectory(loaded: LoadedStudy, session: Session) -> dict[str, RunRecord]:
    """Return the float64 run of each arm of a study, over its first steps. Raises RunError."""
    return {one.arm: one for one in load_runs(session.store.get_or_train(study_work(loaded, session).trajectory))}


def path_of(scenario: Scenario, arm: str, subjects: Subjects) -> str:
    """Return the import path of the optimizer that an arm runs."""
    chosen = scenario.arms[arm]
    return chosen.subject or subjects.path(chosen.role)


def _probe(scenario: ProbeScenario, session: Session) -> Result:
    readings, failures = dict[str, Measurements](), dict[str, str]()
    probe = PROBES[scenario.probe]
    for name, arm in scenario.arms.items():
        path = path_of(scenario, name, session.subjects)
        try:
            with capture_output(session.subject_output):
                make = loading.factory(path, arm.options, training=False)
                single = session.subjects.single(arm.role)
                found = probe.run(in_float32(make) if single else make, settings_of(scenario, name))
            readings[name] = widen_tolerances(found) if single else found
        except Exception as error:
            failures[name] = f"arm {name}: {_line(error, path)}"
    return Result(readings, {}, failures)


def ensemble(loaded: LoadedStudy, session: Session) -> Result:
    """Return what the ensemble lane of a study gave, without its trajectory."""
    recipe = recipe_of(loaded.scenario)
    try:
        runs = [one for piece in study_work(loaded, session).ensemble for one in load_runs(session.store.get_or_train(piece))]
    except RunError as error:
        return Result({}, {}, dict.fromkeys(loaded.scenario.arms, str(error)))
    readings: dict[str, Measurements] = {}
    for name, arm in loaded.scenario.arms.items():
        own = sorted((one for one in runs if one.arm == name), key=lambda one: one.seed)
        readings[name] = read_ensemble(own, recipe, momentum=_momentum(arm))
    return Result(readings, {}, {})


def _study(loaded: LoadedStudy, session: Session) -> Result:
    found = ensemble(loaded, session)
    if found.failures:
        return found
    try:
        first = trajectory(loaded, session)
    except RunError as error:
        return Result({}, {}, dict.fromkeys(loaded.scenario.arms, str(error)))
    for name, arm in loaded.scenario.arms.items():
        if session.subjects.single(arm.role):
            del first[name]  # rounding in float32 has grown past any tolerance by its last step
    return Result(found.readings, first, {})


def _momentum(arm: Arm) -> float:
    """Return the beta1 of an arm's options; Adam's usual one where it gives none."""
    betas = arm.options.get("betas", (0.9, 0.999))
    return float(betas[0]) if isinstance(betas, tuple) else 0.9


def _arithmetic(scenario: ArithmeticScenario) -> Result:
    readings: dict[str, Mapping[str, Measurement]] = {
        name: formulas.evaluate(scenario.formula, formula_arguments(arm)) for name, arm in scenario.arms.items()
    }
    return Result(readings, {}, {})


def _line(error: Exception, path: str) -> str:
    """Return one line; what a subject did outside `step` and its constructor shows as the probe's own exception."""
    text = one_line(error)
    return text if isinstance(error, RunError) else f"{path} broke the probe: {type(error).__name__}: {text}"
