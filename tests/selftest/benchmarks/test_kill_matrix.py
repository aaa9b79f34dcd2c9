"""Is every planted fault noticed, for the reason that it has, and every right optimizer left in peace?

What docs/results/kill-matrix.json records is found again, optimizer by optimizer: `make kill-matrix` writes it.
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
    """By the test that is expected, and by what it measured; its fingerprint tells the fault; and the page says so."""
    found = mutant_row(BY_NAME[name], tmp_path)

    assert found["problems"] == []
    assert found == KINDS.get(name), "run make kill-matrix, and read what changed"


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_optimizer_is_left_in_peace(name: str, tmp_path: Path) -> None:
    """Under its own contract no claim and no field is red, but those that it is right to fail."""
    found = right_row(RIGHT[name], tmp_path)

    assert found["red"] == []
    assert found == RECORDED["right"].get(name), "run make kill-matrix, and read what changed"


@pytest.mark.parametrize("name", KINDS)
def test_a_fingerprint_that_is_off_is_explained(name: str) -> None:
    """What the fault does not touch is told as declared; where it is not, the catalogue says why, and only there."""
    row = KINDS[name]
    off = set(row["fields"]) - set(row["truth"]) - {"equivalent_to"}
    wrong = {
        one for one, truth in row["truth"].items() if (bool(row["told"][one]) if not truth else truth not in row["told"][one])
    }

    assert off | wrong == set(row["misread"])


def test_a_right_optimizer_fails_what_it_is_said_to() -> None:
    """An excuse that is not needed is taken out; each has a reason."""
    assert all(why for right in RIGHT.values() for why in right.promise.expected.values())


def test_the_recorded_matrix_has_no_others() -> None:
    """An optimizer that is gone leaves no line behind."""
    assert set(KINDS) == set(BY_NAME)
    assert set(RECORDED["right"]) == set(RIGHT)


@pytest.mark.parametrize("claim", [pytest.param(one, id=one.id) for loaded in load().values() for one in loaded.scenario.claims])
def test_every_claim_can_fail(claim: Claim) -> None:
    """Each names what must fail it, and no mutant that only a fingerprint notices; that it fails is tried elsewhere."""
    given = claim.counterexample

    assert given.mutants or given.swap or given.settings
    assert not [name for name in given.mutants if noticed_by(name) == "fingerprint"]


def test_mutants_that_the_same_tests_notice_are_different_bugs() -> None:
    """A fault planted twice would count twice: the same kills need another thread, or another rule of the decay."""
    alike: dict[tuple[str, ...], list[Mutant]] = defaultdict(list)
    for mutant in MUTANTS:
        found = RECORDED["mutants"][mutant.name]
        alike[(*found["claims"], *found["fields"], *found["in_arm"], *sorted(map(str, found["told"].items())))].append(mutant)

    same = [[one.name for one in group] for group in alike.values() if len({one.bug for one in group}) < len(group)]
    assert same == []


def test_the_command_tries_optimizers_in_processes() -> None:
    """A spawned process imports nothing of a package's `__main__`, so the work must stand elsewhere."""
    command = ["-m", "benchmarks.kill_matrix", "--only", "DecayForgotten", "--processes", "1"]

    ran = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert "| DecayForgotten |" in ran.stdout
