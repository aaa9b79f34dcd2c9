"""A golden has moved: was it this optimizer, or the environment (torch, CPU, GPU)? Asks the witnesses that can tell.

A number that is compared exactly is cheap to ask about: a probe runs again in seconds, a trajectory in a hundred steps.
Where only the ends of runs moved, a study is trained again by one witness, in the arms that moved and within a limit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.attribution import witnesses
from harness.attribution.decide import (
    WITNESSES_FOR,
    ArmOccupant,
    ArmSubjects,
    Attribution,
    Name,
    WitnessRows,
    arm_of,
    attribute,
    moved,
)
from harness.catalog.loaded_scenario import LoadedScenario, is_study
from harness.environment import determinism
from harness.goldens.compare import ComparisonRow
from harness.goldens.file_format import parse
from harness.goldens.origin import Origin
from harness.goldens.values import GoldenValue as Recorded
from harness.run import Session, path_of
from harness.subject.roles import ANY, DEFAULTS

VARIABLE = "DECAYGATE_RERUN_STEPS"  # the most run-steps for which a study is trained again; 0: never
MOST_STEPS = 100_000  # twice the largest study of the default run: minutes


def explain(loaded: LoadedScenario, rows: Sequence[ComparisonRow], session: Session, *, shipped: Path) -> Attribution:
    """Say what moved the rows of a red golden; `shipped` is the golden of torch's own optimizers for the scenario.

    Never raises: what went wrong is then why nothing can be told, and the golden's own failure stays what is shown.
    """
    try:
        if not shipped.exists():
            return Attribution("not comparable", "nothing is recorded of torch's own optimizers for this scenario")
        recording = parse(shipped.read_text(encoding="utf-8"))
        found = _explain(loaded, rows, session, recording.entries)
        since = _since(recording.origin) if found.kind in ("the environment", "both") or not session.subjects.under_test else ""
        return replace(found, why=found.why + since)
    except Exception as error:
        return Attribution("not comparable", f"asking ended in {type(error).__name__}: {' '.join(str(error).split())}")


def arm_subjects(loaded: LoadedScenario, session: Session) -> ArmSubjects:
    """Return what runs in the arms of a scenario, and of which arms nothing can be told."""
    runs: dict[str, ArmOccupant] = {}
    names: dict[str, str] = {}
    obstacles: dict[str, str] = {}
    for arm, chosen in loaded.scenario.arms.items():
        usual = DEFAULTS["decoupled" if chosen.role == ANY else chosen.role] if chosen.role != "fixed" else chosen.subject
        names[arm] = f"torch's {usual.rpartition(':')[2]}" if chosen.role != "fixed" else usual
        runs[arm] = _runs(loaded, arm, session, usual)
        obstacle = _obstacle(loaded, arm, session, runs[arm])
        obstacles |= {arm: obstacle} if obstacle else {}
    return ArmSubjects(runs, names, obstacles)


def _explain(
    loaded: LoadedScenario, rows: Sequence[ComparisonRow], session: Session, shipped: Mapping[str, Recorded]
) -> Attribution:
    left = [row for row in rows if moved(row)]
    exact = [row for row in left if not _is_end(row)]
    lane = [row for row in rows if not (exact and _is_end(row))]
    known = arm_subjects(loaded, session)
    arms = sorted({arm_of(row.measure) for row in exact or left} - set(known.obstacles))
    asked: list[Name] = [name for name in ("reference", "torch") if any(name in WITNESSES_FOR[known.runs[arm]] for arm in arms)]
    if not asked:
        return attribute(lane, {}, known)
    if exact or not is_study(loaded):
        return attribute(lane, {name: witnesses.run_exact(name, loaded, session, shipped=shipped) for name in asked}, known)
    most, steps = int(os.environ.get(VARIABLE, MOST_STEPS)), witnesses.cost(loaded.scenario, arms)
    if steps > most:
        return Attribution("not comparable", f"not trained again: {steps} run-steps, {VARIABLE} allows {most}")
    # One witness, so that a red study takes no more than twice its time: torch's own, unless that is what is under test.
    gave: WitnessRows = {asked[-1]: witnesses.run_ensemble(asked[-1], loaded, session, shipped=shipped, arms=arms)}
    return attribute(lane, gave, known)


def _since(origin: Origin | None) -> str:
    """Return which torch the shipped numbers were recorded with, where another one runs here."""
    recorded, here = origin.facts.get("torch", "") if origin else "", determinism.describe("cpu")["torch"]
    return f"; recorded with torch {recorded}, here {here}" if recorded not in ("", here) else ""


def _is_end(row: ComparisonRow) -> bool:
    return row.measure.startswith("ensemble.")


def _runs(loaded: LoadedScenario, arm: str, session: Session, usual: str) -> ArmOccupant:
    role, subjects = loaded.scenario.arms[arm].role, session.subjects
    if role == "fixed":
        return "fixed"
    if subjects.under_test and not subjects.tests(role):
        return "bystander"
    return "torch" if path_of(loaded.scenario, arm, subjects) == usual else "subject"


def _obstacle(loaded: LoadedScenario, arm: str, session: Session, runs: ArmOccupant) -> str:
    """Return why nothing can be told of an arm, or nothing."""
    chosen, subjects = loaded.scenario.arms[arm], session.subjects
    if loaded.scenario.kind == "arithmetic":
        return "no optimizer takes part in these numbers"
    if runs == "fixed" and not subjects.under_test:
        return f"{chosen.subject} runs there as the scenario names it, and nothing here computes it another way"
    if chosen.role != "fixed" and subjects.single(chosen.role):
        return "this optimizer computes in float32, and the numbers of our reference are float64"
    return ""
