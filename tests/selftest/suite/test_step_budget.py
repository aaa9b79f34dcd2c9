"""Is a run as short as it is meant to be? Steps are counted, never seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.run import Session, run, study_work
from harness.subject.loading import Watched
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress

MOST_PROBE_STEPS = 33_000
MOST_RUN_STEPS = 250_000


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session with the shipped subjects."""
    return Session(Subjects(DEFAULTS), "cpu", ChunkCache(tmp_path), Progress(tmp_path, print), subject_output=[])


def _default_run(kind: str) -> list[LoadedScenario]:
    return [loaded for loaded in load().values() if loaded.scenario.kind == kind and not loaded.scenario.long]


def test_all_probes_stay_within_their_steps(session: Session) -> None:
    """All probes over all their arms take at most 33,000 optimizer steps."""
    before, entries = Watched.steps_taken, _default_run("probe")

    results = [run(loaded, session) for loaded in entries]

    assert len(results) >= 35
    assert not any(result.failures for result in results)
    assert 1_000 < Watched.steps_taken - before <= MOST_PROBE_STEPS


def test_all_training_stays_within_its_run_steps(session: Session) -> None:
    """Every chunk and trajectory of the default run together: under 250,000 run-steps."""
    cost = sum(piece.cost for loaded in _default_run("study") for piece in study_work(loaded, session).pieces)

    assert 0 < cost < MOST_RUN_STEPS
