"""Do workers that share a study record the same bits as one worker alone, in whatever order they take its chunks?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from harness.catalog.load import load
from harness.environment.paths import ROOT
from harness.run import Session, study_work
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.chunk_cache import Chunk, ChunkCache
from harness.training.progress import Progress
from harness.training.records import RunRecord, load_runs
from tests.selftest.scenario_files import STUDY, edited, write

SHORT = "recipe: {steps: 8, warmup_steps: 2, evaluate_every: 4}"
WORKER = """
import sys
from pathlib import Path
from harness.environment import determinism
determinism.fix_environment()
determinism.fix_torch()
from tests.selftest.suite.test_sharing import cut
from harness.training.chunk_cache import ChunkCache
store, pieces = cut(Path(sys.argv[1]), Path(sys.argv[2]))
store.train_unclaimed(pieces)
"""


def cut(scenarios: Path, folder: Path) -> tuple[ChunkCache, list[Chunk]]:
    """Return a session's store in `folder` and the pieces of the study, each of which writes down that it was trained."""
    folder.mkdir(exist_ok=True)
    store = ChunkCache(folder)
    session = Session(Subjects(DEFAULTS), "cpu", store, Progress(folder, print), subject_output=[])
    return store, [_counted(piece, folder) for piece in study_work(load(scenarios)["training"], session).pieces]


def _counted(piece: Chunk, folder: Path) -> Chunk:
    def produce(path: Path) -> None:
        with (folder / "trained").open("a", encoding="utf-8") as book:
            book.write(f"{piece.name}\n")
        piece.produce(path)

    return Chunk(piece.name, piece.cost, produce)


def _scenarios(folder: Path) -> Path:
    recipe = next(line for line in STUDY.splitlines() if line.startswith("recipe:"))
    return write(folder, training=edited(STUDY, recipe, SHORT))


def _bits(run: RunRecord) -> dict[str, bytes]:
    named = {"arm": run.arm.encode(), "seed": str(run.seed).encode()}
    for name, value in vars(run).items():
        if isinstance(value, np.ndarray):
            named[name] = value.tobytes()
        elif isinstance(value, dict):
            named |= {f"{name}.{key}": part.tobytes() for key, part in value.items()}
    return named


def test_any_order_and_two_workers_give_the_same_bits_and_train_each_piece_once(tmp_path: Path) -> None:
    """One worker forwards, one backwards, and two at once."""
    scenarios = _scenarios(tmp_path)
    recorded = []
    for name, order in (("forwards", 1), ("backwards", -1)):
        store, found = cut(scenarios, tmp_path / name)
        recorded.append({piece.name: [_bits(run) for run in load_runs(store.get_or_train(piece))] for piece in found[::order]})
    shared = tmp_path / "shared"
    store, found = cut(scenarios, shared)
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, scenarios, shared], cwd=ROOT) for _ in range(2)]
    endings = [worker.wait(timeout=120) for worker in workers]
    recorded.append({piece.name: [_bits(run) for run in load_runs(store.get_or_train(piece))] for piece in found})

    assert endings == [0, 0]
    assert recorded[0] == recorded[1] == recorded[2]
    assert sorted((shared / "trained").read_text(encoding="utf-8").split()) == sorted(piece.name for piece in found)
    assert len({bits["loss"] for runs in recorded[0].values() for bits in runs}) > len(found), "runs must differ to be told apart"
