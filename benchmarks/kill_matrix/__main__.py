"""Command that measures the kill matrix: the tests that each mutant fails, and that each right optimizer passes.

python -m benchmarks.kill_matrix [--write docs/results]      writes docs/results/kill-matrix.md and docs/results/kill-matrix.json
python -m benchmarks.kill_matrix --only DecayForgotten      prints the page of some optimizers only
python -m benchmarks.kill_matrix --read docs/results/kill-matrix.json      prints the page from recorded rows
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from benchmarks.kill_matrix.page import page
from benchmarks.kill_matrix.rows import Rows, every_name, measured, to_json


def main() -> int:
    """Write or print the matrix; return 1 if a mutant is not noticed as expected, or if a right optimizer is red."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", metavar="DIR", type=Path, help="write kill-matrix.md and kill-matrix.json to this folder")
    parser.add_argument("--read", metavar="FILE", type=Path, help="read the rows from this file instead of measuring them")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="measure only these optimizers, and print the page")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: one per CPU core")
    arguments = parser.parse_args()
    names = [(kind, name) for kind, name in every_name() if not arguments.only or name in arguments.only]
    if not names or (arguments.only and arguments.write):
        parser.error(
            "--only: expected names of optimizers of tests/mutants, and no --write: the recorded matrix must be complete"
        )
    start = time.monotonic()
    rows: Rows = (
        json.loads(arguments.read.read_text(encoding="utf-8")) if arguments.read else measured(names, arguments.processes)
    )
    how = "" if arguments.read else f"{arguments.processes} processes, {(time.monotonic() - start) / 60:.1f} minutes"
    if arguments.write:
        (arguments.write / "kill-matrix.md").write_text(page(rows, how), encoding="utf-8")
        (arguments.write / "kill-matrix.json").write_text(to_json(rows), encoding="utf-8")
    else:
        print(page(rows, how))
    wrong = [f"{name}: {problem}" for by_name in rows.values() for name, row in by_name.items() for problem in row["problems"]]
    wrong += [
        f"{name} is a right optimizer, and red in: {', '.join(row['red'])}"
        for kind in ("right", "styles")
        for name, row in rows.get(kind, {}).items()
        if row["red"]
    ]
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
