"""How is a study cut into pieces that workers share, and what is in each? Chunks of 4 seeds x all arms, and a trajectory."""

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

SEEDS_PER_CHUNK = 4

MAKE_TASK: Mapping[str, Callable[[], Task]] = {"verb_forms": verb_forms}


@dataclass(frozen=True)
class TrainingContext:
    """Where and with whom a piece is trained."""

    subjects: Subjects
    device: torch.device
    heartbeat: Progress
    subject_output: list[str]


@dataclass(frozen=True)
class StudyWork:
    """The pieces of work that a study is made of: those of its ensemble lane, and the one of its trajectory lane."""

    ensemble: tuple[Chunk, ...]
    trajectory: Chunk

    @property
    def pieces(self) -> tuple[Chunk, ...]:
        """All of them."""
        return (*self.ensemble, self.trajectory)


def study_work(name: str, scenario: StudyScenario, recipe: Recipe, place: TrainingContext) -> StudyWork:
    """Return the work of a study, whose pieces are kept under `name`."""
    return StudyWork(_ensemble(name, scenario, recipe, place), _trajectory(name, scenario, recipe, place))


def _ensemble(name: str, scenario: StudyScenario, recipe: Recipe, place: TrainingContext) -> tuple[Chunk, ...]:
    """Return the pieces of the ensemble lane: float32, every arm with four seeds each."""
    pieces = []
    starts = range(0, len(scenario.seeds), SEEDS_PER_CHUNK)
    for index, start in enumerate(starts):
        seeds = scenario.seeds[start : start + SEEDS_PER_CHUNK]
        chunk = _Chunk(f"{name}, chunk {index + 1} of {len(starts)}", scenario, recipe, seeds, torch.float32)
        pieces.append(Chunk(f"{name}.chunk{index}", chunk.cost, partial(_produce, chunk, place)))
    return tuple(pieces)


def _trajectory(name: str, scenario: StudyScenario, recipe: Recipe, place: TrainingContext) -> Chunk:
    """Return the piece of the trajectory lane: float64, the first steps of the first seed in every arm."""
    short = replace(recipe, steps=TRAJECTORY_STEPS, evaluate_every=TRAJECTORY_STEPS)
    chunk = _Chunk(f"{name}, trajectory", scenario, short, scenario.seeds[:1], torch.float64)
    return Chunk(f"{name}.trajectory", chunk.cost, partial(_produce, chunk, place))


@dataclass(frozen=True)
class _Chunk:
    what: str
    scenario: StudyScenario
    recipe: Recipe
    seeds: Sequence[int]
    dtype: torch.dtype

    @property
    def cost(self) -> int:
        return self.recipe.steps * len(self.seeds) * len(self.scenario.arms)


def _produce(chunk: _Chunk, place: TrainingContext, path: Path) -> None:
    with capture_output(place.subject_output):
        runs = train(
            chunk.recipe,
            _arm_runs(chunk, place.subjects),
            task=MAKE_TASK[chunk.scenario.task](),
            device=place.device,
            dtype=chunk.dtype,
            progress=place.heartbeat.start(chunk.what),
        )
    save_runs(path, runs)


def _arm_runs(chunk: _Chunk, subjects: Subjects) -> list[ArmRun]:
    runs = []
    for name, arm in chunk.scenario.arms.items():
        make = loading.factory(arm.subject or subjects.path(arm.role), arm.options, training=True)
        if subjects.single(arm.role) and chunk.dtype == torch.float64:
            make = in_float32(make)
        runs += [ArmRun(name, seed, arm.lr, arm.weight_decay, make, arm.batch_seed_offset) for seed in chunk.seeds]
    return runs
