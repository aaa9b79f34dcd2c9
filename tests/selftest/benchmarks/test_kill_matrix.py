"""Tests of the kill matrix: each planted fault is noticed for its reason, each right optimizer passes.

`make kill-matrix` measures every row of docs/results/kill-matrix.json. Here the rows of mutants whose source has changed since
are measured again, and a tenth of all rows, the same in every run.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks.kill_matrix.page import page
from harness.catalog.load import load
from harness.environment.paths import ROOT
from harness.spec.fields import RULE
from harness.spec.scenario import Claim
from tests.mutants.collection import source_hash
from tests.mutants.expectations import BY_NAME, FIELD_ONLY, MUTANTS, RIGHT, Mutant, noticed_by
from tests.mutants.styles import STYLES
from tests.mutants.trial import mutant_row, right_row, style_row

RECORDED: dict[str, Any] = json.loads((ROOT / "docs" / "results" / "kill-matrix.json").read_text(encoding="utf-8"))
KINDS = {**RECORDED["mutants"], **RECORDED["others"]}


def in_the_tenth(name: str) -> bool:
    """Return True for a tenth of all names; it does not depend on the other names."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10 == 0


def changed(name: str) -> bool:
    """Return True if the source of a mutant is not the one whose row is recorded."""
    return name not in KINDS or KINDS[name]["source"] != source_hash(BY_NAME[name].make)


@pytest.mark.parametrize("name", [name for name in BY_NAME if in_the_tenth(name) or changed(name)])
def test_a_mutant_is_noticed_for_its_fault(name: str, tmp_path: Path) -> None:
    """The expected test is red with the expected measurement, the fingerprint shows the fault, and the row is recorded."""
    row = mutant_row(BY_NAME[name], tmp_path)

    assert row["problems"] == []
    assert row == KINDS.get(name), "run make kill-matrix, and read the diff"


@pytest.mark.parametrize("name", [name for name in RIGHT if in_the_tenth(name)])
def test_a_right_optimizer_passes(name: str, tmp_path: Path) -> None:
    """Under its own contract no claim and no field is red, except the claims that it may fail."""
    row = right_row(RIGHT[name], tmp_path)

    assert (row["red"], row["problems"]) == ([], [])
    assert row == RECORDED["right"].get(name), "run make kill-matrix, and read the diff"


@pytest.mark.parametrize("path", [path for path in STYLES if in_the_tenth(path)])
def test_a_right_style_passes_under_its_draft(path: str, tmp_path: Path) -> None:
    """The contract is the one that the fingerprint drafts."""
    row = style_row(path, tmp_path)

    assert (row["red"], row["problems"]) == ([], [])


@pytest.mark.parametrize("name", [name for name in KINDS if name not in FIELD_ONLY])
def test_every_wrong_answer_of_a_fingerprint_is_explained(name: str) -> None:
    """`misread` of tests/mutants/expectations.py gives a reason for each wrong answer, and for no other."""
    row = KINDS[name]
    not_as_declared = (set(row["fields"]) & {*RULE, "none_gradient", "paths", "maximize"}) - set(row["truth"])
    wrong = {
        question
        for question, truth in row["truth"].items()
        if (bool(row["told"][question]) if not truth else truth not in row["told"][question])
    }

    assert not_as_declared | wrong == set(row["misread"])


def test_each_expected_failure_of_a_right_optimizer_has_a_reason() -> None:
    assert all(why for right in RIGHT.values() for why in right.promise.expected.values())


def test_the_recorded_matrix_has_exactly_these_optimizers() -> None:
    """A removed optimizer leaves no row behind."""
    assert set(KINDS) == set(BY_NAME)
    assert set(RECORDED["right"]) == set(RIGHT)


@pytest.mark.parametrize(
    "claim", [pytest.param(claim, id=claim.id) for loaded in load().values() for claim in loaded.scenario.claims]
)
def test_every_claim_names_a_counterexample(claim: Claim) -> None:
    """None of its mutants is one that only a fingerprint notices. tests/selftest/suite/test_counterexamples.py tries them."""
    counterexample = claim.counterexample

    assert counterexample.mutants or counterexample.swap or counterexample.settings
    assert not [name for name in counterexample.mutants if noticed_by(name) == "fingerprint"]


def test_mutants_noticed_by_the_same_tests_have_other_threads() -> None:
    """A fault that is planted twice would be counted twice. Mutants with equal rows must have different threads."""
    alike: dict[tuple[str, ...], list[Mutant]] = defaultdict(list)
    for mutant in (mutant for mutant in MUTANTS if mutant.name not in FIELD_ONLY):
        row = RECORDED["mutants"][mutant.name]
        alike[(*row["claims"], *row["fields"], *row["in_arm"], *sorted(map(str, row["told"].items())))].append(mutant)

    same = [[mutant.name for mutant in group] for group in alike.values() if len({mutant.bug for mutant in group}) < len(group)]
    assert same == []


def test_the_page_of_right_optimizers_alone_is_printed() -> None:
    """`--only` may name no mutant. A share of the claims is that of the usual optimizer of the role."""
    row = {"path": "x:Mine", "does": "Decay.", "role": "sgd", "contract": {"step_rule": "sgd"}, "red": []}

    printed = page(
        {
            "mutants": {},
            "others": {},
            "right": {},
            "styles": {"x:Mine": {**row, "ran": 1, "of": 4, "excluded": {"order: after": 3}}},
        },
        "",
    )

    assert "| x:Mine | Decay. | sgd | step_rule: sgd | 1 of 4 | order: after (3) | - |" in printed
    assert "25% apply to the one with the fewest" in " ".join(printed.split())


def test_the_command_measures_in_spawned_processes() -> None:
    """A spawned process cannot import a package's `__main__`, so the functions must be in another module."""
    command = ["-m", "benchmarks.kill_matrix", "--only", "DecayForgotten", "--processes", "1"]

    ran = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert "| DecayForgotten |" in ran.stdout
