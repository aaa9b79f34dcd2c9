"""How is a study's golden held on many seeds? Train a pool, see that nothing is wrong with it, write pool and ensemble lines.

A run has the scenario's few seeds, and from them alone a golden knows neither its mean nor its spread well. The pool's chunks
are kept until the study is written, so that a calibration that was stopped goes on where it was.
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
from harness.environment.paths import ROOT
from harness.errors import UsageError
from harness.goldens import pool, store
from harness.goldens.file_format import GoldenError, Recording, dump, parse, shortfalls
from harness.goldens.origin import origin_of
from harness.goldens.pool import Pool, PoolError
from harness.goldens.values import invalid_reason
from harness.policy import LEAST_POOL_SEEDS
from harness.run import Session
from harness.spec.scenario import Claim
from harness.subject import loading
from harness.subject.roles import Subjects
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress
from harness.verdicts.outcome import decide

HOME = ROOT / ".decaygate" / "calibration"


@dataclass(frozen=True)
class Job:
    """What is calibrated: who is under test, on how many seeds, on which device, where goldens lie and chunks are kept."""

    subjects: Subjects
    seeds: int
    device: str
    golden: Path
    runs: Path | None = None

    @property
    def folder(self) -> Path:
        """The golden folder of these subjects."""
        return self.golden / self.subjects.folder


def widened(loaded: LoadedStudy, seeds: int) -> LoadedStudy:
    """Return a study with `seeds` consecutive seeds, from its own first one on. Raises UsageError for too few of them."""
    own = loaded.scenario.seeds
    more = tuple(range(min(own), min(own) + seeds))
    if seeds < LEAST_POOL_SEEDS or not set(own) <= set(more):
        raise UsageError(
            f"--seeds {seeds}: expected at least {max(LEAST_POOL_SEEDS, max(own) - min(own) + 1)}, {loaded.id}'s own among them"
        )
    return replace(loaded, scenario=replace(loaded.scenario, seeds=more))


def calibrate(studies: Sequence[LoadedStudy], job: Job, say: Callable[[str], None]) -> bool:
    """Calibrate studies one after another, and return whether all of them were written; `say` gets one line each."""
    written = []
    for loaded in studies:
        try:
            said = _calibrate(loaded, job, say)
            written.append(True)
        except (GoldenError, UsageError) as error:
            said = f"not calibrated: {error}"
            written.append(False)
        say(f"{loaded.id}: {said}")
    return all(written)


def applying(loaded: LoadedStudy, subjects: Subjects) -> list[Claim]:
    """Return the claims of a study that say something about these subjects."""
    involved = [claim for claim in loaded.scenario.claims if applicability.involved(loaded, claim, subjects)]
    return [claim for claim in involved if not applicability.not_applicable_reason(loaded, claim, subjects)]


def blockers(loaded: LoadedStudy, drawn: Pool, subjects: Subjects) -> list[str]:
    """Return why a pool may not become a golden, one reason a line: `loaded` is the study as the suite has it."""
    result = run.Result(drawn.readings(), {}, {})
    failed = [claim for claim in applying(loaded, subjects) if decide(claim, result).status == "failed"]
    found = [f"claim {claim.id} fails on its {len(drawn.seeds)} seeds" for claim in failed]
    lines = pool.calibrated(drawn, loaded.scenario)
    found += [f"{name}: {why}" for name, line in lines.items() if (why := invalid_reason(line))]
    return [*found, *shortfalls(Recording(loaded.id, {name: line for name, line in lines.items() if not invalid_reason(line)}))]


def recorded(loaded: LoadedStudy, folder: Path) -> tuple[Path, Recording]:
    """Return a study's golden and where it lies. Raises GoldenError where there is none: its other numbers come from a run."""
    path = folder / "test_claims" / f"{loaded.id}.json"
    if not path.exists():
        how = commands.pytest_command(f"-k {loaded.id} --snapshot-update")
        raise GoldenError(f"there is no golden to write into; first, with the same optimizer: {how}")
    return path, parse(path.read_text(encoding="utf-8"))


def write(loaded: LoadedStudy, drawn: Pool, folder: Path) -> list[str]:
    """Write a study's pool, and into its golden the lines that follow; return the names of the lines that changed.

    Raises GoldenError for a golden that is missing or unreadable.
    """
    path, before = recorded(loaded, folder)
    lines = pool.calibrated(drawn, loaded.scenario)
    place = pool.path_of(folder, loaded.id)
    place.parent.mkdir(parents=True, exist_ok=True)
    if not _holds(place, drawn):
        store.write(place, pool.dump(drawn))
    store.write(path, dump(replace(before, entries={**before.entries, **lines})))
    return [name for name, line in lines.items() if before.entries.get(name) != line]


def _holds(place: Path, drawn: Pool) -> bool:
    """Return True if the file has these samples already, wherever they were made: then its origin stays true."""
    try:
        return replace(pool.read(place), origin=drawn.origin) == drawn
    except PoolError:
        return False


def _calibrate(loaded: LoadedStudy, job: Job, say: Callable[[str], None]) -> str:
    if not applying(loaded, job.subjects):
        return "none of its claims applies to this optimizer"
    wide = widened(loaded, job.seeds)
    recorded(loaded, job.folder)  # before hours of training
    runs = job.runs or HOME / f"{loaded.id}-{_fingerprint(wide, job)}"
    runs.mkdir(parents=True, exist_ok=True)
    _train(wide, job, runs, say)
    session = _session(job, runs, say)
    result = run.ensemble(wide, session)
    if result.failures:
        raise UsageError(next(iter(result.failures.values())))
    drawn = pool.draw(loaded.id, wide.scenario, result.readings, origin_of(wide.scenario, job.subjects, job.device))
    if found := blockers(loaded, drawn, job.subjects):
        raise GoldenError("; ".join(found))
    changed = write(loaded, drawn, job.folder)
    if job.runs is None:
        shutil.rmtree(runs)
    return f"{job.seeds} seeds, {len(changed)} lines of its golden changed"


def _train(loaded: LoadedStudy, job: Job, runs: Path, say: Callable[[str], None]) -> None:
    """Train the chunks that are not there yet, on all cores of a CPU; one process takes what a GPU has room for."""
    session = _session(job, runs, say)
    chunks = run.study_work(loaded, session).ensemble
    done, every = session.store.progress(chunks)
    if done == every:
        return
    say(f"{loaded.id}: {every - done} of {every} chunks to train, kept in {runs}")
    workers = 1 if job.device.startswith("cuda") else min(len(os.sched_getaffinity(0)), every - done)
    context = multiprocessing.get_context("spawn")  # a fork would share torch's threads
    started = [context.Process(target=_work, args=(loaded, job, runs)) for _ in range(workers)]
    for one in started:
        one.start()
    for one in started:
        one.join()
    done, every = session.store.progress(chunks)
    if done < every:
        raise UsageError(f"{every - done} of {every} chunks were not trained; the same command goes on with them")


def _work(loaded: LoadedStudy, job: Job, runs: Path) -> None:
    """Train chunks that nobody holds, in a process of its own."""
    determinism.fix_torch()
    session = _session(job, runs, lambda line: print(line, file=sys.stderr, flush=True))
    session.store.train_unclaimed(run.study_work(loaded, session).ensemble)


def _session(job: Job, runs: Path, say: Callable[[str], None]) -> Session:
    return Session(job.subjects, job.device, ChunkCache(runs), Progress(runs, say), subject_output=[])


def _fingerprint(loaded: LoadedStudy, job: Job) -> str:
    """Return what a chunk's numbers depend on in a few letters, so that chunks of another code are never taken up."""
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
