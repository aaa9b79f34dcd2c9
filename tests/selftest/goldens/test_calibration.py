"""Tests of the calibration: it writes pool and ensemble lines, or nothing, and continues after a stop."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.environment.paths import ROOT
from harness.errors import UsageError
from harness.goldens.calibration import Job, calibrate, with_pool_seeds
from harness.goldens.file_format import Recording, dump, parse
from harness.goldens.origin import Origin
from harness.goldens.pool import path_of, read
from harness.goldens.values import Ensemble, Exact
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.chunks import SEEDS_PER_CHUNK
from harness.training.records import SLICES, RunRecord, save_runs
from tests.selftest.scenario_files import STUDY, replaced_once, write

SEEDS = 16
LONGER = replaced_once(STUDY, "steps: 200", "steps: 300")  # two checkpoints from step 200 on
GAPS = {"control": 0.2, "no_decay": 0.8}
DECAYS = {"control": 1.0, "no_decay": 0.0}


def run_of(arm: str, seed: int, gap: float) -> RunRecord:
    """Return a run that ends with a train loss near 1 and a gap near `gap`. Both depend on arm and seed."""
    count, ends = np.ones(4), np.array([0, 200, 300])
    noise = np.sin(7.0 * seed + len(arm)) / 50
    train, held = np.full(3, 1.0 + noise + gap), np.full(3, 1.0 + 2 * noise + 2 * gap)
    norms = {"embedding": count}
    few = np.ones(3)
    return RunRecord(
        arm, seed, 3e-3, DECAYS[arm], count, count, count, count, norms, count, ends, train, held, dict.fromkeys(SLICES, few), few
    )


def chunks(folder: Path, gaps: Mapping[str, float] = GAPS, make_run: Callable[..., RunRecord] = run_of) -> Path:
    """Write the finished chunks of the study, as training leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, first in enumerate(range(0, SEEDS, SEEDS_PER_CHUNK)):
        runs = [make_run(arm, seed, gap) for arm, gap in gaps.items() for seed in range(first, first + SEEDS_PER_CHUNK)]
        save_runs(folder / f"training.chunk{index}.done", runs)
    return folder


def prepared(folder: Path, runs: Path | None = None) -> tuple[LoadedScenario, Job, Path]:
    """Return the study, a job on its finished chunks, and its golden as a run has recorded it."""
    loaded = load(write(folder, training=LONGER))["training"]
    job = Job(Subjects(DEFAULTS), SEEDS, "cpu", folder / "golden", runs or chunks(folder / "runs"))
    golden = job.folder / "test_claims" / "training.json"
    golden.parent.mkdir(parents=True)
    few = {f"ensemble.{name}": Ensemble.of([1.0, 1.1, 0.9], alpha=1e-5) for name in ("control.train_loss", "no_decay.gap")}
    step = {"trajectory.control.loss.step_001": Exact(4.0, 1e-9, 0.0, signal=1e6)}
    golden.write_text(dump(Recording("training", {**few, **step}, Origin({"torch": "2.13.0"}))), encoding="utf-8")
    return loaded, job, golden


def test_a_calibration_writes_the_pool_and_its_ensemble_lines(tmp_path: Path) -> None:
    """The other numbers of the golden, and its origin, are unchanged."""
    loaded, job, golden = prepared(tmp_path)
    before, messages = golden.read_text(encoding="utf-8").splitlines(), list[str]()

    assert calibrate([loaded], job, messages.append)

    after = golden.read_text(encoding="utf-8").splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert messages == ["training: 16 seeds, 2 lines of its golden changed"]
    assert [line.partition(":")[0].strip() for line in changed] == ['"ensemble.control.train_loss"', '"ensemble.no_decay.gap"']
    gate = parse(golden.read_text(encoding="utf-8")).entries["ensemble.no_decay.gap"]
    pool = read(path_of(job.folder, "training"))
    assert isinstance(gate, Ensemble)
    assert (gate.n, gate.runs, gate.mean) == (16, 8, pytest.approx(0.8, abs=0.01))
    assert pool.seeds == tuple(range(16))
    assert (pool.origin.facts["seeds"], pool.origin.facts["n"]) == ("0..15", "16")


def test_a_second_calibration_of_the_same_runs_changes_no_byte(tmp_path: Path) -> None:
    """This is true for the golden and for the pool, although the pool has an older origin. A broken pool is written again."""
    loaded, job, golden = prepared(tmp_path)
    pool = path_of(job.folder, "training")
    pool.parent.mkdir(parents=True)
    pool.write_text("{")
    calibrate([loaded], job, print)
    pool.write_text(re.sub(r'"commit": "[^"]+"', '"commit": "an older one"', pool.read_text()))
    files = [golden, pool]
    before = [file.read_bytes() for file in files]

    assert calibrate([loaded], job, print)

    assert [file.read_bytes() for file in files] == before
    assert b"an older one" in before[1]


def same_for_all_seeds(arm: str, seed: int, gap: float) -> RunRecord:
    """Return a run that does not depend on the seed."""
    return run_of(arm, 0 * seed, gap)


