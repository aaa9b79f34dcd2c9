"""Page docs/results/kill-matrix.md, in Markdown, from the measured rows alone.

A row has these keys (`tests.mutants.trial` writes them):

- `claims`, `fields`: red claims and red contract fields with the mutant as the optimizer under test.
- `in_arm`: claims about another subject that are red with the mutant in one of their arms.
- `by`, `word`: the test that is expected to be red, and the value or the `arm.measure` that made it red.
- `told`: question -> answer of the fingerprint; `truth`: question -> answer that the fault should give, empty if there is none;
  `misread`: question -> reason of a known wrong answer.
- `expected`: for a right optimizer, claim -> reason for which it may fail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch

from harness.catalog.load import load
from harness.spec.contract import complete
from harness.spec.fields import FIELDS, UNSPECIFIED
from harness.tables import markdown_table
from tests.mutants.expectations import BY_NAME

Rows = Mapping[str, Mapping[str, Any]]

HEAD = """# Kill matrix

Made by `make kill-matrix` (torch {version}{how}).

A mutant is an optimizer with one planted fault; most of the faults were shipped by a public project. Each mutant runs as the
optimizer under test, with the contract of its twin (the same optimizer without the fault): every claim and every contract field
that applies to it is tested. If a claim about another subject names the mutant, the mutant also runs in an arm of that claim.
Studies and arithmetic are not in the matrix. The counterexample of a study is the study with two arms exchanged, that of an
arithmetic claim is a wrong setting; every session tries both.

- **{killed} of {planted} mutants are noticed**; {threads} of these faults have a public thread. Half of the mutants are noticed
  by {median} tests or more, the least noticed mutant by {least}.
