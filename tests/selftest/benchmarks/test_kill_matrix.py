"""Tests of the kill matrix: each planted fault is noticed for its reason, each right optimizer passes.

Every row of docs/results/kill-matrix.json is measured again and compared; `make kill-matrix` writes the file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from harness.catalog.load import load
from harness.environment.paths import ROOT
from harness.spec.scenario import Claim
from tests.mutants.expectations import BY_NAME, MUTANTS, RIGHT, Mutant, noticed_by
from tests.mutants.trial import mutant_row, right_row

RECORDED: dict[str, Any] = json.loads((ROOT / "docs" / "results" / "kill-matrix.json").read_text(encoding="utf-8"))
KINDS = {**RECORDED["mutants"], **RECORDED["others"]}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_mutant_is_noticed_for_its_fault(name: str, tmp_path: Path) -> None:
    """The expected test is red with the expected measurement, the fingerprint shows the fault, and the row is recorded."""
    row = mutant_row(BY_NAME[name], tmp_path)

    assert row["problems"] == []
    assert row == KINDS.get(name), "run make kill-matrix, and read the diff"


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_optimizer_passes(name: str, tmp_path: Path) -> None:
    """Under its own contract no claim and no field is red, except the claims that it may fail."""
    row = right_row(RIGHT[name], tmp_path)

    assert row["red"] == []
    assert row == RECORDED["right"].get(name), "run make kill-matrix, and read the diff"


@pytest.mark.parametrize("name", KINDS)
def test_every_wrong_answer_of_a_fingerprint_is_explained(name: str) -> None:
    """`misread` of tests/mutants/expectations.py gives a reason for each wrong answer, and for no other."""
    row = KINDS[name]
    not_as_declared = set(row["fields"]) - set(row["truth"]) - {"equivalent_to"}
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
    for mutant in MUTANTS:
        row = RECORDED["mutants"][mutant.name]
        alike[(*row["claims"], *row["fields"], *row["in_arm"], *sorted(map(str, row["told"].items())))].append(mutant)

    same = [[mutant.name for mutant in group] for group in alike.values() if len({mutant.bug for mutant in group}) < len(group)]
    assert same == []


def test_the_command_measures_in_spawned_processes() -> None:
    """A spawned process cannot import a package's `__main__`, so the functions must be in another module."""
    command = ["-m", "benchmarks.kill_matrix", "--only", "DecayForgotten", "--processes", "1"]

    ran = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert "| DecayForgotten |" in ran.stdout
