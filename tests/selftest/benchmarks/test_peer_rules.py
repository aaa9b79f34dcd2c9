"""Tests of the other projects' rules: right optimizers pass, each rule catches its kind of bug."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import peer_rules
from benchmarks.peer_rules import OURS, RULES, WELL_KNOWN, missed_by_all, red_by_mutant
from benchmarks.peers.planted import OTHER, Maker, Planted, planted, step_of
from benchmarks.peers.rule import APART, CAUGHT, MISSED, ROUNDED, Rule, false_alarms, mark_of
from tests.mutants import decay_rule, numerics, options

RIGHT = ("torch.optim:AdamW", "tests.mutants.decay_rule:AdamWTwin")
BY_COLUMN = {rule.column: rule for rule in RULES}
QUICK = [rule for rule in RULES if rule.column != "optax"]  # optax takes 10,000 steps, a second for each mutant
OF_THE_ELEVEN = {
    "torch direction": 0,
    "torch groups": 1,
    "torch paths": 8,
    "torch others": 2,
    "kozistr": 0,
    "keras": 10,
    "bnb wd 0": 0,
    "bnb AdamW": 7,
    "Megatron 5 %": 1,
    "GRPO 1 %": 0,
    "torchtune 1e-4": 1,
    "AlgoPerf": 0,
    "torchtitan bits": 9,
}
KILLS = (
    ("torch direction", "Climbing"),
    ("torch groups", "DecayNotTimesLr"),
    ("torch paths", "DecayForgotten"),
    ("torch paths", "ForeachDecaysAfter"),
    ("torch others", "StateForgottenOnLoad"),
    ("torch others", "ComplexSecondMoment"),
    ("torch others", "NegativeDecayAccepted"),
    ("torch others", "RepeatedWithoutWarning"),
    ("torch others", "DecayDetached"),
    ("optax", "Climbing"),
    ("kozistr", "Climbing"),
    ("kozistr", "NegativeDecayAccepted"),
    ("keras", "DecayForgotten"),
    ("bnb wd 0", "StepCountedPerParameter"),
    ("bnb AdamW", "CoupledL2"),
    ("Megatron 5 %", "DecayNotTimesLr"),
    ("Megatron exact", "StaleLr"),
    ("GRPO 1 %", "Climbing"),
    ("torchtune 1e-4", "DecayNotTimesLr"),
    ("AlgoPerf", "Climbing"),
    ("torchtitan bits", "DecayAfterUpdate"),
)


class Climbing(decay_rule.AdamWTwin):
    """Go up instead of down, by a tenth of Adam's direction at every step, whatever the learning rate."""

    def direction(self, w: torch.Tensor, grad: torch.Tensor, group: dict[str, Any], state: dict[str, Any]) -> torch.Tensor:
        return -0.1 / group["lr"] * super().direction(w, grad, group, state)


def maker(make: type) -> Maker:
    """Return a maker of a class of this repository."""
    return Maker(f"{make.__module__}:{make.__name__}")


def bug(name: str) -> Planted:
    """Return a planted bug by its name."""
    if name == "Climbing":
        return Planted(name, "here", maker(Climbing), maker(decay_rule.AdamWTwin), "adamw")
    (named,) = [mutant for mutant in planted() if mutant.name == name]
    return named


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.column)
@pytest.mark.parametrize("path", RIGHT)
def test_a_rule_passes_a_right_adamw(rule: Rule, path: str) -> None:
    """No test of the rule is red for torch's AdamW or for AdamWTwin, as the mutant or as the twin."""
    right = Planted("none", "here", Maker(path), Maker(path), "adamw")

    assert false_alarms(rule, right) == ()
    assert mark_of(rule, right) == MISSED


@pytest.mark.parametrize(("column", "name"), KILLS)
def test_a_rule_catches_what_it_was_written_for(column: str, name: str) -> None:
    """Examples: a loss that rises, a number that differs from the reference, a lost state."""
    assert mark_of(BY_COLUMN[column], bug(name)) == CAUGHT


def test_every_rule_is_shown_to_catch_something() -> None:
    """The table would be unfair if a rule could never be red."""
    assert {column for column, _ in KILLS} == set(BY_COLUMN)


