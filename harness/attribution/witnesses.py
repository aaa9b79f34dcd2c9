"""Runs of the witnesses: unchanged optimizers run a scenario whose golden has moved, on this machine.

A witness is our float64 reference, or torch's own optimizers, in the roles of the scenario. Its numbers are compared with the
shipped golden. If they agree, torch, the machine and the experiment have not moved this number.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from harness.attribution.decide import WitnessName
from harness.catalog.loaded_scenario import LoadedScenario, is_study, recipe_of
from harness.errors import RunError
from harness.goldens.compare import ComparisonRow, compare
from harness.goldens.extract import entries
from harness.goldens.values import GoldenValue as Recorded
from harness.optimizers import numpy_reference
from harness.run import Result, Session, run, trajectory
from harness.spec.scenario import StudyScenario
from harness.subject.roles import DEFAULTS, Subjects

WITNESS_SUBJECTS: Mapping[WitnessName, Subjects] = {
    "reference": Subjects({role: numpy_reference.PATHS[path] for role, path in DEFAULTS.items()}),
    "torch": Subjects(DEFAULTS),
}


def run_exact(
    name: WitnessName, loaded: LoadedScenario, session: Session, *, shipped: Mapping[str, Recorded]
) -> Mapping[str, ComparisonRow]:
    """Run a witness for the exact numbers: a whole probe, or the first steps of a study. Return the comparison by measure."""
    renamed, witness_session = _with_witness(name, loaded, session, loaded.scenario.arms)
    return _compared(renamed, _exact(renamed, witness_session), shipped)


def run_ensemble(
    name: WitnessName, loaded: LoadedScenario, session: Session, *, shipped: Mapping[str, Recorded], arms: Collection[str]
) -> Mapping[str, ComparisonRow]:
    """Train a witness to the end in these arms of a study, with all seeds. Return the comparison by measure."""
    renamed, witness_session = _with_witness(name, loaded, session, arms)
    return _compared(renamed, replace(run(renamed, witness_session), trajectory={}), shipped)


def cost(scenario: StudyScenario, arms: Collection[str]) -> int:
    """Return the cost of training these arms of a study to the end, in run-steps: steps x seeds x arms."""
    return recipe_of(scenario).steps * len(scenario.seeds) * len(arms)


def _with_witness(
    name: WitnessName, loaded: LoadedScenario, session: Session, arms: Collection[str]
) -> tuple[LoadedScenario, Session]:
    """Return the scenario under an id for this witness, and the session that runs the witness.

    The chunk cache names chunks by that id, so the witness never gets the chunks of the subject.
    """
    renamed = replace(loaded, id=f"{loaded.id}.{name}", scenario=loaded.scenario.with_arms(arms))
    return renamed, replace(session, subjects=WITNESS_SUBJECTS[name], subject_output=[])


def _exact(loaded: LoadedScenario, session: Session) -> Result:
    if not is_study(loaded):
        return run(loaded, session)
    try:
        return Result({}, trajectory(loaded, session), {})
    except RunError as error:
        return Result({}, {}, dict.fromkeys(loaded.scenario.arms, str(error)))


def _compared(loaded: LoadedScenario, result: Result, shipped: Mapping[str, Recorded]) -> Mapping[str, ComparisonRow]:
    obtained = entries(loaded, result)
    rows = compare(obtained, {name: value for name, value in shipped.items() if name in obtained})
    return {row.measure: row for row in rows}
