"""Chunk cache: each chunk of a study is trained once and kept on disk for all processes of a session.

The cache is one folder. Each chunk has one lock and one file there: `<name>.done` holds its trained runs, or `<name>.failed`
the message of the RunError that ended its training. A worker that dies releases its lock, and what it had written so far is
not taken for a result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from harness.errors import RunError


@dataclass(frozen=True)
class Chunk:
    """A part of a study that is trained at once: its name, and its cost in steps times runs.

    `train(path)` trains the chunk and writes the trained runs to `path`.
    """

    name: str
    cost: int
    train: Callable[[Path], None]


@dataclass(frozen=True)
class ChunkCache:
    """The chunks that are kept in one folder."""

    folder: Path

    def get_or_train(self, chunk: Chunk) -> Path:
        """Return the path of a chunk's trained runs. Train it first, or wait while another process trains it.

        Raises RunError if the training failed, in this process or in another one, with the message of that failure.
        """
        with self._lock(chunk):
            self._train(chunk)
        failure = self._path(chunk, "failed")
        if failure.exists():
            raise RunError(failure.read_text(encoding="utf-8"))
        return self._path(chunk, "done")

    def train_unlocked(self, chunks: Sequence[Chunk]) -> None:
        """Train every chunk that is neither finished nor locked by another process, the most expensive one first.

        A failure is kept in the cache and not raised; `get_or_train` raises it.
        """
        for chunk in sorted(chunks, key=lambda chunk: (-chunk.cost, chunk.name)):
            try:
                with self._lock(chunk, timeout=0):
                    self._train(chunk)
            except Timeout:
                continue

    def progress(self, chunks: Sequence[Chunk]) -> tuple[int, int]:
        """Return (number of finished chunks, number of chunks). A chunk that failed counts as finished."""
        return sum(self._finished(chunk) for chunk in chunks), len(chunks)

    def _train(self, chunk: Chunk) -> None:
        """Train a chunk that is not finished. The caller holds its lock."""
        if self._finished(chunk):
            return
        partial = self._path(chunk, f"{os.getpid()}.part")
        try:
            chunk.train(partial)
        except RunError as error:
            partial.write_text(str(error), encoding="utf-8")
            os.replace(partial, self._path(chunk, "failed"))
            return
        os.replace(partial, self._path(chunk, "done"))

    def _finished(self, chunk: Chunk) -> bool:
        return self._path(chunk, "done").exists() or self._path(chunk, "failed").exists()

    def _lock(self, chunk: Chunk, timeout: float = -1) -> FileLock:
        return FileLock(self._path(chunk, "lock"), timeout=timeout)

    def _path(self, chunk: Chunk, ending: str) -> Path:
        return self.folder / f"{chunk.name}.{ending}"
