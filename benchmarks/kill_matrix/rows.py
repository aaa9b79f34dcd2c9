"""Rows of the kill matrix: the results of every optimizer, measured in parallel processes.

The functions are not in `__main__`, because a spawned process cannot import it.
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
from tests.mutants.styles import STYLES
from tests.mutants.trial import MatrixRow, mutant_row, right_row, style_row

Rows = Mapping[str, Mapping[str, MatrixRow]]


def every_name() -> list[tuple[str, str]]:
    """Return (kind, name) of every optimizer: mutants, others (harmless), right ones, and right ones by drafted contract."""
    names = [("mutants", mutant.name) for mutant in MUTANTS] + [("others", other.name) for other in OTHERS]
    names += [("right", name) for name in RIGHT]
    return names + [("styles", path) for path in STYLES]


def measured(names: Sequence[tuple[str, str]], processes: int) -> Rows:
    """Return the row of each optimizer, by kind and name; a pool of `processes` processes measures them."""
    with multiprocessing.get_context("spawn").Pool(processes, determinism.fix_environment) as pool:
        rows = pool.starmap(_row, names, chunksize=1)
    by_kind: dict[str, dict[str, MatrixRow]] = {"mutants": {}, "others": {}, "right": {}, "styles": {}}
    for (kind, name), row in zip(names, rows, strict=True):
        by_kind[kind][name] = row
    return by_kind


def _row(kind: str, name: str) -> MatrixRow:
    warnings.simplefilter("ignore")
    determinism.fix_torch()
    with tempfile.TemporaryDirectory() as folder:
        if kind == "styles":
            return style_row(name, Path(folder))
        return right_row(RIGHT[name], Path(folder)) if kind == "right" else mutant_row(BY_NAME[name], Path(folder))


def to_json(by_kind: Rows) -> str:
    """Return the rows as JSON with one line per optimizer, so that a diff names the optimizers that changed."""
    parts = []
    for kind, rows in by_kind.items():
        lines = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items()]
        parts.append(f' "{kind}": {{\n' + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"