def nan_for_one_seed(arm: str, seed: int, gap: float) -> RunRecord:
    """Return a run whose loss is NaN for seed 7."""
    return run_of(arm, seed, np.nan if seed == 7 else gap)


@pytest.mark.parametrize(
    ("gaps", "make_run", "why"),
    [
        ({"control": 0.8, "no_decay": 0.2}, run_of, "claim decay_narrows_the_gap fails on the 16 seeds of the pool"),
        ({"control": 0.8, "no_decay": 0.8 + 1e-6}, run_of, "vacuous"),
        (GAPS, same_for_all_seeds, "zero variance"),
        (GAPS, nan_for_one_seed, "not finite"),
    ],
)
def test_a_faulty_pool_is_not_written(
    gaps: Mapping[str, float], make_run: Callable[..., RunRecord], why: str, tmp_path: Path
) -> None:
    """The faults: a failing claim, a gate that is not sensitive to weight decay, no variance, NaN. One line names the fault."""
    loaded, job, golden = prepared(tmp_path, chunks(tmp_path / "bad", gaps, make_run))
    before, messages = golden.read_bytes(), list[str]()

    assert not calibrate([loaded], job, messages.append)

    (line,) = messages
    assert line.startswith("training: not calibrated: ")
    assert why in line
    assert golden.read_bytes() == before
    assert not path_of(job.folder, "training").exists()


def test_a_study_without_a_golden_is_recorded_first(tmp_path: Path) -> None:
    """Its exact numbers come from a run. The line names the command for it, and nothing is trained."""
    loaded, job, golden = prepared(tmp_path, tmp_path / "empty")
    golden.unlink()
    messages: list[str] = []

    assert not calibrate([loaded], job, messages.append)

    assert len(messages) == 1
    assert "there is no golden to update; record it first, with the same optimizer: " in messages[0]
    assert "-k training --snapshot-update" in messages[0]
    assert not path_of(job.folder, "training").exists()


def test_a_chunk_that_failed_stops_the_study_with_its_message(tmp_path: Path) -> None:
    """The other chunks are kept for the next calibration."""
    loaded, job, golden = prepared(tmp_path)
    assert job.runs is not None
    (job.runs / "training.chunk2.done").rename(job.runs / "aside")
    (job.runs / "training.chunk2.failed").write_text("mine:Broken raised ValueError at step 3: no")
    before, messages = golden.read_bytes(), list[str]()

    assert not calibrate([loaded], job, messages.append)

    assert messages == ["training: not calibrated: mine:Broken raised ValueError at step 3: no"]
    assert golden.read_bytes() == before
    assert len(list(job.runs.glob("*.done"))) == 7


def test_a_study_that_does_not_apply_to_the_optimizer_is_skipped(tmp_path: Path) -> None:
    """The goldens of an SGD have no numbers of a study of AdamW."""
    loaded, job, golden = prepared(tmp_path)
    before, messages = golden.read_bytes(), list[str]()

    assert calibrate([loaded], replace(job, subjects=Subjects(DEFAULTS, ("sgd",))), messages.append)

    assert messages == ["training: none of its claims applies to this optimizer"]
    assert golden.read_bytes() == before


@pytest.mark.parametrize("seeds", [8, 15])
def test_a_pool_of_few_seeds_is_refused(seeds: int, tmp_path: Path) -> None:
    """It would estimate the spread hardly better than a run."""
    with pytest.raises(UsageError, match=f"--seeds {seeds}: expected at least 16"):
        with_pool_seeds(load(write(tmp_path))["training"], seeds)


def test_a_pool_begins_with_the_seeds_of_a_run(tmp_path: Path) -> None:
    """The chunks of a run can then be used for the pool."""
    loaded = load(write(tmp_path))["training"]

    assert with_pool_seeds(loaded, 20).scenario.seeds == tuple(range(20))


def test_missing_chunks_are_trained_in_separate_processes(tmp_path: Path) -> None:
    """One chunk of eight is missing. It is trained, and the other files are unchanged."""
    loaded, job, _ = prepared(tmp_path)
    assert job.runs is not None
    (job.runs / "training.chunk3.done").unlink()
    modified = {path: path.stat().st_mtime_ns for path in job.runs.glob("*.done")}
    script = tmp_path / "calibrating.py"
    script.write_text(SCRIPT)

    process = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )

    assert f"{loaded.id}: 1 of 8 chunks to train" in process.stdout, process.stderr
    assert (job.runs / "training.chunk3.done").exists()
    assert {path: path.stat().st_mtime_ns for path in modified} == modified
    assert "training: not calibrated: " in process.stdout  # after so few steps the claim fails: there is no gap yet


SCRIPT = """
import sys
from pathlib import Path
from harness.environment import determinism
if __name__ == "__main__":
    determinism.fix_environment()
    from harness.goldens.calibration import Job, calibrate
    from harness.catalog.load import load
    from harness.subject.roles import DEFAULTS, Subjects
    folder = Path(sys.argv[1])
    job = Job(Subjects(DEFAULTS), 16, "cpu", folder / "golden", folder / "runs")
    calibrate([load(folder / "scenarios")["training"]], job, print)
"""
