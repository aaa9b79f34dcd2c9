"""Where does a session keep what it has run, so that each piece is run once and all workers share it?

One folder a session, one file a piece, one lock a piece. A worker that dies releases its lock and leaves no half file.
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
    """A piece of work: its name, what it costs (run-steps) and the function that writes its product to a path."""

    name: str
    cost: int
    produce: Callable[[Path], None]


@dataclass(frozen=True)
class ChunkCache:
    """The folder of one session."""

    folder: Path

    def get_or_train(self, piece: Chunk) -> Path:
        """Return the piece's product, produced here or awaited from whoever holds it. Raises RunError as it was raised there."""
        with self._lock(piece):
            self._produce(piece)
        failure = self._path(piece, "failed")
        if failure.exists():
            raise RunError(failure.read_text(encoding="utf-8"))
        return self._path(piece, "done")

    def train_unclaimed(self, pieces: Sequence[Chunk]) -> None:
        """Produce every piece that nobody holds, costliest first, until none is left to take."""
        for piece in sorted(pieces, key=lambda piece: (-piece.cost, piece.name)):
            try:
                with self._lock(piece, timeout=0):
                    self._produce(piece)
            except Timeout:
                continue

    def progress(self, pieces: Sequence[Chunk]) -> tuple[int, int]:
        """Return (pieces finished, pieces in all)."""
        return sum(self._finished(piece) for piece in pieces), len(pieces)

    def _produce(self, piece: Chunk) -> None:
        if self._finished(piece):
            return
        scratch = self._path(piece, f"{os.getpid()}.part")
        try:
            piece.produce(scratch)
        except RunError as error:
            scratch.write_text(str(error), encoding="utf-8")
            os.replace(scratch, self._path(piece, "failed"))
            return
        os.replace(scratch, self._path(piece, "done"))

    def _finished(self, piece: Chunk) -> bool:
        return self._path(piece, "done").exists() or self._path(piece, "failed").exists()

    def _lock(self, piece: Chunk, timeout: float = -1) -> FileLock:
        return FileLock(self._path(piece, "lock"), timeout=timeout)

    def _path(self, piece: Chunk, ending: str) -> Path:
        return self.folder / f"{piece.name}.{ending}"
