"""Tests of the step budget: the number of optimizer steps of the default run, counted in steps and not in seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.run import Session, run, study_chunks
from harness.subject.loading import WatchedOptimizer
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress

MAX_PROBE_STEPS = 33_000  # optimizer steps of all probes
MAX_RUN_STEPS = 250_000  # steps times runs of all studies


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session with the shipped subjects."""
    return Session(Subjects(DEFAULTS), "cpu", ChunkCache(tmp_path), Progress(tmp_path, print), subject_output=[])


def _default_run(kind: str) -> list[LoadedScenario]:
    """Return the scenarios of a kind that a run without `--long` selects."""
    return [loaded for loaded in load().values() if loaded.scenario.kind == kind and not loaded.scenario.long]


def test_all_probes_stay_within_their_steps(session: Session) -> None:
    """The limit is for all arms of all probes together."""
    before, scenarios = WatchedOptimizer.steps_taken, _default_run("probe")

    results = [run(loaded, session) for loaded in scenarios]

    assert len(results) >= 35
    assert not any(result.failures for result in results)
    assert 1_000 < WatchedOptimizer.steps_taken - before <= MAX_PROBE_STEPS


def test_all_training_stays_within_its_run_steps(session: Session) -> None:
    """The limit is for all chunks of all studies together, trajectories included."""
    cost = sum(chunk.cost for loaded in _default_run("study") for chunk in study_chunks(loaded, session).all)

    assert 0 < cost < MAX_RUN_STEPS
