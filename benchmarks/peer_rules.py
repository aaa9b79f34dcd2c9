"""Comparison of other projects' optimizer tests with this suite, on the same planted bugs.

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
from benchmarks.peers.rule import APART, CAUGHT, MISSED, Rule, false_alarms, mark_of
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

REASONS: Mapping[str, str] = {
    "CorrectedAdamW": "divides by the largest learning rate so far, and this run begins at 0",
    "Lamb": "scales its step to the weight, so that its default decay is not small at any learning rate",
    "CoupledLambTwin": "scales its step to the weight, too",
    "MatricesDecayTwin": "decays only matrices, and these weights are no matrices",
    "Muon": "accepts only matrices",
    "Prodigy": "begins at an estimate of 1e-6, and 20 steps at this learning rate do not change the loss",
}  # the reason for which a right optimizer is red

Row = Mapping[str, str]  # column -> its mark for one planted bug


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    known = [rule.column for rule in RULES]
    listed = ", ".join(known).replace("%", "%%")
    parser.add_argument(
        "--only", nargs="+", choices=known, default=known, metavar="RULE", help=f"run only these rules, of: {listed}"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page to FILE instead of printing it")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    lines = "\n".join(page([rule for rule in RULES if rule.column in options.only])) + "\n"
    if options.write:
        options.write.write_text(lines, encoding="utf-8")
    else:
        sys.stdout.write(lines)


def red_by_mutant(path: Path = MATRIX) -> Mapping[str, bool]:
    """Return for each mutant True if this suite is red for it, from the kill matrix; empty if there is no kill matrix."""
    if not path.exists():
        return {}
    mutants = json.loads(path.read_text(encoding="utf-8"))["mutants"]
    return {name: bool(mutant.get("claims") or mutant.get("fields")) for name, mutant in mutants.items()}


def row(bug: Planted, rules: Sequence[Rule], ours: Mapping[str, bool]) -> Row:
    """Return the mark of each rule, and of this suite, for a planted bug."""
    mark = APART if bug.name not in ours else CAUGHT if ours[bug.name] else MISSED
    return {**{rule.column: mark_of(rule, bug) for rule in rules}, OURS: mark}


def count(rows: Sequence[Row], column: str) -> str:
    """Return `caught / tried / planted` of a column."""
    marks = [row[column] for row in rows]
    return f"{marks.count(CAUGHT)} / {len(marks) - marks.count(APART)} / {len(marks)}"


def missed_by_all(rows: Mapping[str, Row]) -> list[str]:
    """Return the planted bugs that no rule of another project catches."""
    return [name for name, marks in rows.items() if CAUGHT not in [mark for column, mark in marks.items() if column != OURS]]


def page(rules: Sequence[Rule]) -> Iterator[str]:
    """Yield the lines of docs/results/peers.md."""
    bugs, ours = planted(), red_by_mutant()
    rows = {bug.name: row(bug, rules, ours) for bug in bugs}
    groups = [(name, [bug.name for bug in members]) for name, members in groupby(bugs, key=lambda bug: bug.group)]
    columns = (*(rule.column for rule in rules), OURS)
    yield HEAD.format(version=torch.__version__)
    if not ours:
        yield "The last column is empty because there is no kill matrix: run make kill-matrix first.\n"
    yield WELL_KNOWN_HEAD
    yield from _table({"decay": [name for name in WELL_KNOWN if name in rows]}, rows, columns)
    yield ALL_HEAD
    yield from _table(dict(groups), rows, columns)
    yield f"No rule of another project catches: {', '.join(missed_by_all(rows)) or 'none'}.\n"
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
    lines.append(("**caught / tried / planted**", *(count(shown, column) for column in columns)))
    yield from markdown_table(("planted bug", *columns), lines, "l" * (len(columns) + 1))
    yield ""


def _alarms(bugs: Sequence[Planted], rules: Sequence[Rule]) -> Iterator[str]:
    twins = {bug.twin: bug for bug in bugs}
    lines = [
        f"- {rule.column}, {', '.join(alarms)}: {bug.twin.path}{_why(bug.twin.path)}"
        for rule in rules
        for bug in twins.values()
        if (alarms := false_alarms(rule, bug))
    ]
    yield f"The same rules were run on {len(twins)} optimizers without a bug, the mutants' twins. " + (
        ALARMS if lines else "No rule was red."
    )
    yield from [*lines, ""]


def _why(path: str) -> str:
    name = path.rpartition(":")[2]
    return f", which {REASONS[name]}" if name in REASONS else ""


HEAD = """# What other projects' tests would have caught

Made by `python -m benchmarks.peer_rules --write docs/results/peers.md` with torch {version} on the CPU.

Each column is the pass/fail rule of a public project's optimizer tests, rewritten from its published constants (steps,
learning rate, weight decay, tolerance, problem). The rules are run on this suite's mutants: optimizers with one planted bug.

- `X`: the rule is red for the mutant.
- `-`: the mutant passes.
- `r`: the rule is red, but only because the mutant rounds in another order than the right optimizer; in float64 both runs are the
  same.
- Empty: the rule is not meant for that optimizer, or it is red for the right optimizer too.

The last line of a table counts the mutants that a rule caught (`X`), the mutants on which it was tried, and all planted mutants.

What the tables show, and what they do not show:

- These tests were not written to check what weight decay does. They check that the loss goes down, that two paths agree, or
  that a run has not changed, and they are good at that. Their constants leave little room for decay: over the 100 steps of
  Megatron's run the decay takes 2.3e-6 of a weight, and the tolerance is 5e-2.
- The last column is this suite, as `make kill-matrix` recorded it with the mutant as the optimizer under test: `X` if a claim
  or a field of its contract is red. `-` marks faults that only a claim about another subject can notice. This column is no
  independent measurement: the same authors wrote the mutants and the claims. Many of the bugs are from public projects, and
  the mutants' docstrings give their threads.
- A comparison with a reference (torch's paths, bitsandbytes) or with a recorded run (Megatron, torchtitan, torchtune) has the
  right optimizer as its reference here. That is the best case: in use, the reference may have the same bug. An exact golden
  notices changes and not faults: if it was recorded with the bug, it catches nothing; and it is red for every harmless change
  too.
- torch's comparison of paths catches a bug that is in one path only; here each mutant stands for one path, and its twin for
  the other.
- The tables do not contain tests of parts: optax tests its decay as a separate transform; bitsandbytes has a test with decay for
  Lion; a project's tests of its own schedules, groups or checkpoints may notice bugs that these rules miss.
- The tables do not contain variants that need a GPU: fused kernels, 8-bit states, large tensors, tensors on two devices.
"""
WELL_KNOWN_HEAD = """## Eleven bugs of an AdamW's decay
"""
ALL_HEAD = """## All planted bugs

Grouped by the module of `tests/mutants`. The docstring of each class describes its bug.
"""
ALARMS = """These tests were red for a right optimizer, and are not counted for its mutants:
"""
RULES_HEAD = """## The rules
"""

if __name__ == "__main__":
    main()