@pytest.mark.parametrize("column", OF_THE_ELEVEN)
def test_the_counts_of_the_well_known_bugs_are_those_of_the_page(column: str) -> None:
    """The first table of docs/results/peers.md. Columns in which a last decimal decides by chance are not pinned."""
    assert [mark_of(BY_COLUMN[column], bug(name)) for name in WELL_KNOWN].count(CAUGHT) == OF_THE_ELEVEN[column]


def test_a_mutant_that_only_rounds_differently_is_marked_r() -> None:
    """If no gradient is zero, this mutant subtracts the decay instead of multiplying by it: only the rounding differs."""
    assert mark_of(BY_COLUMN["torchtitan bits"], bug("DecayOnlyWhereGradient")) == ROUNDED


def test_a_rule_gives_no_mark_to_other_kinds_of_optimizers() -> None:
    """The kind of step differs, or the rule is red for the optimizer without the bug too."""
    by_step = mark_of(BY_COLUMN["keras"], bug("SgdDecayForgotten"))
    by_twin = mark_of(BY_COLUMN["torch direction"], Planted("x", "x", maker(decay_rule.WrongSign), maker(Climbing), "adamw"))

    assert by_step == APART
    assert by_twin == APART


def test_an_optimizer_that_raises_is_red() -> None:
    """SparseAdam refuses dense gradients, so each test raises an exception."""
    broken = Planted("broken", "here", Maker("torch.optim:SparseAdam"), maker(decay_rule.AdamWTwin), "adamw")

    assert {mark_of(rule, broken) for rule in QUICK} == {CAUGHT}


@pytest.mark.parametrize(
    ("make", "step"),
    [
        (decay_rule.AdamWTwin, "adamw"),
        (decay_rule.AdamTwin, "adam"),
        (decay_rule.SgdTwin, "sgd"),
        (numerics.PathsTwin, "adamw"),
        (decay_rule.DecayAfterUpdate, OTHER),
        (options.UndecayedSgdTwin, OTHER),
    ],
)
def test_the_step_of_an_optimizer_is_measured(make: type, step: str) -> None:
    """The numbers decide, not the name."""
    assert step_of(maker(make)) == step


def test_an_option_unknown_to_the_constructor_is_left_out() -> None:
    """An option that the constructor passes on to its base class is kept."""
    weight = torch.nn.Parameter(torch.ones(2))

    plain = maker(options.UndecayedSgdTwin)([weight], lr=0.5, weight_decay=0.1, betas=(0.1, 0.2))
    inherited = maker(numerics.PathsTwin)([weight], lr=0.5, betas=(0.1, 0.2), momentum=0.9)

    assert set(plain.defaults) >= {"lr"}
    assert "betas" not in plain.defaults
    assert inherited.defaults["betas"] == (0.1, 0.2)


def test_the_column_of_this_suite_comes_from_the_kill_matrix(tmp_path: Path) -> None:
    """A claim or a field of the contract kills a mutant; without a matrix the column is empty."""
    matrix = tmp_path / "kill-matrix.json"
    rows = {"A": {"claims": ["one"], "fields": []}, "B": {"claims": [], "fields": ["order"]}, "C": {"claims": [], "fields": []}}
    matrix.write_text(json.dumps({"mutants": rows}), encoding="utf-8")

    assert red_by_mutant(matrix) == {"A": True, "B": True, "C": False}
    assert red_by_mutant(tmp_path / "none.json") == {}


def test_bugs_that_no_other_project_catches_are_listed() -> None:
    """A rounding mark is no catch, and the column of this suite is not counted."""
    rows = {"A": {"keras": CAUGHT, OURS: MISSED}, "B": {"keras": ROUNDED, OURS: CAUGHT}, "C": {"keras": APART, OURS: CAUGHT}}

    assert missed_by_all(rows) == ["B", "C"]


def test_the_page_names_the_command_that_fills_its_last_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It contains the chosen rules with their sources."""
    monkeypatch.setattr(peer_rules, "red_by_mutant", dict)
    page = tmp_path / "peers.md"

    peer_rules.main(["--only", "keras", "--write", str(page)])

    text = page.read_text(encoding="utf-8")
    assert "| planted bug | keras | decaygate |" in text
    assert "| **caught / tried / planted** | 10 / 11 / 11 | 0 / 0 / 11 |" in text
    assert "run make kill-matrix first" in text
    assert "`adamw_test.py`, `test_weight_decay`" in text
