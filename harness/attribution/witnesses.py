"""What do optimizers that nobody has changed give on this machine, in a scenario whose golden has moved?

A witness runs the scenario as it was shipped, with our float64 reference or with torch's own optimizers in their roles,
and is compared with the golden that was shipped: where it still agrees, what the scenario stands on has not moved.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from harness.attribution.decide import Name
from harness.catalog.entry import Entry, is_study, recipe_of
from harness.errors import RunError
from harness.goldens.compare import Row, compare
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


def run_exact(name: Name, entry: Entry, session: Session, *, shipped: Mapping[str, Recorded]) -> Mapping[str, Row]:
    """Run a witness in the exact lane (a probe whole, of a study the first steps) and compare, a row a measure."""
    own, stage = _staged(name, entry, session, entry.scenario.arms)
    return _compared(own, _exact(own, stage), shipped)


def run_ensemble(
    name: Name, entry: Entry, session: Session, *, shipped: Mapping[str, Recorded], arms: Collection[str]
) -> Mapping[str, Row]:
    """Train a witness to the end in these arms of a study, all seeds, and compare, a row a measure."""
    own, stage = _staged(name, entry, session, arms)
    return _compared(own, replace(run(own, stage), trajectory={}), shipped)


def cost(scenario: StudyScenario, arms: Collection[str]) -> int:
    """Return what it takes to train these arms of a study to the end, in run-steps."""
    return recipe_of(scenario).steps * len(scenario.seeds) * len(arms)


def _staged(name: Name, entry: Entry, session: Session, arms: Collection[str]) -> tuple[Entry, Session]:
    """Return the scenario under a name of its own, by which the store knows its pieces, and a session with the witness."""
    own = replace(entry, id=f"{entry.id}.{name}", scenario=entry.scenario.with_arms(arms))
    return own, replace(session, subjects=CASTS[name], subject_output=[])


def _exact(entry: Entry, session: Session) -> Result:
    if not is_study(entry):
        return run(entry, session)
    try:
        return Result({}, trajectory(entry, session), {})
    except RunError as error:
        return Result({}, {}, dict.fromkeys(entry.scenario.arms, str(error)))


def _compared(entry: Entry, result: Result, shipped: Mapping[str, Recorded]) -> Mapping[str, Row]:
    obtained = entries(entry, result)
    rows = compare(obtained, {name: one for name, one in shipped.items() if name in obtained})
    return {row.measure: row for row in rows}
