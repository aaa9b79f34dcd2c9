"""The kill matrix: which test notices which planted fault, and that no test fails a right optimizer.

python -m benchmarks.kill_matrix [--write docs/results]      writes docs/results/kill-matrix.md and docs/results/kill-matrix.json
python -m benchmarks.kill_matrix --read docs/results/kill-matrix.json      the page again, without trying anything
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

from benchmarks.kill_matrix.page import page
from harness.environment import determinism
from tests.mutants.expectations import BY_NAME, MUTANTS, OTHERS, RIGHT
from tests.mutants.trial import Row, mutant_row, right_row

Rows = Mapping[str, Mapping[str, Row]]


def measured(processes: int) -> Rows:
    """Return the rows of all mutants, of what is no fault, and of all right optimizers."""
    names = [("mutants", one.name) for one in MUTANTS] + [("others", one.name) for one in OTHERS]
    names += [("right", name) for name in RIGHT]
    with multiprocessing.get_context("spawn").Pool(processes, determinism.fix_environment) as pool:
        rows = pool.starmap(_one, names, chunksize=1)
    found: dict[str, dict[str, Row]] = {"mutants": {}, "others": {}, "right": {}}
    for (kind, name), one in zip(names, rows, strict=True):
        found[kind][name] = one
    return found


def _one(kind: str, name: str) -> Row:
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


def main() -> int:
    """Write or print the matrix; 1 when a fault is not noticed as the catalogue says, or a right optimizer is red."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", metavar="DIR", type=Path, help="write kill-matrix.md and kill-matrix.json there")
    parser.add_argument("--read", metavar="FILE", type=Path, help="take the rows from here")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    start = time.monotonic()
    found: Rows = json.loads(given.read.read_text(encoding="utf-8")) if given.read else measured(given.processes)
    said = "" if given.read else f"{given.processes} processes, {(time.monotonic() - start) / 60:.1f} minutes"
    if given.write:
        (given.write / "kill-matrix.md").write_text(page(found, said), encoding="utf-8")
        (given.write / "kill-matrix.json").write_text(to_json(found), encoding="utf-8")
    else:
        print(page(found, said))
    wrong = [
        f"{name}: {problem}" for kind in ("mutants", "others") for name, one in found[kind].items() for problem in one["problems"]
    ]
    wrong += [f"{name} is right, and red: {', '.join(one['red'])}" for name, one in found["right"].items() if one["red"]]
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
