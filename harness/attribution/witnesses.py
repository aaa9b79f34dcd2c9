"""What do optimizers that nobody has changed give on this machine, in a scenario whose golden has moved?

A witness runs the scenario as it was shipped, with our float64 reference or with torch's own optimizers in their roles,
and is compared with the golden that was shipped: where it still agrees, what the scenario stands on has not moved.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from harness.attribution.decide import Name
from harness.catalog.loaded_scenario import LoadedScenario, is_study, recipe_of
from harness.errors import RunError
from harness.goldens.compare import ComparisonRow, compare
from harness.goldens.extract import entries
from harness.goldens.values import GoldenValue as Recorded
from harness.optimizers import numpy_reference
from harness.run import Result, Session, run, trajectory
from harness.spec.scenario import StudyScenario
from harness.subject.roles import DEFAULTS, Subjects

CASTS: Mapping[Name, Subjects] = {
    "reference": Subjects({role: numpy_reference.PATHS[path] for role, path in DEFAULTS.items()}),
    "torch": Subjects(DEFAULTS),
}


def run_exact(
    name: Name, loaded: LoadedScenario, session: Session, *, shipped: Mapping[str, Recorded]
) -> Mapping[str, ComparisonRow]:
    """Run a witness in the exact lane (a probe whole, of a study the first steps) and compare, a row a measure."""
    own, stage = _staged(name, loaded, session, loaded.scenario.arms)
    return _compared(own, _exact(own, stage), shipped)


def run_ensemble(
    name: Name, loaded: LoadedScenario, session: Session, *, shipped: Mapping[str, Recorded], arms: Collection[str]
) -> Mapping[str, ComparisonRow]:
    """Train a witness to the end in these arms of a study, all seeds, and compare, a row a measure."""
    own, stage = _staged(name, loaded, session, arms)
    return _compared(own, replace(run(own, stage), trajectory={}), shipped)


def cost(scenario: StudyScenario, arms: Collection[str]) -> int:
    """Return what it takes to train these arms of a study to the end, in run-steps."""
    return recipe_of(scenario).steps * len(scenario.seeds) * len(arms)


def _staged(name: Name, loaded: LoadedScenario, session: Session, arms: Collection[str]) -> tuple[LoadedScenario, Session]:
    """Return the scenario under a name of its own, by which the store knows its pieces, and a session with the witness."""
    own = replace(loaded, id=f"{loaded.id}.{name}", scenario=loaded.scenario.with_arms(arms))
    return own, replace(session, subjects=CASTS[name], subject_output=[])


def _exact(loaded: LoadedScenario, session: Session) -> Result:
    if not is_study(loaded):
        return run(loaded, session)
    try:
        return Result({}, trajectory(loaded, session), {})
    except RunError as error:
        return Result({}, {}, dict.fromkeys(loaded.scenario.arms, str(error)))


def _compared(loaded: LoadedScenario, result: Result, shipped: Mapping[str, Recorded]) -> Mapping[str, ComparisonRow]:
    obtained = entries(loaded, result)
    rows = compare(obtained, {name: one for name, one in shipped.items() if name in obtained})
    return {row.measure: row for row in rows}
