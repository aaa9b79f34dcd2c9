"""Does a calibration write what its pool gives, all of it or nothing, and go on where it was stopped?"""

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
from harness.goldens.calibration import Job, calibrate, widened
from harness.goldens.file_format import Recording, dump, parse
from harness.goldens.origin import Origin
from harness.goldens.pool import path_of, read
from harness.goldens.values import Ensemble, Exact
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.records import SLICES, RunRecord, save_runs
from tests.selftest.scenario_files import STUDY, edited, write

SEEDS = 16
LONGER = edited(STUDY, "steps: 200", "steps: 300")  # two checkpoints from step 200 on
GAPS = {"control": 0.2, "no_decay": 0.8}
DECAYS = {"control": 1.0, "no_decay": 0.0}


def run_of(arm: str, seed: int, gap: float) -> RunRecord:
    """Return a run that ends with a train loss near 1 and a gap near `gap`, both of its own."""
    count, ends = np.ones(4), np.array([0, 200, 300])
    noise = np.sin(7.0 * seed + len(arm)) / 50
    train, held = np.full(3, 1.0 + noise + gap), np.full(3, 1.0 + 2 * noise + 2 * gap)
    norms = {"embedding": count}
    few = np.ones(3)
    return RunRecord(
        arm, seed, 3e-3, DECAYS[arm], count, count, count, count, norms, count, ends, train, held, dict.fromkeys(SLICES, few), few
    )


def chunks(folder: Path, gaps: Mapping[str, float] = GAPS, made: Callable[..., RunRecord] = run_of) -> Path:
    """Write the finished chunks of the study, as training leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(SEEDS // 4):
        runs = [made(arm, seed, gap) for arm, gap in gaps.items() for seed in range(4 * index, 4 * index + 4)]
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


def test_a_calibration_writes_the_pool_and_the_lines_that_follow_from_it(tmp_path: Path) -> None:
    """The other numbers of the golden, and its origin, stay as their run recorded them."""
    loaded, job, golden = prepared(tmp_path)
    before, said = golden.read_text(encoding="utf-8").splitlines(), list[str]()

    assert calibrate([loaded], job, said.append)

    after = golden.read_text(encoding="utf-8").splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert said == ["training: 16 seeds, 2 lines of its golden changed"]
    assert [line.partition(":")[0].strip() for line in changed] == ['"ensemble.control.train_loss"', '"ensemble.no_decay.gap"']
    gate = parse(golden.read_text(encoding="utf-8")).entries["ensemble.no_decay.gap"]
    pool = read(path_of(job.folder, "training"))
    assert isinstance(gate, Ensemble)
    assert (gate.n, gate.runs, gate.mean) == (16, 8, pytest.approx(0.8, abs=0.01))
    assert pool.seeds == tuple(range(16))
    assert (pool.origin.facts["seeds"], pool.origin.facts["n"]) == ("0..15", "16")


def test_a_second_calibration_of_the_same_runs_changes_no_byte(tmp_path: Path) -> None:
    """Neither of the golden nor of the pool, whose origin is another by then; one that is broken is written anew."""
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


def flat(arm: str, seed: int, gap: float) -> RunRecord:
    """Return the same run whatever the seed."""
    return run_of(arm, 0 * seed, gap)


def endless(arm: str, seed: int, gap: float) -> RunRecord:
    """Return a run of which one seed has no loss."""
    return run_of(arm, seed, np.nan if seed == 7 else gap)


@pytest.mark.parametrize(
    ("gaps", "made", "why"),
    [
        ({"control": 0.8, "no_decay": 0.2}, run_of, "claim decay_narrows_the_gap fails on its 16 seeds"),
        ({"control": 0.8, "no_decay": 0.8 + 1e-6}, run_of, "vacuous"),
        (GAPS, flat, "zero variance"),
        (GAPS, endless, "not finite"),
    ],
)
def test_what_is_wrong_with_a_pool_blocks_it_and_nothing_is_written(
    gaps: Mapping[str, float], made: Callable[..., RunRecord], why: str, tmp_path: Path
) -> None:
    """A claim that fails, a gate that does not see decay, no variance, no number: one line says which."""
    loaded, job, golden = prepared(tmp_path, chunks(tmp_path / "bad", gaps, made))
    before, said = golden.read_bytes(), list[str]()

    assert not calibrate([loaded], job, said.append)

    (line,) = said
    assert line.startswith("training: not calibrated: ")
    assert why in line
    assert golden.read_bytes() == before
    assert not path_of(job.folder, "training").exists()


def test_a_study_without_a_golden_is_recorded_first(tmp_path: Path) -> None:
    """Its trajectory comes from a run; the line says the command, and nothing is trained before."""
    loaded, job, golden = prepared(tmp_path, tmp_path / "empty")
    golden.unlink()
    said: list[str] = []

    assert not calibrate([loaded], job, said.append)

    assert len(said) == 1
    assert "there is no golden to write into; first, with the same optimizer: " in said[0]
    assert "-k training --snapshot-update" in said[0]
    assert not path_of(job.folder, "training").exists()


def test_a_chunk_that_the_optimizer_failed_ends_the_study_in_its_words(tmp_path: Path) -> None:
    """And the other chunks are kept for the next time."""
    loaded, job, golden = prepared(tmp_path)
    assert job.runs is not None
    (job.runs / "training.chunk2.done").rename(job.runs / "aside")
    (job.runs / "training.chunk2.failed").write_text("mine:Broken raised ValueError at step 3: no")
    before, said = golden.read_bytes(), list[str]()

    assert not calibrate([loaded], job, said.append)

    assert said == ["training: not calibrated: mine:Broken raised ValueError at step 3: no"]
    assert golden.read_bytes() == before
    assert len(list(job.runs.glob("*.done"))) == 3


def test_a_study_that_says_nothing_of_the_optimizer_is_left_alone(tmp_path: Path) -> None:
    """An SGD's goldens have no line of a study of AdamW."""
    loaded, job, golden = prepared(tmp_path)
    before, said = golden.read_bytes(), list[str]()

    assert calibrate([loaded], replace(job, subjects=Subjects(DEFAULTS, ("sgd",))), said.append)

    assert said == ["training: none of its claims applies to this optimizer"]
    assert golden.read_bytes() == before


@pytest.mark.parametrize("seeds", [8, 15])
def test_a_pool_of_few_seeds_is_refused(seeds: int, tmp_path: Path) -> None:
    """It would know the spread hardly better than a run."""
    with pytest.raises(UsageError, match=f"--seeds {seeds}: expected at least 16"):
        widened(load(write(tmp_path))["training"], seeds)


def test_a_pool_begins_with_the_seeds_of_a_run(tmp_path: Path) -> None:
    """So that a run's own chunks are chunks of the pool."""
    loaded = load(write(tmp_path))["training"]

    assert widened(loaded, 20).scenario.seeds == tuple(range(20))


def test_the_command_trains_what_is_not_there_yet_in_processes_of_its_own(tmp_path: Path) -> None:
    """One chunk of four is missing; it is trained, and the three that were there are not touched."""
    loaded, job, _ = prepared(tmp_path)
    assert job.runs is not None
    (job.runs / "training.chunk3.done").unlink()
    kept = {path: path.stat().st_mtime_ns for path in job.runs.glob("*.done")}
    script = tmp_path / "calibrating.py"
    script.write_text(SCRIPT)

    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )

    assert f"{loaded.id}: 1 of 4 chunks to train" in done.stdout, done.stderr
    assert (job.runs / "training.chunk3.done").exists()
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert "training: not calibrated: " in done.stdout  # so short a training opens no gap


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
