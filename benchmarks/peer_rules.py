"""What would the optimizer tests of other projects have caught? Their rules and ours, on the same planted bugs.

python -m benchmarks.peer_rules [--only RULE ...] [--write docs/results/peers.md]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import torch

from benchmarks.peers import golden_runs, library_tests, torch_tests
from benchmarks.peers.planted import Planted, planted
from benchmarks.peers.rule import APART, CAUGHT, MISSED, Rule, false_alarms, says
from harness.environment.paths import ROOT
from harness.tables import markdown_table

MATRIX = ROOT / "docs" / "results" / "kill-matrix.json"
RULES = (*torch_tests.RULES, *library_tests.RULES, *golden_runs.RULES)
OURS = "decaygate"
WELL_KNOWN = (
    "DecayForgotten",
    "CoupledL2",
    "DecayAfterUpdate",
    "DecayNotTimesLr",
    "DecayTimesLrSquared",
    "WrongSign",
    "DecayTwice",
    "DecayHalved",
    "DecayOnlyWhereGradient",
    "StaleLr",
    "DefaultDecayForAllGroups",
)

WHY: Mapping[str, str] = {
    "CorrectedAdamW": "divides by the largest rate so far, and this run begins at 0",
    "Lamb": "scales its step to the weight, so that its default decay is not small at any rate",
    "CoupledLambTwin": "does so too",
    "MatricesDecayTwin": "decays matrices alone, which these weights are not",
    "Muon": "takes matrices alone",
    "Prodigy": "begins at an estimate of 1e-6, and 20 steps at this rate do not move the loss",
}  # why a right optimizer is red

Row = Mapping[str, str]  # what each column says of one planted bug


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    known = [rule.column for rule in RULES]
    parser.add_argument(
        "--only", nargs="+", choices=known, default=known, metavar="RULE", help=f"of: {', '.join(known)}".replace("%", "%%")
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    lines = "\n".join(page([rule for rule in RULES if rule.column in given.only])) + "\n"
    if given.write:
        given.write.write_text(lines, encoding="utf-8")
    else:
        sys.stdout.write(lines)


def killed(path: Path = MATRIX) -> Mapping[str, bool]:
    """Return whether our suite is red for each mutant, as the kill matrix says; nothing where there is none."""
    if not path.exists():
        return {}
    mutants = json.loads(path.read_text(encoding="utf-8"))["mutants"]
    return {name: bool(found.get("claims") or found.get("fields")) for name, found in mutants.items()}


def row(one: Planted, rules: Sequence[Rule], ours: Mapping[str, bool]) -> Row:
    """Return what each rule, and ours, says of a planted bug."""
    own = APART if one.name not in ours else CAUGHT if ours[one.name] else MISSED
    return {**{rule.column: says(rule, one) for rule in rules}, OURS: own}


def count(rows: Sequence[Row], column: str) -> str:
    """Return `caught / faced / planted` of a column."""
    said = [row[column] for row in rows]
    return f"{said.count(CAUGHT)} / {len(said) - said.count(APART)} / {len(said)}"


def unseen(rows: Mapping[str, Row]) -> list[str]:
    """Return the planted bugs that no rule but ours catches."""
    return [name for name, said in rows.items() if CAUGHT not in [mark for column, mark in said.items() if column != OURS]]


def page(rules: Sequence[Rule]) -> Iterator[str]:
    """Yield the lines of docs/results/peers.md."""
    bugs, ours = planted(), killed()
    rows = {one.name: row(one, rules, ours) for one in bugs}
    groups = [(name, [one.name for one in several]) for name, several in groupby(bugs, key=lambda one: one.group)]
    columns = (*(rule.column for rule in rules), OURS)
    yield HEAD.format(version=torch.__version__)
    if not ours:
        yield "The last column is empty: run make kill-matrix first.\n"
    yield WELL_KNOWN_HEAD
    yield from _table({"decay": [name for name in WELL_KNOWN if name in rows]}, rows, columns)
    yield ALL_HEAD
    yield from _table(dict(groups), rows, columns)
    yield f"Caught by none of the other projects' rules: {', '.join(unseen(rows)) or 'none'}.\n"
    yield from _alarms(bugs, rules)
    yield RULES_HEAD
    for rule in rules:
        yield f"### {rule.column}\n\n<{rule.home}>\n\n{rule.source}\n"


def _table(groups: Mapping[str, Sequence[str]], rows: Mapping[str, Row], columns: Sequence[str]) -> Iterator[str]:
    lines: list[tuple[str, ...]] = []
    for group, names in groups.items():
        if len(groups) > 1:
            lines.append((f"**{group}**", *[""] * len(columns)))
        lines += [(name, *(rows[name][column] for column in columns)) for name in names]
    shown = [rows[name] for names in groups.values() for name in names]
    lines.append(("**caught / faced / planted**", *(count(shown, column) for column in columns)))
    yield from markdown_table(("planted bug", *columns), lines, "l" * (len(columns) + 1))
    yield ""


def _alarms(bugs: Sequence[Planted], rules: Sequence[Rule]) -> Iterator[str]:
    twins = {one.twin: one for one in bugs}
    said = [
        f"- {rule.column}, {', '.join(alarms)}: {one.twin.path}{_why(one.twin.path)}"
        for rule in rules
        for one in twins.values()
        if (alarms := false_alarms(rule, one))
    ]
    yield f"{len(twins)} optimizers without a bug, the mutants' twins, faced the same rules. " + (
        ALARMS if said else "None was red."
    )
    yield from [*said, ""]


def _why(path: str) -> str:
    name = path.rpartition(":")[2]
    return f", which {WHY[name]}" if name in WHY else ""


HEAD = """# What other projects' tests would have caught

