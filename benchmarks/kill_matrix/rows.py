"""The rows of the kill matrix: each optimizer is held to all that applies to it, in processes side by side.

They stand outside of `__main__`, which a spawned process cannot import.
"""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.environment import determinism
from tests.mutants.expectations import BY_NAME, MUTANTS, OTHERS, RIGHT
from tests.mutants.trial import MatrixRow, mutant_row, right_row

Rows = Mapping[str, Mapping[str, MatrixRow]]


def every_name() -> list[tuple[str, str]]:
    """Return the kind and name of all mutants, of what is no fault, and of all right optimizers."""
    names = [("mutants", one.name) for one in MUTANTS] + [("others", one.name) for one in OTHERS]
    return names + [("right", name) for name in RIGHT]


def measured(names: Sequence[tuple[str, str]], processes: int) -> Rows:
    """Return the row of each optimizer, by kind and name; each is tried in one of `processes` processes."""
    with multiprocessing.get_context("spawn").Pool(processes, determinism.fix_environment) as pool:
        rows = pool.starmap(_one, names, chunksize=1)
    found: dict[str, dict[str, MatrixRow]] = {"mutants": {}, "others": {}, "right": {}}
    for (kind, name), one in zip(names, rows, strict=True):
        found[kind][name] = one
    return found


def _one(kind: str, name: str) -> MatrixRow:
    warnings.simplefilter("ignore")
    determinism.fix_torch()
    with tempfile.TemporaryDirectory() as folder:
        return right_row(RIGHT[name], Path(folder)) if kind == "right" else mutant_row(BY_NAME[name], Path(folder))


def to_json(found: Rows) -> str:
    """Write one optimizer a line, so that a diff names what changed."""
    parts = []
    for kind, rows in found.items():
        lines = [f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in rows.items()]
        parts.append(f' "{kind}": {{\n' + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"
