"""Tests of the chunk cache: each chunk is trained once, failures are kept, and a killed worker leaves no result."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.environment.paths import ROOT
from harness.errors import RunError
from harness.training.chunk_cache import Chunk, ChunkCache

# Another process of the session. It gets the chunk `shared` from the cache and prints the result.
# Each training adds a line to the file `trainings`.
WORKER = """
import os, sys, time
from pathlib import Path
from harness.errors import RunError
from harness.training.chunk_cache import Chunk, ChunkCache

folder, behaviour = Path(sys.argv[1]), sys.argv[2]

def train(path):
    with open(folder / "trainings", "a") as log:
        log.write(f"{os.getpid()}\\n")
    path.write_text("half of it")
    if behaviour == "hangs":
        print("started", flush=True)
        time.sleep(60)
    time.sleep(0.1)
    if behaviour == "fails":
        raise RunError(f"arm a, seed 0: not finite at step 7 (process {os.getpid()})")
    path.write_text(f"trained by {os.getpid()}")

try:
    print(ChunkCache(folder).get_or_train(Chunk("shared", 1, train)).read_text())
except RunError as error:
    print(f"RunError: {error}")
"""


def start_worker(folder: Path, behaviour: str) -> subprocess.Popen[str]:
    """Start another process that gets the chunk `shared`; its training works, fails or hangs."""
    return subprocess.Popen([sys.executable, "-c", WORKER, str(folder), behaviour], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def output(worker: subprocess.Popen[str]) -> str:
    """Wait for the end of a process and return its output."""
    return worker.communicate(timeout=30)[0].strip()


def training_processes(folder: Path) -> list[str]:
    """Return the ids of the processes that trained, one for each training."""
    return (folder / "trainings").read_text(encoding="utf-8").split()


def chunk(name: str, cost: int = 1, train: Callable[[Path], None] | None = None) -> Chunk:
    """Return a chunk whose result is its name, if `train` does not say otherwise."""
    return Chunk(name, cost, train or (lambda path: path.write_text(name, encoding="utf-8") and None))


def fail(path: Path) -> None:
    """Fail as a subject does, with half of the result written."""
    path.write_text("half", encoding="utf-8")
    raise RunError("it broke at step 3")


def crash(path: Path) -> None:
    """Fail by a bug of the harness."""
    raise ZeroDivisionError("a bug of the harness")


def test_several_processes_train_a_chunk_once(tmp_path: Path) -> None:
    """One process trains. The others wait and read its result."""
    workers = [start_worker(tmp_path, "works") for _ in range(4)]

    outputs = {output(worker) for worker in workers}

    assert outputs == {f"trained by {training_processes(tmp_path)[0]}"}
    assert len(training_processes(tmp_path)) == 1


def test_a_failure_reaches_every_process_with_its_message(tmp_path: Path) -> None:
    """A chunk that failed is not trained again: all processes raise the message of the first."""
    workers = [start_worker(tmp_path, "fails") for _ in range(3)]

    outputs = {output(worker) for worker in workers}

    assert outputs == {f"RunError: arm a, seed 0: not finite at step 7 (process {training_processes(tmp_path)[0]})"}
    assert len(training_processes(tmp_path)) == 1


def test_after_a_killed_worker_the_next_one_trains_the_chunk(tmp_path: Path) -> None:
    """SIGKILL arrives when half of the result is written: the lock is released, and the half is not used."""
    killed = start_worker(tmp_path, "hangs")
    assert killed.stdout is not None
    killed.stdout.readline()
    waiting = start_worker(tmp_path, "works")
    shared = Chunk("shared", 1, lambda path: None)
    assert ChunkCache(tmp_path).progress([shared]) == (0, 1)

    killed.send_signal(signal.SIGKILL)
    result = output(waiting)

    killed.communicate()
    assert result == f"trained by {waiting.pid}"
    assert training_processes(tmp_path) == [str(killed.pid), str(waiting.pid)]
    assert ChunkCache(tmp_path).progress([shared]) == (1, 1)


def test_a_second_request_reads_the_result(tmp_path: Path) -> None:
    """The chunk is trained at the first request only."""
    calls: list[Path] = []

    def train(path: Path) -> None:
        calls.append(path)
        path.write_text("result", encoding="utf-8")

    paths = [ChunkCache(tmp_path).get_or_train(chunk("a", train=train)) for _ in range(3)]

    assert {path.read_text(encoding="utf-8") for path in paths} == {"result"}
    assert len(calls) == 1


def test_a_failure_is_raised_at_every_request(tmp_path: Path) -> None:
    """A chunk that failed counts as finished, and the half of its result that was written is not used."""
    cache, broken = ChunkCache(tmp_path), chunk("a", train=fail)

    for _ in range(2):
        with pytest.raises(RunError, match=r"^it broke at step 3$"):
            cache.get_or_train(broken)

    assert cache.progress([broken]) == (1, 1)
    assert not list(tmp_path.glob("*.done"))


def test_a_bug_of_the_harness_is_not_kept_as_a_failure(tmp_path: Path) -> None:
    """The exception is raised unchanged, the lock is released, and the next request trains the chunk."""
    cache = ChunkCache(tmp_path)
    with pytest.raises(ZeroDivisionError):
        cache.get_or_train(chunk("a", train=crash))

    path = cache.get_or_train(chunk("a"))

    assert path.read_text(encoding="utf-8") == "a"


def test_the_most_expensive_chunk_is_trained_first(tmp_path: Path) -> None:
    """Chunks of equal cost are sorted by name, so that every worker has the same order."""
    order: list[str] = []

    def add_to_order(name: str) -> Callable[[Path], None]:
        return lambda path: (order.append(name), path.write_text(name, encoding="utf-8"), None)[-1]

    chunks = [chunk(name, cost, add_to_order(name)) for name, cost in (("b", 1), ("d", 5), ("c", 9), ("a", 5))]

    ChunkCache(tmp_path).train_unlocked(chunks)

    assert order == ["c", "a", "d", "b"]


def test_a_chunk_that_another_worker_trains_is_skipped(tmp_path: Path) -> None:
    """`train_unlocked` does not wait for it and trains the other chunks."""
    holder = start_worker(tmp_path, "hangs")
    assert holder.stdout is not None
    holder.stdout.readline()
    cache, chunks = ChunkCache(tmp_path), [chunk("shared", 9), chunk("other")]

    started = time.monotonic()
    cache.train_unlocked(chunks)

    assert time.monotonic() - started < 5
    assert cache.progress(chunks) == (1, 2)
    assert (tmp_path / "other.done").exists()
    holder.kill()
    holder.communicate()


def test_train_unlocked_keeps_a_failure_and_continues(tmp_path: Path) -> None:
    """The worker trains the other chunks too. `get_or_train` raises the failure later."""
    cache, chunks = ChunkCache(tmp_path), [chunk("a", 9, fail), chunk("b")]

    cache.train_unlocked(chunks)

    assert cache.progress(chunks) == (2, 2)
    with pytest.raises(RunError, match="it broke"):
        cache.get_or_train(chunks[0])


def test_a_result_is_visible_only_when_it_is_complete(tmp_path: Path) -> None:
    """While the result is being written, its file does not exist under its final name."""
    half_written, checked = threading.Event(), threading.Event()

    def train(path: Path) -> None:
        path.write_text("half", encoding="utf-8")
        half_written.set()
        checked.wait(10)
        path.write_text("whole", encoding="utf-8")

    thread = threading.Thread(target=lambda: ChunkCache(tmp_path).get_or_train(chunk("a", train=train)))
    thread.start()
    half_written.wait(10)
    visible = (tmp_path / "a.done").exists()
    checked.set()
    thread.join(10)

    assert not visible
    assert (tmp_path / "a.done").read_text(encoding="utf-8") == "whole"
    assert not list(tmp_path.glob("*.part"))