Made by `python -m benchmarks.peer_rules --write docs/results/peers.md` with torch {version} on the CPU.

Each column is the pass/fail rule of a public project's optimizer tests, written anew from its published constants (steps,
learning rate, weight decay, tolerance, problem) and run on this suite's mutants: optimizers with one planted bug. `X`: the rule
is red for the mutant. `-`: the mutant passes. `r`: it is red, but only because the mutant rounds in another order than the right
optimizer, and in float64 the run is the same. Empty: the rule is not meant for that optimizer, or is red for the right one too.
The last line says how many it caught (`X`), of those that it faced, of all that were planted.

What the tables show, and what they do not:

- These tests were not written to say what weight decay is. They ask whether the loss goes down, whether two paths agree, whether
  a run is what it was; that is what they are good at. They say little of decay because of their constants: over the 100 steps of
  Megatron's run the decay takes 2.3e-6 of a weight, and the tolerance is 5e-2.
- The last column is this suite as `make kill-matrix` found it for the mutant as the optimizer under test: red by a claim, or by a
  field of its contract. `-` there are faults that only a claim about another subject would notice. The mutants are ours, and our
  claims were written beside them: it is no independent measurement. Many of the bugs have been seen in public
  projects, and their threads are named in the mutants' docstrings.
- A comparison with a reference (torch's paths, bitsandbytes) or a recorded run (Megatron, torchtitan, torchtune) has the right
  optimizer for its reference here: the best case. In use, the reference may have the same bug. An exact golden notices changes
  and not faults: recorded while the bug is in, it catches nothing, and it is red for every harmless change too.
- torch's comparison of paths catches what is in one path only; here each mutant is taken for one path and its twin for the other.
- Tests of parts are not in the tables: optax tests its decay as a transform by itself; bitsandbytes has a test with decay for
  Lion; a project's tests of its own schedules, groups or checkpoints may notice what these rules do not.
- Nor are variants that need a GPU: fused kernels, 8-bit states, large tensors, tensors on two devices.
"""
WELL_KNOWN_HEAD = """## Eleven bugs of an AdamW's decay
"""
ALL_HEAD = """## All planted bugs

By the module of `tests/mutants` that holds them; the docstring there says what each does.
"""
ALARMS = """Red for some, and so not counted for their mutants:
"""
RULES_HEAD = """## The rules
"""

if __name__ == "__main__":
    main()