- **{own} mutants are red as the optimizer under test**: {claims} by at least one claim, {fields} by a field of the contract. The
  other {arm} are red only in an arm of a claim about another subject (torch's own classes, its bfloat16, a reference optimizer).
  They show that such a claim can fail, but a user's optimizer with this fault passes. They are marked `arm` below.
- **{passing} of {right} right optimizers pass** every test that applies to them; {excused}.
- **The fingerprint** gives the faulty answer for each mutant whose fault changes the answer to one of its questions, with the
  exceptions [below](#answers-of-the-fingerprint).

`pytest tests/selftest/benchmarks/test_kill_matrix.py`, a part of `make test`, measures a tenth of the rows again, and those of
mutants whose source has changed, and compares them with the recorded rows.
"""
MUTANTS = """The last two columns are the test that must be red because of this fault, and what made it red: the measured value
for a field of the contract, the deciding `arm.measure` for a claim.
"""
OTHERS = """These optimizers are right or harmless, but some claim about torch must fail for them, because torch behaves
differently. They are counterexamples, and are not counted as faults.
"""
QUARTER = 0.25
STYLES = """{count} right optimizers as people write them: other defaults, refusals, guards, wrappers and rules. Each is tested
under the contract that the fingerprint drafts for it, as `fingerprint --write-contract` does. {green} pass every test that
applies. Of the claims of probes that apply to the usual optimizer
of the role, {least} apply to the one with the fewest and {median} to half of them; to {few} of them less than a quarter apply.
The column `excluded by` has the two lines of the draft that exclude most claims, with the number of these claims.
"""
TRUTH = """For each question, the columns count:

- changed: the mutants whose fault changes the answer. Of these, the fingerprint gives the faulty answer (found), rightly gives
  none (none: a decay that is missing has no order), gives a wrong answer (wrong), or no answer (unknown).
- unchanged: the mutants whose fault does not change the answer, and how many still have the declared answer (as declared).
- right: the right optimizers, and how many have the declared answer (as declared).
"""
INSTEAD = {
    "study": "the study with its arms exchanged",
    "arithmetic": "a wrong setting",
    "probe": "the experiment with its arms exchanged",
}


def page(by_kind: Mapping[str, Rows], how: str) -> str:
    """Return the page. `how` describes the measurement (processes, minutes), or is empty."""
    mutants, others, right = by_kind["mutants"], by_kind["others"], by_kind["right"]
    if not mutants:  # --only named right optimizers alone
        return "\n".join([*_right_table(right), "", *_styles(by_kind.get("styles", {}))]) + "\n"
    parts = [
        _head(mutants, right, how),
        "## Mutants\n",
        MUTANTS,
        *_mutant_table(mutants),
        "\n## Right optimizers\n",
        *_right_table(right),
        "\n## Right optimizers in many styles\n",
        *_styles(by_kind.get("styles", {})),
        "\n## Optimizers without a fault that a claim excludes\n",
        OTHERS,
        *_mutant_table(others),
        "\n## Answers of the fingerprint\n",
        TRUTH,
        *_confusion(mutants, right),
        "\n## Red claims of each mutant, by scenario\n",
        *_matrix(mutants),
        "\n## Counterexamples of each claim\n",
        *_by_claim({**mutants, **others}),
    ]
    return "\n".join(parts) + "\n"


def _head(mutants: Rows, right: Rows, how: str) -> str:
    tests = sorted(len(row["claims"]) + len(row["fields"]) + len(row["in_arm"]) for row in mutants.values())
    as_subject = sum(bool(row["claims"] or row["fields"]) for row in mutants.values())
    excused = {name: row["expected"] for name, row in right.items() if row["expected"]}
    count = sum(map(len, excused.values()))
    return HEAD.format(
        version=torch.__version__,
        how=f", {how}" if how else "",
        planted=len(mutants),
        killed=sum(number > 0 for number in tests),
        threads=sum(bool(row["bug"]) for row in mutants.values()),
        claims=sum(bool(row["claims"]) for row in mutants.values()),
        fields=sum(bool(row["fields"]) for row in mutants.values()),
        own=as_subject,
        arm=len(mutants) - as_subject,
        median=tests[len(tests) // 2],
        least=tests[0],
        passing=sum(not row["red"] for row in right.values()),
        right=len(right),
        excused=f"{len(excused)} of them may fail {count} claims, for the reasons in the table"
        if count
        else "no claim fails for them",
    )


def _mutant_table(rows: Rows) -> list[str]:
    lines = []
    for name, row in rows.items():
        does = row["does"] + (f" ([thread]({row['bug']}))" if row["bug"] else "")
        claims = len(row["claims"]) or ("." if row["fields"] else "arm")
        lines.append((name, does, str(claims), str(len(row["fields"]) or "."), row["by"], row["word"]))
    head = ("mutant", "what it does", "claims", "fields", "noticed by", "measured there")
    return markdown_table(head, lines, "llrrll")


def _right_table(rows: Rows) -> list[str]:
    lines = []
    for name, row in rows.items():
        declares = ", ".join(f"{key}: {value}" for key, value in row["contract"].items()) or "what the role promises"
        excused = "; ".join(f"{claim}: {why}" for claim, why in row["expected"].items()) or "-"
        lines.append((name, row["role"], declares, ", ".join(row["red"]) or "-", excused))
    return markdown_table(("optimizer", "role", "declares", "red", "may fail"), lines, "lllll")


def _styles(rows: Rows) -> list[str]:
    """Return the summary and the table of the right optimizers that are tested under their drafted contracts."""
    if not rows:
        return ["None was measured."]
    shares = sorted(row["ran"] / row["of"] for row in rows.values())
    green = sum(not row["red"] for row in rows.values())
    summary = STYLES.format(
        count=len(rows),
        green=green,
        least=f"{shares[0]:.0%}",
        median=f"{shares[len(shares) // 2]:.0%}",
        few=sum(share < QUARTER for share in shares),
    )
    lines = []
    for path, row in rows.items():
        declares = ", ".join(f"{key}: {value}" for key, value in row["contract"].items()) or "what the role promises"
        red = ", ".join(row["red"]) or "-"
        excluded = ", ".join(f"{line} ({number})" for line, number in row["excluded"].items()) or "-"
        lines.append((path.rpartition(".")[2], row["does"], row["role"], declares, f"{row['ran']} of {row['of']}", excluded, red))
    head = ("optimizer", "does", "role", "draft declares", "claims", "excluded by", "red")
    return [summary, *markdown_table(head, lines, "lllllll")]


COLUMNS = ("found", "none", "wrong", "unknown")
EXCEPTIONS = ("wrong", "unknown", "lost")


def _confusion(mutants: Rows, right: Rows) -> list[str]:
    """Count for each question the right and wrong answers of the fingerprint, and list each wrong one."""
    head = ("question", "changed", *COLUMNS, "unchanged", "as declared", "right", "as declared")
    lines: list[tuple[str, ...]] = []
    exceptions: list[str] = []
    for question in dict.fromkeys(name for row in mutants.values() for name in row["told"]):
        count = Counter(_answer(row, question) for row in mutants.values())
        exceptions += [_exception(name, row, question) for name, row in mutants.items() if _answer(row, question) in EXCEPTIONS]
        declared = Counter(_as_declared(row, question) for row in right.values())
        exceptions += [_exception(name, row, question) for name, row in right.items() if _as_declared(row, question) is False]
        unchanged = count["kept"] + count["lost"]
        cells = [sum(count[column] for column in COLUMNS), *(count[column] for column in COLUMNS), unchanged, count["kept"]]
        cells += [declared[True] + declared[False], declared[True]]
        lines.append((question, *(str(cell) if cell else "." for cell in cells)))
    table = markdown_table(head, lines, "l" + "r" * (len(head) - 1))
    return [*table, "", *(["Exceptions:\n", *exceptions] if exceptions else ["There is no exception."])]


def _answer(row: Mapping[str, Any], question: str) -> str:
    """Return how the fingerprint answered a question about a mutant.

    If the fault changes the answer: found, none, wrong or unknown, the columns of the table. If it does not: kept (as declared),
    lost (not as declared), or "not asked" (no field of a contract, not measured, or the mutant is no subject).
    """
    measured = row["told"].get(question)
    if question in row["truth"]:
        truth = row["truth"][question]
        if not truth:
            return "wrong" if measured else "none"
        return "found" if truth in str(measured).split(" or ") else "wrong" if measured else "unknown"
    if question not in FIELDS or measured is None or not row["role"]:
        return "not asked"
    return "lost" if question in row["fields"] else "kept"


def _as_declared(row: Mapping[str, Any], question: str) -> bool | None:
    """Return True if the fingerprint of a right optimizer has the declared answer, None if nothing is declared."""
    if question not in FIELDS:
        return row["told"].get(question) in ("none", "stays") if question in ("hidden_decay", "weight_at_zero") else None
    declared = complete(row["contract"], row["role"])[question]
    return None if declared in (UNSPECIFIED, "") else f"contract.{question}" not in {*row["red"], *row["expected"]}


def _exception(name: str, row: Mapping[str, Any], question: str) -> str:
    truth = row.get("truth", {}).get(question, "the declared one") or "unknown"
    why = row.get("misread", {}).get(question)
    measured = row["told"].get(question) or "unknown"
    line = f"- {name}, {question}: the answer of the fingerprint is {measured}, the right one is {truth}"
    return line + (f" ({why})" if why else " (**not explained**)")


def _matrix(rows: Rows) -> list[str]:
    """Return the number of red claims of each scenario for each mutant, in columns of fixed width; `.` is zero."""
    probes = [loaded for loaded in load().values() if loaded.scenario.kind == "probe"]
    home = {claim.id: loaded.id for loaded in probes for claim in loaded.scenario.claims}
    columns = ", ".join(f"{index + 1} {loaded.id}" for index, loaded in enumerate(probes))
    lines = [
        f"Number of red claims of each scenario; `kill-matrix.json` lists every claim. Columns: {columns}, C contract.\n",
        "```",
    ]
    lines.append(" " * 34 + "".join(f"{index + 1:>3}" for index in range(len(probes))) + "  C")
    for name, row in rows.items():
        count = Counter(home[claim] for claim in {*row["claims"], *row["in_arm"]})
        cells = [count[loaded.id] for loaded in probes] + [len(row["fields"])]
        lines.append(f"{name:<34}" + "".join(f"{cell or '.':>3}" for cell in cells))
    return [*lines, "```"]


def _by_claim(rows: Rows) -> list[str]:
    lines = []
    for loaded in load().values():
        for claim in loaded.scenario.claims:
            failing = [name for name, row in rows.items() if claim.id in {*row["claims"], *row["in_arm"]}]
            # A right optimizer can be the counterexample of a claim about another; it has no row as a mutant.
            failing += [name for name in claim.counterexample.mutants if name not in BY_NAME]
            if not claim.counterexample.mutants:
                lines.append((claim.id, "1", INSTEAD[loaded.scenario.kind]))
            else:
                lines.append((claim.id, str(len(failing)), ", ".join(failing[:3])))
    table = markdown_table(("claim", "fails for", "examples"), lines, "lrl")
    return ["The number of optimizers for which each claim fails, and three examples.\n", *table]
