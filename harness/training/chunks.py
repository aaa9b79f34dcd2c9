"""Chunks of a study, which workers share: two seeds x all arms each, and one chunk for the trajectory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from harness.spec.scenario import StudyScenario
from harness.subject import loading
from harness.subject.float32 import in_float32
from harness.subject.output import capture_output
from harness.subject.roles import Subjects
from harness.training.chunk_cache import Chunk
from harness.training.loop import ArmRun, train
from harness.training.progress import Progress
from harness.training.recipe import TRAJECTORY_STEPS, Recipe
from harness.training.records import save_runs
from harness.training.task import Task, verb_forms

# Few seeds, so that many workers share a study. Training costs the same per run in larger chunks.
SEEDS_PER_CHUNK = 2

MAKE_TASK: Mapping[str, Callable[[], Task]] = {"verb_forms": verb_forms}


@dataclass(frozen=True)
class TrainingContext:
    """Subjects, device, progress and captured output of the training of a chunk."""

    subjects: Subjects
    device: torch.device
    progress: Progress
    subject_output: list[str]


@dataclass(frozen=True)
class StudyChunks:
    """The chunks of a study: those of its ensemble lane, and the one of its trajectory lane."""

    ensemble: tuple[Chunk, ...]
    trajectory: Chunk

    @property
    def all(self) -> tuple[Chunk, ...]:
        """All chunks, the trajectory last."""
        return (*self.ensemble, self.trajectory)


def study_chunks(name: str, scenario: StudyScenario, recipe: Recipe, context: TrainingContext) -> StudyChunks:
    """Return the chunks of a study; their files in the chunk cache begin with `name`."""
    return StudyChunks(_ensemble(name, scenario, recipe, context), _trajectory(name, scenario, recipe, context))


def _ensemble(name: str, scenario: StudyScenario, recipe: Recipe, context: TrainingContext) -> tuple[Chunk, ...]:
    """Return the chunks of the ensemble lane: float32, two seeds in every arm."""
    chunks = []
    starts = range(0, len(scenario.seeds), SEEDS_PER_CHUNK)
    for index, start in enumerate(starts):
        seeds = scenario.seeds[start : start + SEEDS_PER_CHUNK]
        training = _ChunkTraining(f"{name}, chunk {index + 1} of {len(starts)}", scenario, recipe, seeds, torch.float32)
        chunks.append(Chunk(f"{name}.chunk{index}", training.cost, partial(_train_chunk, training, context)))
    return tuple(chunks)


def _trajectory(name: str, scenario: StudyScenario, recipe: Recipe, context: TrainingContext) -> Chunk:
    """Return the chunk of the trajectory lane: float64, the first steps of the first seed in every arm."""
    short = replace(recipe, steps=TRAJECTORY_STEPS, evaluate_every=TRAJECTORY_STEPS)
    training = _ChunkTraining(f"{name}, trajectory", scenario, short, scenario.seeds[:1], torch.float64)
    return Chunk(f"{name}.trajectory", training.cost, partial(_train_chunk, training, context))


@dataclass(frozen=True)
class _ChunkTraining:
    """What a chunk trains; `label` names it in the lines of progress."""

    label: str
    scenario: StudyScenario
    recipe: Recipe
    seeds: Sequence[int]
    dtype: torch.dtype

    @property
    def cost(self) -> int:
        """Steps x runs."""
        return self.recipe.steps * len(self.seeds) * len(self.scenario.arms)


def _train_chunk(training: _ChunkTraining, context: TrainingContext, path: Path) -> None:
    with capture_output(context.subject_output):
        runs = train(
            training.recipe,
            _arm_runs(training, context.subjects),
            task=MAKE_TASK[training.scenario.task](),
            device=context.device,
            dtype=training.dtype,
            progress=context.progress.start(training.label),
        )
    save_runs(path, runs)


def _arm_runs(training: _ChunkTraining, subjects: Subjects) -> list[ArmRun]:
    runs = []
    for name, arm in training.scenario.arms.items():
        make = loading.make_factory(arm.subject or subjects.path(arm.role), arm.options, training=True)
        if subjects.computes_in_float32(arm.role) and training.dtype == torch.float64:
            make = in_float32(make)
        runs += [ArmRun(name, seed, arm.lr, arm.weight_decay, make, arm.batch_seed_offset) for seed in training.seeds]
    return runs
