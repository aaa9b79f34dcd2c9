"""The kill matrix: which test notices which planted fault, and that no test fails a right optimizer.

python -m benchmarks.kill_matrix [--write docs/results]      writes docs/results/kill-matrix.md and docs/results/kill-matrix.json
python -m benchmarks.kill_matrix --only DecayForgotten      a part of it
python -m benchmarks.kill_matrix --read docs/results/kill-matrix.json      the page again, without trying anything
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
    """Write or print the matrix; 1 when a fault is not noticed as the catalogue says, or a right optimizer is red."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", metavar="DIR", type=Path, help="write kill-matrix.md and kill-matrix.json there")
    parser.add_argument("--read", metavar="FILE", type=Path, help="take the rows from here")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="try only these optimizers, and print the page")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    names = [(kind, name) for kind, name in every_name() if not given.only or name in given.only]
    if not names or (given.only and given.write):
        parser.error("--only: expected names of tests/mutants, and no --write: a part is no matrix")
    start = time.monotonic()
    found: Rows = json.loads(given.read.read_text(encoding="utf-8")) if given.read else measured(names, given.processes)
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
