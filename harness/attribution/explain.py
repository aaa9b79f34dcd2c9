"""Attribution of a red golden: run the witnesses, and decide whether the optimizer or its environment (torch, CPU, GPU) moved.

Witnesses of exact numbers are cheap: they run a probe in seconds, or the first steps of a study. If only the ends of runs moved,
one witness trains the study again, in the arms that moved, unless that takes more run-steps than the variable below allows.
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
    WitnessName,
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

LIMIT_VARIABLE = "DECAYGATE_RERUN_STEPS"  # a study is trained again if it takes at most this many run-steps; 0: never
DEFAULT_LIMIT = 100_000  # the default: twice the largest study of the default run, some minutes


def explain(loaded: LoadedScenario, rows: Sequence[ComparisonRow], session: Session, *, shipped: Path) -> Attribution:
    """Return what moved the rows of a red golden. `shipped` is the golden file of torch's own optimizers for the scenario.

    It raises no exception: an error makes the result "not comparable" and is its reason, so that the golden's own failure is
    reported in any case.
    """
    try:
        if not shipped.exists():
            return Attribution("not comparable", "no golden of torch's own optimizers is shipped for this scenario")
        recording = parse(shipped.read_text(encoding="utf-8"))
        attribution = _explain(loaded, rows, session, recording.entries)
        note = (
            _torch_note(recording.origin)
            if attribution.kind in ("the environment", "both") or not session.subjects.under_test
            else ""
        )
        return replace(attribution, why=attribution.why + note)
    except Exception as error:
        return Attribution("not comparable", f"attribution failed: {type(error).__name__}: {' '.join(str(error).split())}")


def arm_subjects(loaded: LoadedScenario, session: Session) -> ArmSubjects:
    """Return the optimizers in the arms of a scenario, and the arms whose numbers cannot be attributed."""
    runs: dict[str, ArmOccupant] = {}
    names: dict[str, str] = {}
    unattributable: dict[str, str] = {}
    for arm, settings in loaded.scenario.arms.items():
        witness_path = (
            DEFAULTS["decoupled" if settings.role == ANY else settings.role] if settings.role != "fixed" else settings.subject
        )
        names[arm] = f"torch's {witness_path.rpartition(':')[2]}" if settings.role != "fixed" else witness_path
        runs[arm] = _occupant(loaded, arm, session, witness_path)
        obstacle = _obstacle(loaded, arm, session, runs[arm])
        unattributable |= {arm: obstacle} if obstacle else {}
    return ArmSubjects(runs, names, unattributable)


def _explain(
    loaded: LoadedScenario, rows: Sequence[ComparisonRow], session: Session, shipped: Mapping[str, Recorded]
) -> Attribution:
    moved_rows = [row for row in rows if moved(row)]
    exact = [row for row in moved_rows if not _is_end(row)]
    lane_rows = [row for row in rows if not (exact and _is_end(row))]
    subjects = arm_subjects(loaded, session)
    arms = sorted({arm_of(row.measure) for row in exact or moved_rows} - set(subjects.unattributable))
    names: list[WitnessName] = [
        name for name in ("reference", "torch") if any(name in WITNESSES_FOR[subjects.occupants[arm]] for arm in arms)
    ]
    if not names:
        return attribute(lane_rows, {}, subjects)
    if exact or not is_study(loaded):
        return attribute(
            lane_rows, {name: witnesses.run_exact(name, loaded, session, shipped=shipped) for name in names}, subjects
        )
    limit, steps = int(os.environ.get(LIMIT_VARIABLE, DEFAULT_LIMIT)), witnesses.cost(loaded.scenario, arms)
    if steps > limit:
        return Attribution("not comparable", f"not trained again: {steps} run-steps, {LIMIT_VARIABLE} allows {limit}")
    # One witness, so that a red study takes at most twice its time: torch's own, or the reference
    # if torch's own is under test.
    witness_rows: WitnessRows = {names[-1]: witnesses.run_ensemble(names[-1], loaded, session, shipped=shipped, arms=arms)}
    return attribute(lane_rows, witness_rows, subjects)


def _torch_note(origin: Origin | None) -> str:
    """Return a note with both versions of torch, if the shipped numbers were recorded with another one, else an empty string."""
    recorded, running = origin.facts.get("torch", "") if origin else "", determinism.describe("cpu")["torch"]
    return f"; recorded with torch {recorded}, here {running}" if recorded not in ("", running) else ""


def _is_end(row: ComparisonRow) -> bool:
    return row.measure.startswith("ensemble.")


def _occupant(loaded: LoadedScenario, arm: str, session: Session, witness_path: str) -> ArmOccupant:
    role, subjects = loaded.scenario.arms[arm].role, session.subjects
    if role == "fixed":
        return "fixed"
    if subjects.under_test and not subjects.is_under_test(role):
        return "bystander"
    return "torch" if path_of(loaded.scenario, arm, subjects) == witness_path else "subject"


def _obstacle(loaded: LoadedScenario, arm: str, session: Session, occupant: ArmOccupant) -> str:
    """Return the reason why the numbers of an arm cannot be attributed, or an empty string."""
    settings, subjects = loaded.scenario.arms[arm], session.subjects
    if loaded.scenario.kind == "arithmetic":
        return "no optimizer takes part in these numbers"
    if occupant == "fixed" and not subjects.under_test:
        return f"{settings.subject} runs there as the scenario names it, and nothing here computes it another way"
    if settings.role != "fixed" and subjects.computes_in_float32(settings.role):
        return "this optimizer computes in float32, and the numbers of our reference are float64"
    return ""
