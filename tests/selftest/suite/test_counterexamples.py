"""Can every claim fail? Each names what must fail it, and that is tried here (for studies: beside the claims, on their runs)."""

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
    """Return a claim and one of its mutants (or None) a case."""
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
    """A claim about an optimizer is red for each optimizer that it names as wrong."""
    result = run(_mutated(loaded, claim, mutant), session)

    outcome = decide(claim, result)

    assert outcome.status == "failed", f"{mutant} no longer fails {claim.id}: the claim was weakened, or what it measures"
    assert not outcome.failure, "the mutant must run, and fail by its numbers"


@pytest.mark.parametrize(("loaded", "claim", "mutant"), _cases("arithmetic"))
def test_a_slip_fails_the_claim(loaded: LoadedScenario, claim: Claim, mutant: None, session: Session) -> None:
    """A claim about numbers is red for the slip that it names."""
    right, slip = run(loaded, session), claim.counterexample
    wrong = formulas.evaluate(loaded.scenario.formula, slip.settings)

    outcome = decide(claim, Result({**right.readings, str(slip.arm): wrong}, {}, {}))

    assert outcome.status == "failed", f"its slip no longer fails {claim.id}: the claim was weakened, or the formula"


def _mutated(loaded: LoadedScenario, claim: Claim, mutant: str) -> LoadedScenario:
    """Return the scenario with only the claim's arms, and the mutant in place of the arm that the claim names."""
    name = str(claim.counterexample.arm)
    arms = {arm: loaded.scenario.arms[arm] for arm in claim.arms}
    arms[name] = replace(arms[name], role="fixed", subject=path(mutant))
    return LoadedScenario(loaded.id, replace(loaded.scenario, arms=arms), loaded.raw)
