"""Tests of the mutants of precision, paths, masks, averages and norms: their twins pass the claims that they fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.run import Session, run
from harness.spec.scenario import Claim
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress
from harness.verdicts.outcome import decide
from tests.mutants import collection, numerics
from tests.mutants.expectations import FIELD_ONLY

DEFINED = {name for name, value in vars(numerics).items() if getattr(value, "__module__", "") == numerics.__name__}
NAMED = [
    (loaded, claim, mutant)
    for loaded in load().values()
    for claim in loaded.scenario.claims
    for mutant in claim.counterexample.mutants
    if mutant in DEFINED
]


def twin_path(mutant: str) -> str:
    """Return the import path of a mutant's twin, its base class."""
    return collection.path_of(collection.CLASSES[mutant].__bases__[0])


@pytest.mark.parametrize(("loaded", "claim", "mutant"), [pytest.param(*case, id=f"{case[1].id}-{case[2]}") for case in NAMED])
def test_the_twin_passes_the_claim_that_the_mutant_fails(
    loaded: LoadedScenario, claim: Claim, mutant: str, tmp_path: Path
) -> None:
    """The twin runs in the same arm, with the same options and settings."""
    session = Session(Subjects(DEFAULTS), "cpu", ChunkCache(tmp_path), Progress(tmp_path, print), subject_output=[])
    arms = {arm: loaded.scenario.arms[arm] for arm in claim.arms}
    name = str(claim.counterexample.arm)
    arms[name] = replace(arms[name], role="fixed", subject=twin_path(mutant))

    outcome = decide(claim, run(LoadedScenario(loaded.id, replace(loaded.scenario, arms=arms), loaded.raw), session))

    assert outcome.status != "failed"


def test_every_mutant_is_a_counterexample_of_some_claim() -> None:
    """A mutant that neither a claim nor a field names tests nothing. Twins are no counterexamples."""
    twins = {base.__name__ for name in DEFINED for base in getattr(numerics, name).__bases__}
    named = {mutant for _, _, mutant in NAMED}

    assert DEFINED - twins - named - set(FIELD_ONLY) == set()


def test_a_mutant_has_its_own_docstring() -> None:
    """An inherited docstring would describe the twin."""
    assert all(getattr(numerics, name).__dict__.get("__doc__") for name in DEFINED)
