"""Tests of the counterexamples: each claim of a probe or of arithmetic fails for the mutants or the slip that it names.

The counterexamples of studies are tested in `tests/claims/test_claims.py`, on the runs of the claims.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.catalog import formulas
from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.run import Result, Session, run
from harness.spec.scenario import Claim
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress
from harness.verdicts.outcome import decide
from tests.mutants.collection import path


def _cases(kind: str) -> list:
    """Return one case for each claim and mutant of it; None as the mutant of a claim that names none."""
    return [
        pytest.param(loaded, claim, mutant, id=f"{claim.id}-{mutant}" if mutant else claim.id)
        for loaded in load().values()
        if loaded.scenario.kind == kind
        for claim in loaded.scenario.claims
        for mutant in claim.counterexample.mutants or (None,)
    ]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session with the shipped subjects."""
    return Session(Subjects(DEFAULTS), "cpu", ChunkCache(tmp_path), Progress(tmp_path, print), subject_output=[])


@pytest.mark.parametrize(("loaded", "claim", "mutant"), _cases("probe"))
def test_a_mutant_fails_the_claim(loaded: LoadedScenario, claim: Claim, mutant: str, session: Session) -> None:
    """The mutant must run without an error and fail the claim by its numbers."""
    result = run(_mutated(loaded, claim, mutant), session)

    outcome = decide(claim, result)

    assert outcome.status == "failed", f"{mutant} does not fail {claim.id}: was the claim weakened, or its measure?"
    assert not outcome.failure, "the mutant must run, and fail by its numbers"


@pytest.mark.parametrize(("loaded", "claim", "mutant"), _cases("arithmetic"))
def test_a_slip_fails_the_claim(loaded: LoadedScenario, claim: Claim, mutant: None, session: Session) -> None:
    """The slip is the same formula with other settings in one arm."""
    result, slip = run(loaded, session), claim.counterexample
    wrong = formulas.evaluate(loaded.scenario.formula, slip.settings)

    outcome = decide(claim, Result({**result.measurements, str(slip.arm): wrong}, {}, {}))

    assert outcome.status == "failed", f"its slip does not fail {claim.id}: was the claim weakened, or the formula?"


def _mutated(loaded: LoadedScenario, claim: Claim, mutant: str) -> LoadedScenario:
    """Return the scenario with only the claim's arms, and the mutant in place of the arm that the claim names."""
    name = str(claim.counterexample.arm)
    arms = {arm: loaded.scenario.arms[arm] for arm in claim.arms}
    arms[name] = replace(arms[name], role="fixed", subject=path(mutant))
    return LoadedScenario(loaded.id, replace(loaded.scenario, arms=arms), loaded.raw)
