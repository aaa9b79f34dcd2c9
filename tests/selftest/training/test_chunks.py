"""Tests of the chunks of a study: their cost, their runs, and the trajectory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.run import Session, study_chunks
from harness.subject.roles import DEFAULTS, Subjects
from harness.training import chunks
from harness.training.chunk_cache import Chunk, ChunkCache
from harness.training.chunks import StudyChunks
from harness.training.progress import Progress
from tests.selftest.scenario_files import STUDY, replaced_once, write

TEN = "seeds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedScenario:
    """A study of two arms, ten seeds and 200 steps, whose second arm sees other batches."""
    text = replaced_once(STUDY, "seeds: [0, 1, 2, 3, 4, 5, 6, 7]", TEN)
    text = replaced_once(text, "weight_decay: 0.0}", "weight_decay: 0.0, batch_seed_offset: 7}")
    return load(write(tmp_path, training=text))["training"]


def cut(loaded: LoadedScenario, folder: Path) -> StudyChunks:
    """Return the study's chunks for the shipped subjects."""
    progress = Progress(folder, print)
    return study_chunks(loaded, Session(Subjects(DEFAULTS), "cpu", ChunkCache(folder), progress, subject_output=[]))


def trained(chunk: Chunk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the arguments with which a chunk calls `train`, without training."""
    seen: dict[str, Any] = {}
    monkeypatch.setattr(chunks, "train", lambda recipe, runs, **rest: (seen.update(rest, recipe=recipe, runs=runs), [])[1])
    chunk.train(folder / "product")
    return seen


def test_a_study_has_chunks_of_two_seeds_and_a_trajectory(loaded: LoadedScenario, tmp_path: Path) -> None:
    """A chunk holds all arms; its cost is steps x seeds x arms."""
    chunks_of_study = cut(loaded, tmp_path)

    assert [(chunk.name, chunk.cost) for chunk in chunks_of_study.all] == [
        *((f"training.chunk{index}", 200 * 2 * 2) for index in range(5)),
        ("training.trajectory", 100 * 1 * 2),
    ]


def test_every_seed_is_trained_once_in_every_arm(loaded: LoadedScenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The training is in float32, with the rate, decay and batches of the arm."""
    chunks = [trained(chunk, tmp_path, monkeypatch) for chunk in cut(loaded, tmp_path).ensemble]

    runs = [run for chunk in chunks for run in chunk["runs"]]
    assert {chunk["dtype"] for chunk in chunks} == {torch.float32}
    assert {chunk["recipe"].steps for chunk in chunks} == {200}
    assert sorted((run.arm, run.seed) for run in runs) == [(arm, seed) for arm in ("control", "no_decay") for seed in range(10)]
    assert {(run.arm, run.lr, run.weight_decay, run.batch_seed_offset) for run in runs} == {
        ("control", 3e-3, 1.0, 0),
        ("no_decay", 3e-3, 0.0, 7),
    }


def test_the_trajectory_is_one_seed_for_100_steps_in_float64(
    loaded: LoadedScenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first seed has one run in each arm, whatever the length of the study."""
    seen = trained(cut(loaded, tmp_path).trajectory, tmp_path, monkeypatch)

    assert seen["dtype"] == torch.float64
    assert (seen["recipe"].steps, seen["recipe"].evaluate_every) == (100, 100)
    assert [(run.arm, run.seed) for run in seen["runs"]] == [("control", 0), ("no_decay", 0)]
