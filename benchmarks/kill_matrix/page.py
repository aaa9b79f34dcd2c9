"""The page of the kill matrix, made from the rows that were measured and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch

from harness.catalog.load import load
from harness.spec.contract import FIELDS, UNSPECIFIED, complete
from harness.tables import markdown_table

Rows = Mapping[str, Mapping[str, Any]]

HEAD = """# Kill matrix

Made by `make kill-matrix` (torch {version}{how}).

Each mutant is an optimizer with one planted fault, most of them faults that a public project has shipped. Like any optimizer
under test it is held to every claim that applies to what it promises (the contract of the same optimizer without the fault) and
to each field of that contract; and it takes the arm of each claim about another subject that names it. Training is left out:
the counterexample of a study is the same study with two arms exchanged, and of arithmetic a slip, both tried with every run.

- **{killed} of {planted} mutants are noticed**, {threads} of them faults with a public thread. Half of them are noticed by
  {median} tests or more, the least noticed by {least}.
- **{own} of them are red as anybody's optimizer under test**: {claims} by at least one claim, {fields} by a field of the
  contract. The other {arm} are red only in the arm of a claim about another subject (torch's own classes, its bfloat16, a
  reference optimizer): such a claim can fail, and a user's optimizer with this fault passes. They are marked `arm` below.
