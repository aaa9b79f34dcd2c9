"""Is each piece run once, whoever asks, and does nothing of a dead worker's remain?"""

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

# Another process of the session: it produces `piece`, noting each production in a file, and says what it obtained.
WORKER = """
import os, sys, time
from pathlib import Path
from harness.errors import RunError
from harness.training.chunk_cache import Chunk, ChunkCache

folder, how = Path(sys.argv[1]), sys.argv[2]

def produce(path):
    with open(folder / "productions", "a") as notes:
        notes.write(f"{os.getpid()}\\n")
    path.write_text("half of it")
    if how == "hangs":
        print("begun", flush=True)
        time.sleep(60)
    time.sleep(0.1)
    if how == "fails":
        raise RunError(f"arm a, seed 0: not finite at step 7 (process {os.getpid()})")
    path.write_text(f"made by {os.getpid()}")

try:
    print(ChunkCache(folder).get_or_train(Chunk("piece", 1, produce)).read_text())
except RunError as error:
    print(f"RunError: {error}")
"""


def start(folder: Path, how: str) -> subprocess.Popen[str]:
    """Start another process that obtains the piece."""
    return subprocess.Popen([sys.executable, "-c", WORKER, str(folder), how], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def said(worker: subprocess.Popen[str]) -> str:
    """Return what a process printed, once it has ended."""
    return worker.communicate(timeout=30)[0].strip()


def noted(folder: Path) -> list[str]:
    """Return the processes that produced."""
    return (folder / "productions").read_text(encoding="utf-8").split()


def piece(name: str, cost: int = 1, produce: Callable[[Path], None] | None = None) -> Chunk:
    """Return a piece whose product is its name."""
    return Chunk(name, cost, produce or (lambda path: path.write_text(name, encoding="utf-8") and None))


def refuse(path: Path) -> None:
    """Produce nothing."""
    path.write_text("half", encoding="utf-8")
    raise RunError("it broke at step 3")


def unexpected(path: Path) -> None:
    """Fail by a fault of ours."""
    raise ZeroDivisionError("ours")


def test_several_processes_produce_a_piece_once(tmp_path: Path) -> None:
    """The others wait and read the same product."""
    workers = [start(tmp_path, "works") for _ in range(4)]

    obtained = {said(worker) for worker in workers}

    assert obtained == {f"made by {noted(tmp_path)[0]}"}
    assert len(noted(tmp_path)) == 1


def test_a_failure_is_told_to_everybody_in_the_same_words(tmp_path: Path) -> None:
    """And nobody tries again."""
    workers = [start(tmp_path, "fails") for _ in range(3)]

    obtained = {said(worker) for worker in workers}

    assert obtained == {f"RunError: arm a, seed 0: not finite at step 7 (process {noted(tmp_path)[0]})"}
    assert len(noted(tmp_path)) == 1


def test_a_killed_producer_leaves_no_product_and_the_next_one_produces(tmp_path: Path) -> None:
    """Killed with SIGKILL in the middle of writing."""
    killed = start(tmp_path, "hangs")
    assert killed.stdout is not None
    killed.stdout.readline()
    waiting = start(tmp_path, "works")
    mine = Chunk("piece", 1, lambda path: None)
    assert ChunkCache(tmp_path).progress([mine]) == (0, 1)

    killed.send_signal(signal.SIGKILL)
    obtained = said(waiting)

    killed.communicate()
    assert obtained == f"made by {waiting.pid}"
    assert noted(tmp_path) == [str(killed.pid), str(waiting.pid)]
    assert ChunkCache(tmp_path).progress([mine]) == (1, 1)


def test_a_second_request_reads_the_product(tmp_path: Path) -> None:
    """Without producing it again."""
    calls: list[Path] = []

    def produce(path: Path) -> None:
        calls.append(path)
        path.write_text("product", encoding="utf-8")

    paths = [ChunkCache(tmp_path).get_or_train(piece("a", produce=produce)) for _ in range(3)]

    assert {path.read_text(encoding="utf-8") for path in paths} == {"product"}
    assert len(calls) == 1


def test_a_failure_is_raised_at_every_request(tmp_path: Path) -> None:
    """It counts as finished, and what was half written is not a product."""
    store, broken = ChunkCache(tmp_path), piece("a", produce=refuse)

    for _ in range(2):
        with pytest.raises(RunError, match=r"^it broke at step 3$"):
            store.get_or_train(broken)

    assert store.progress([broken]) == (1, 1)
    assert not list(tmp_path.glob("*.done"))


def test_a_fault_of_ours_is_no_result(tmp_path: Path) -> None:
    """It is raised as it is, the lock is free again, and the next one may produce."""
    store = ChunkCache(tmp_path)
    with pytest.raises(ZeroDivisionError):
        store.get_or_train(piece("a", produce=unexpected))

    obtained = store.get_or_train(piece("a"))

    assert obtained.read_text(encoding="utf-8") == "a"


def test_the_costliest_piece_is_taken_first(tmp_path: Path) -> None:
    """Those of one cost by their names, so that every worker walks the same order."""
    order: list[str] = []

    def noting(name: str) -> Callable[[Path], None]:
        return lambda path: (order.append(name), path.write_text(name, encoding="utf-8"), None)[-1]

    pieces = [piece(name, cost, noting(name)) for name, cost in (("b", 1), ("d", 5), ("c", 9), ("a", 5))]

    ChunkCache(tmp_path).train_unclaimed(pieces)

    assert order == ["c", "a", "d", "b"]


def test_working_through_passes_over_what_another_holds(tmp_path: Path) -> None:
    """It does not wait for it, and takes the rest."""
    holder = start(tmp_path, "hangs")
    assert holder.stdout is not None
    holder.stdout.readline()
    store, pieces = ChunkCache(tmp_path), [piece("piece", 9), piece("other")]

    began = time.monotonic()
    store.train_unclaimed(pieces)

    assert time.monotonic() - began < 5
    assert store.progress(pieces) == (1, 2)
    assert (tmp_path / "other.done").exists()
    holder.kill()
    holder.communicate()


def test_working_through_keeps_failures_for_those_who_ask(tmp_path: Path) -> None:
    """A piece that fails does not keep a worker from the others."""
    store, pieces = ChunkCache(tmp_path), [piece("a", 9, refuse), piece("b")]

    store.train_unclaimed(pieces)

    assert store.progress(pieces) == (2, 2)
    with pytest.raises(RunError, match="it broke"):
        store.get_or_train(pieces[0])


def test_a_product_appears_whole(tmp_path: Path) -> None:
    """Whoever looks while it is written sees none."""
    seen: list[bool] = []
    written, looked = threading.Event(), threading.Event()

    def produce(path: Path) -> None:
        path.write_text("half", encoding="utf-8")
        written.set()
        looked.wait(10)
        path.write_text("whole", encoding="utf-8")

    thread = threading.Thread(target=lambda: ChunkCache(tmp_path).get_or_train(piece("a", produce=produce)))
    thread.start()
    written.wait(10)
    seen.append((tmp_path / "a.done").exists())
    looked.set()
    thread.join(10)

    assert seen == [False]
    assert (tmp_path / "a.done").read_text(encoding="utf-8") == "whole"
    assert not list(tmp_path.glob("*.part"))
