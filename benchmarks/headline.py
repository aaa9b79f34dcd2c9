"""The headline studies in numbers: what the sources say beside what comes out, with intervals and paired differences.

python -m benchmarks.headline                  # every study, on this machine
python -m benchmarks.headline --study verb_forms --write docs/studies.md
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

from harness import determinism

determinism.fix_environment()

from harness import statistics  # noqa: E402  (threads are fixed before torch is imported)
from harness.catalogue import Entry, load  # noqa: E402
from harness.heartbeat import Heartbeat  # noqa: E402
from harness.measure import MEASURES  # noqa: E402
from harness.reading import Reading, Readings  # noqa: E402
from harness.run import Result, Session, pieces, run  # noqa: E402
from harness.store import Store  # noqa: E402
from harness.subject import DEFAULTS, Subjects  # noqa: E402

LEVEL = 0.01
CONTROL = "control"
# What the document of experiment 18 says of its runs after 2000 steps (sections "Symptom" and "Diagnostic ladder").
DOCUMENTED = {
    ("control", "train_loss"): "1.85",
    ("control", "held_out_loss"): "2.05",
    ("control", "gap"): "0.20",
    ("control", "embedding_growth"): "<= 1.2",
    ("control", "train_regular"): "0.92",
    ("control", "train_irregular"): "0.88",
    ("control", "held_out_regular"): "0.84",
    ("control", "held_out_irregular"): "0.75",
    ("no_decay", "train_loss"): "1.55",
    ("no_decay", "held_out_loss"): "2.40",
    ("no_decay", "gap"): "0.85",
    ("no_decay", "parting_step"): "600",
    ("no_decay", "embedding_growth"): "2.5",
    ("no_decay", "train_regular"): "0.99",
    ("no_decay", "train_irregular"): "0.95",
    ("no_decay", "held_out_regular"): "0.78",
    ("no_decay", "held_out_irregular"): "0.62",
    ("overcorrected", "train_loss"): "above control",
    ("overcorrected", "held_out_loss"): "above control",
    ("overcorrected", "embedding_growth"): "toward 0",
}
HEAD = ("arm", "measure", "documented", "measured", "sd", "99 % interval", "closed form", "minus control", "d_z")


def main() -> int:
    """Run the chosen studies and print (or write) one table a study."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.headline", description=__doc__.splitlines()[0])
    studies = [entry.id for entry in load().values() if entry.scenario.kind == "study"]
    parser.add_argument("--study", action="append", choices=studies, help="default: every study")
    parser.add_argument("--write", type=Path, help="write the page there instead of printing it")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="decaygate-") as folder:
        results = _run(given.study or studies, Path(folder), given.workers)
    page = "\n".join(line for name, result in results.items() for line in _page(load()[name], result))
    if given.write:
        given.write.write_text(page + "\n", encoding="utf-8")
    else:
        print(page)
    return 0


def _run(names: list[str], folder: Path, workers: int) -> dict[str, Result]:
    context = get_context("spawn")
    helpers = [context.Process(target=_work, args=(names, folder)) for _ in range(workers - 1)]
    for helper in helpers:
        helper.start()
    _work(names, folder)
    results = {name: run(load()[name], _session(folder)) for name in names}
    for helper in helpers:
        helper.join()
    return results


def _work(names: list[str], folder: Path) -> None:
    determinism.fix_torch()
    session = _session(folder)
    session.store.work_through([piece for name in names for piece in pieces(load()[name], session)])


def _session(folder: Path) -> Session:
    heartbeat = Heartbeat(folder, lambda line: print(line, file=sys.__stderr__, flush=True))
    return Session(Subjects(DEFAULTS), "cpu", Store(folder), heartbeat, heard=[])


def _page(entry: Entry, result: Result) -> Iterator[str]:
    scenario = entry.scenario
    yield f"## {entry.id}: {scenario.title}\n"
    seeds = f"{len(scenario.seeds)} paired seeds ({scenario.seeds[0]} to {scenario.seeds[-1]})"
    yield f"{seeds}; interval of the mean; d_z of the paired difference to the control.\n"
    yield f"| {' | '.join(HEAD)} |"
    yield f"|{'---|' * len(HEAD)}"
    for arm, readings in result.readings.items():
        for measure in MEASURES:
            documented = DOCUMENTED.get((arm, measure), "") if entry.id == "verb_forms" else ""
            row = _row(readings[measure], documented, result.readings.get(CONTROL), measure, own=arm == CONTROL)
            yield f"| {arm} | {measure} ({MEASURES[measure].unit}) | {' | '.join(row)} |"
    yield ""


def _row(reading: Reading, documented: str, control: Readings | None, measure: str, *, own: bool) -> list[str]:
    mean, sd = statistics.moments(reading.samples)
    closed = f"{reading.expected:.3f}" if reading.expected is not None else ""
    own_numbers = [documented, f"{mean:.3f}", f"{sd:.3f}", _interval(reading.samples), closed]
    return [*own_numbers, *_paired(reading, control, measure, own=own)]


def _interval(samples: tuple[float, ...]) -> str:
    try:
        low, high = statistics.interval(samples, level=LEVEL / 2)
    except ValueError:
        return "all alike"
    return f"{low:.3f} to {high:.3f}"


def _paired(reading: Reading, control: Readings | None, measure: str, *, own: bool) -> list[str]:
    if own or control is None:
        return ["", ""]
    differences = [a - b for a, b in zip(reading.samples, control[measure].samples, strict=True)]
    mean, sd = statistics.moments(differences)
    return [f"{mean:+.3f}", f"{mean / sd:+.1f}" if sd else ""]


if __name__ == "__main__":
    sys.exit(main())