- **{passing} of {right} right optimizers pass** all that applies to them; {excused}.
- **The fingerprint** names the fault of each mutant whose fault is one of the things that it asks for, with the exceptions
  listed [below](#fingerprint-against-truth).

`pytest tests/selftest/benchmarks/test_kill_matrix.py`, a part of `make test`, tries every line again and compares it with this
page's.
"""
MUTANTS = """The last two columns: the test that must be red for this fault, and by what. For a field of the contract it is the
value that was measured, for a claim the `arm.measure` that decides.
"""
OTHERS = """Right, or harmless, and still not what some claim describes: a claim about what torch does must fail for what torch
does not do. They are counterexamples, and are not counted as faults.
"""
TRUTH = """For each question: the mutants whose fault changes its answer, and how often the fingerprint then gives the faulty
answer, rightly gives none (a decay that is not there has no order), gives another, or does not know. Then the mutants whose
fault leaves the answer alone, and how often it is still the declared one; and the same of the right optimizers.
"""
INSTEAD = {"study": "its arms exchanged", "arithmetic": "the slip that it names"}


def page(found: Mapping[str, Rows], how: str) -> str:
    """Write the page; `how` says how the rows were measured."""
    mutants, others, right = found["mutants"], found["others"], found["right"]
    parts = [
        _head(mutants, right, how),
        "## Mutants\n",
        MUTANTS,
        *_mutant_table(mutants),
        "\n## Right optimizers\n",
        *_right_table(right),
        "\n## What is no fault\n",
        OTHERS,
        *_mutant_table(others),
        "\n## Fingerprint against truth\n",
        TRUTH,
        *_confusion(mutants, right),
        "\n## Mutant by scenario\n",
        *_matrix(mutants),
        "\n## Claim by claim\n",
        *_by_claim({**mutants, **others}),
    ]
    return "\n".join(parts) + "\n"


def _head(mutants: Rows, right: Rows, how: str) -> str:
    tests = sorted(len(one["claims"]) + len(one["fields"]) + len(one["in_arm"]) for one in mutants.values())
    own = sum(bool(one["claims"] or one["fields"]) for one in mutants.values())
    excused = {name: one["expected"] for name, one in right.items() if one["expected"]}
    count = sum(map(len, excused.values()))
    return HEAD.format(
        version=torch.__version__,
        how=f", {how}" if how else "",
        planted=len(mutants),
        killed=sum(number > 0 for number in tests),
        threads=sum(bool(one["bug"]) for one in mutants.values()),
        claims=sum(bool(one["claims"]) for one in mutants.values()),
        fields=sum(bool(one["fields"]) for one in mutants.values()),
        own=own,
        arm=len(mutants) - own,
        median=tests[len(tests) // 2],
        least=tests[0],
        passing=sum(not one["red"] for one in right.values()),
        right=len(right),
        excused=f"{len(excused)} are right to fail {count} claims, for reasons in the table" if count else "none fails any",
    )


def _mutant_table(rows: Rows) -> list[str]:
    lines = []
    for name, one in rows.items():
        does = one["does"] + (f" ([thread]({one['bug']}))" if one["bug"] else "")
        claims = len(one["claims"]) or ("." if one["fields"] else "arm")
        lines.append((name, does, str(claims), str(len(one["fields"]) or "."), one["by"], one["word"]))
    head = ("mutant", "what it does", "claims", "fields", "noticed for its fault by", "which measured")
    return markdown_table(head, lines, "llrrll")


def _right_table(rows: Rows) -> list[str]:
    lines = []
    for name, one in rows.items():
        declares = ", ".join(f"{key}: {value}" for key, value in one["contract"].items()) or "what the role promises"
        excused = "; ".join(f"{claim}: {why}" for claim, why in one["expected"].items()) or "-"
        lines.append((name, one["role"], declares, ", ".join(one["red"]) or "-", excused))
    return markdown_table(("optimizer", "role", "declares", "red", "right to fail"), lines, "lllll")


COLUMNS = ("told", "none", "other", "unknown")
ODD = ("other", "unknown", "lost")


def _confusion(mutants: Rows, right: Rows) -> list[str]:
    """Count, for each question, what a fingerprint says against what is so, and list the rest."""
    head = ("question", "changed", "told", "rightly none", "told otherwise", "not known", "unchanged", "still so", "right", "so")
    lines: list[tuple[str, ...]] = []
    odd: list[str] = []
    for question in dict.fromkeys(name for one in mutants.values() for name in one["told"]):
        count = Counter(_judged(one, question) for one in mutants.values())
        odd += [_exception(name, one, question) for name, one in mutants.items() if _judged(one, question) in ODD]
        peace = Counter(_as_declared(one, question) for one in right.values())
        odd += [_exception(name, one, question) for name, one in right.items() if _as_declared(one, question) is False]
        unchanged = count["kept"] + count["lost"]
        cells = [sum(count[one] for one in COLUMNS), *(count[one] for one in COLUMNS), unchanged, count["kept"]]
        cells += [peace[True] + peace[False], peace[True]]
        lines.append((question, *(str(cell) if cell else "." for cell in cells)))
    table = markdown_table(head, lines, "l" + "r" * (len(head) - 1))
    return [*table, "", *(["Off the diagonal:\n", *odd] if odd else ["Nothing is off the diagonal."])]


def _judged(one: Mapping[str, Any], question: str) -> str:
    """Return how a mutant's fingerprint stands to what is so of it."""
    told = one["told"].get(question)
    if question in one["truth"]:
        truth = one["truth"][question]
        if not truth:
            return "other" if told else "none"
        return "told" if truth in str(told).split(" or ") else "other" if told else "unknown"
    if question not in FIELDS or told is None or not one["role"]:
        return "not asked"
    return "lost" if question in one["fields"] else "kept"


def _as_declared(one: Mapping[str, Any], question: str) -> bool | None:
    """Return whether a right optimizer's fingerprint is what it declares, or None where nothing is declared."""
    if question not in FIELDS:
        return one["told"].get(question) in ("none", "stays") if question in ("hidden_decay", "weight_at_zero") else None
    declared = complete(one["contract"], one["role"])[question]
    return None if declared in (UNSPECIFIED, "") else f"contract.{question}" not in {*one["red"], *one["expected"]}


def _exception(name: str, one: Mapping[str, Any], question: str) -> str:
    so = one.get("truth", {}).get(question, "as declared") or "not to be told"
    why = one.get("misread", {}).get(question)
    said = f"- {name}, {question}: the fingerprint says {one['told'].get(question) or 'unknown'}; it is {so}"
    return said + (f" ({why})" if why else " (**not explained**)")


def _matrix(rows: Rows) -> list[str]:
    """Show how many claims of each scenario are red for each mutant, in fixed width; `.` is none."""
    probes = [loaded for loaded in load().values() if loaded.scenario.kind == "probe"]
    home = {claim.id: loaded.id for loaded in probes for claim in loaded.scenario.claims}
    named = ", ".join(f"{index + 1} {loaded.id}" for index, loaded in enumerate(probes))
    lines = [f"Red claims of each scenario; `kill-matrix.json` has every claim by name. Columns: {named}, C contract.\n", "```"]
    lines.append(" " * 34 + "".join(f"{index + 1:>3}" for index in range(len(probes))) + "  C")
    for name, one in rows.items():
        count = Counter(home[claim] for claim in {*one["claims"], *one["in_arm"]})
        cells = [count[loaded.id] for loaded in probes] + [len(one["fields"])]
        lines.append(f"{name:<34}" + "".join(f"{cell or '.':>3}" for cell in cells))
    return [*lines, "```"]


def _by_claim(rows: Rows) -> list[str]:
    lines = []
    for loaded in load().values():
        for claim in loaded.scenario.claims:
            own = [name for name, one in rows.items() if claim.id in {*one["claims"], *one["in_arm"]}]
            shown = INSTEAD.get(loaded.scenario.kind, ", ".join(own[:3]))
            lines.append((claim.id, str(len(own) or 1), shown))
    table = markdown_table(("claim", "fails for", "for instance"), lines, "lrl")
    return ["What each claim fails for, and three instances.\n", *table]
