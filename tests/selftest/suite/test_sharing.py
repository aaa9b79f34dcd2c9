"""Tests of workers that share a study: they record the same bits as one worker alone, in any order of chunks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from harness.catalog.load import load
from harness.environment.paths import ROOT
from harness.run import Session, study_chunks
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.chunk_cache import Chunk, ChunkCache
from harness.training.progress import Progress
from harness.training.records import RunRecord, load_runs
from tests.selftest.scenario_files import STUDY, replaced_once, write

SHORT = "recipe: {steps: 8, warmup_steps: 2, evaluate_every: 4}"
WORKER = """
import sys
from pathlib import Path
from harness.environment import determinism
determinism.fix_environment()
determinism.fix_torch()
from tests.selftest.suite.test_sharing import cut
from harness.training.chunk_cache import ChunkCache
store, chunks = cut(Path(sys.argv[1]), Path(sys.argv[2]))
store.train_unlocked(chunks)
"""


def cut(scenarios: Path, folder: Path) -> tuple[ChunkCache, list[Chunk]]:
    """Return a chunk cache in `folder` and the study's chunks. Each training of a chunk adds its name to the file `trained`."""
    folder.mkdir(exist_ok=True)
    store = ChunkCache(folder)
    session = Session(Subjects(DEFAULTS), "cpu", store, Progress(folder, print), subject_output=[])
    return store, [_counted(piece, folder) for piece in study_chunks(load(scenarios)["training"], session).all]


def _counted(chunk: Chunk, folder: Path) -> Chunk:
    """Return a chunk that trains `chunk` and adds its name to the file `trained`."""

    def train(path: Path) -> None:
        with (folder / "trained").open("a", encoding="utf-8") as file:
            file.write(f"{chunk.name}\n")
        chunk.train(path)

    return Chunk(chunk.name, chunk.cost, train)


def _scenarios(folder: Path) -> Path:
    """Write a study of 8 steps as the only scenario, and return its folder."""
    recipe = next(line for line in STUDY.splitlines() if line.startswith("recipe:"))
    return write(folder, training=replaced_once(STUDY, recipe, SHORT))


def _bits(run: RunRecord) -> dict[str, bytes]:
    """Return all numbers of a run as bytes, by name."""
    bits = {"arm": run.arm.encode(), "seed": str(run.seed).encode()}
    for name, value in vars(run).items():
        if isinstance(value, np.ndarray):
            bits[name] = value.tobytes()
        elif isinstance(value, dict):
            bits |= {f"{name}.{key}": part.tobytes() for key, part in value.items()}
    return bits


def test_workers_in_any_order_record_the_same_bits(tmp_path: Path) -> None:
    """One worker takes the chunks forwards, one backwards, and two share them. The two train each chunk only once."""
    scenarios = _scenarios(tmp_path)
    recorded = []
    for name, order in (("forwards", 1), ("backwards", -1)):
        store, chunks = cut(scenarios, tmp_path / name)
        recorded.append({chunk.name: [_bits(run) for run in load_runs(store.get_or_train(chunk))] for chunk in chunks[::order]})
    shared = tmp_path / "shared"
    store, chunks = cut(scenarios, shared)
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, scenarios, shared], cwd=ROOT) for _ in range(2)]
    exit_codes = [worker.wait(timeout=120) for worker in workers]
    recorded.append({chunk.name: [_bits(run) for run in load_runs(store.get_or_train(chunk))] for chunk in chunks})

    assert exit_codes == [0, 0]
    assert recorded[0] == recorded[1] == recorded[2]
    assert sorted((shared / "trained").read_text(encoding="utf-8").split()) == sorted(chunk.name for chunk in chunks)
    losses = {bits["loss"] for runs in recorded[0].values() for bits in runs}
    assert len(losses) > len(chunks), "different runs must have different losses, or this test compares nothing"
