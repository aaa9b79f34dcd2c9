"""Calibration of a study's golden: train a pool of many seeds, check it, write the pool and the ensemble lines.

A run has only the few seeds of its scenario. They estimate the mean and the spread of a measure badly. The chunks of a pool are
kept on disk until the study is written, so that a calibration that was stopped continues where it ended.
"""

from __future__ import annotations

import hashlib
import inspect
import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import run
from harness.catalog import applicability
from harness.catalog.loaded_scenario import LoadedStudy, recipe_of
from harness.environment import commands, determinism
from harness.environment.paths import ROOT, state_folder
from harness.errors import UsageError
from harness.goldens import pool, store
from harness.goldens.file_format import GoldenError, Recording, dump, parse, shortfalls
from harness.goldens.origin import origin_of
from harness.goldens.pool import Pool, PoolError
from harness.goldens.values import invalid_reason
from harness.policy import MIN_POOL_SEEDS
from harness.run import Session
from harness.spec.scenario import Claim
from harness.subject import loading
from harness.subject.roles import Subjects
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress
from harness.verdicts.outcome import decide


@dataclass(frozen=True)
class Job:
    """Settings of a calibration: the subjects, the number of seeds, the device, the golden folder, the folder of the chunks.

    Without `runs`, the chunks of a study are kept in a folder of their own in the state folder, which is deleted after the study.
    """

    subjects: Subjects
    seeds: int
    device: str
    golden: Path
    runs: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder of these subjects in the golden folder."""
        return self.golden / self.subjects.golden_subfolder


def with_pool_seeds(loaded: LoadedStudy, seeds: int) -> LoadedStudy:
    """Return the study with `seeds` consecutive seeds, beginning with the first seed of its scenario.

    Raises UsageError if `seeds` is below `MIN_POOL_SEEDS`, or if a seed of the scenario would be missing.
    """
    scenario_seeds = loaded.scenario.seeds
    first, last = min(scenario_seeds), max(scenario_seeds)
    pool_seeds = tuple(range(first, first + seeds))
    if seeds < MIN_POOL_SEEDS or not set(scenario_seeds) <= set(pool_seeds):
        min_seeds = max(MIN_POOL_SEEDS, last - first + 1)
        raise UsageError(
            f"--seeds {seeds}: expected at least {min_seeds}, so that the seeds {first} to {last} of {loaded.id} are included"
        )
    return replace(loaded, scenario=replace(loaded.scenario, seeds=pool_seeds))


def calibrate(studies: Sequence[LoadedStudy], job: Job, say: Callable[[str], None]) -> bool:
    """Calibrate studies one after another, and return True if all of them succeeded. `say` gets one line for each result.

    A study of which no claim applies to the subjects is skipped, and counts as a success.
    """
    written = []
    for loaded in studies:
        try:
            result = _calibrate(loaded, job, say)
            written.append(True)
        except (GoldenError, UsageError) as error:
            result = f"not calibrated: {error}"
            written.append(False)
        say(f"{loaded.id}: {result}")
    return all(written)


def applying_claims(loaded: LoadedStudy, subjects: Subjects) -> list[Claim]:
    """Return the claims of a study that apply to these subjects."""
    involved = [claim for claim in loaded.scenario.claims if applicability.reads_subject(loaded, claim, subjects)]
    return [claim for claim in involved if not applicability.not_applicable_reason(loaded, claim, subjects)]


def reasons_against_recording(loaded: LoadedStudy, drawn: Pool, subjects: Subjects) -> list[str]:
    """Return the reasons why a pool may not become a golden, one a line. `loaded` is the study with the seeds of a run."""
    result = run.Result(drawn.measurements(), {}, {})
    failed = [claim for claim in applying_claims(loaded, subjects) if decide(claim, result).status == "failed"]
    reasons = [f"claim {claim.id} fails on the {len(drawn.seeds)} seeds of the pool" for claim in failed]
    lines = pool.ensembles_of(drawn, loaded.scenario)
    reasons += [f"{name}: {why}" for name, line in lines.items() if (why := invalid_reason(line))]
    return [*reasons, *shortfalls(Recording(loaded.id, {name: line for name, line in lines.items() if not invalid_reason(line)}))]


def read_golden(loaded: LoadedStudy, folder: Path) -> tuple[Path, Recording]:
    """Return the path of a study's golden, and its content.

    Raises GoldenError if there is none: the numbers that are not ensembles come from a run, which must come first.
    """
    path = folder / "test_claims" / f"{loaded.id}.json"
    if not path.exists():
        without_make = commands.pytest_command(f"-k {loaded.id} --snapshot-update")
        command = commands.record_command(loaded.id) if commands.is_launched() else without_make
        raise GoldenError(f"there is no golden to update; record it first, with the same optimizer: {command}")
    return path, parse(path.read_text(encoding="utf-8"))


def write(loaded: LoadedStudy, drawn: Pool, folder: Path) -> list[str]:
    """Write a study's pool, and its ensemble lines into the golden. Return the names of the lines that changed.

    Raises GoldenError if the golden is missing or cannot be read.
    """
    path, before = read_golden(loaded, folder)
    lines = pool.ensembles_of(drawn, loaded.scenario)
    pool_file = pool.path_of(folder, loaded.id)
    pool_file.parent.mkdir(parents=True, exist_ok=True)
    if not _has_same_samples(pool_file, drawn):
        store.write(pool_file, pool.dump(drawn))
    store.write(path, dump(replace(before, entries={**before.entries, **lines})))
    return [name for name, line in lines.items() if before.entries.get(name) != line]


def _has_same_samples(pool_file: Path, drawn: Pool) -> bool:
    """Return True if the file holds the same samples already, of whatever origin: the recorded origin is then kept."""
    try:
        return replace(pool.read(pool_file), origin=drawn.origin) == drawn
    except PoolError:
        return False


def _calibrate(loaded: LoadedStudy, job: Job, say: Callable[[str], None]) -> str:
    """Calibrate one study, and return the result as text. Raises GoldenError or UsageError if its golden is not written."""
    if not applying_claims(loaded, job.subjects):
        return "none of its claims applies to this optimizer"
    wide = with_pool_seeds(loaded, job.seeds)
    read_golden(loaded, job.folder)  # raises here if there is no golden, before hours of training
    runs = job.runs or state_folder() / "calibration" / f"{loaded.id}-{_code_hash(wide, job)}"
    runs.mkdir(parents=True, exist_ok=True)
    _train(wide, job, runs, say)
    session = _session(job, runs, say)
    result = run.ensemble(wide, session)
    if result.failures:
        raise UsageError(next(iter(result.failures.values())))
    drawn = pool.pool_from(loaded.id, wide.scenario, result.measurements, origin_of(wide.scenario, job.subjects, job.device))
    if reasons := reasons_against_recording(loaded, drawn, job.subjects):
        raise GoldenError("; ".join(reasons))
    changed = write(loaded, drawn, job.folder)
    if job.runs is None:
        shutil.rmtree(runs)
    return f"{job.seeds} seeds, {len(changed)} lines of its golden changed"


def _train(loaded: LoadedStudy, job: Job, runs: Path, say: Callable[[str], None]) -> None:
    """Train the missing chunks: one process for each core of a CPU, or one process that fills a GPU.

    Raises UsageError if a chunk is still missing when all processes have ended.
    """
    session = _session(job, runs, say)
    chunks = run.study_chunks(loaded, session).ensemble
    trained, total = session.chunk_cache.progress(chunks)
    if trained == total:
        return
    say(f"{loaded.id}: {total - trained} of {total} chunks to train, kept in {runs}")
    workers = 1 if job.device.startswith("cuda") else min(len(os.sched_getaffinity(0)), total - trained)
    context = multiprocessing.get_context("spawn")  # a fork would share torch's threads
    processes = [context.Process(target=_train_in_process, args=(loaded, job, runs)) for _ in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    trained, total = session.chunk_cache.progress(chunks)
    if trained < total:
        raise UsageError(f"{total - trained} of {total} chunks were not trained; run the same command again to train them")


def _train_in_process(loaded: LoadedStudy, job: Job, runs: Path) -> None:
    """Train chunks that no other process has locked. This is the main function of a separate process."""
    determinism.fix_torch()
    session = _session(job, runs, lambda line: print(line, file=sys.stderr, flush=True))
    session.chunk_cache.train_unlocked(run.study_chunks(loaded, session).ensemble)


def _session(job: Job, runs: Path, say: Callable[[str], None]) -> Session:
    return Session(job.subjects, job.device, ChunkCache(runs), Progress(runs, say), subject_output=[])


def _code_hash(loaded: LoadedStudy, job: Job) -> str:
    """Return a short hash of everything that the numbers of a chunk depend on: settings, device, code of harness and subjects.

    It names the folder of the chunks, so that chunks trained by other code are never used.
    """
    facts = [repr(loaded.scenario.arms), repr(recipe_of(loaded.scenario)), repr(job.seeds)]
    facts += [repr(sorted(determinism.describe(job.device).items())), repr(sorted(job.subjects.by_role.items()))]
    files = sorted((ROOT / "harness").rglob("*.py"))
    for path in job.subjects.by_role.values():
        source = inspect.getsourcefile(inspect.unwrap(loading.resolve(path)))
        files += [Path(source)] if source else []
    digest = hashlib.sha256("\n".join(facts).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
