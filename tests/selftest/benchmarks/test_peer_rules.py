"""Are the other projects' rules stated right: do right optimizers pass them, and is each red for what it was written for?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import peer_rules
from benchmarks.peer_rules import OURS, RULES, WELL_KNOWN, killed, unseen
from benchmarks.peers.planted import OTHER, Maker, Planted, planted, step_of
from benchmarks.peers.rule import APART, CAUGHT, MISSED, ROUNDED, Rule, false_alarms, says
from tests.mutants import decay_rule, numerics, options

RIGHT = ("torch.optim:AdamW", "tests.mutants.decay_rule:AdamWTwin")
BY_COLUMN = {rule.column: rule for rule in RULES}
QUICK = [rule for rule in RULES if rule.column != "optax"]  # whose 10,000 steps take a second for each mutant
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
    """Go up instead of down, a tenth of the weight's size at every step, whatever the learning rate."""

    def direction(self, w: torch.Tensor, grad: torch.Tensor, group: dict[str, Any], state: dict[str, Any]) -> torch.Tensor:
        return -0.1 / group["lr"] * super().direction(w, grad, group, state)


def maker(make: type) -> Maker:
    """Return a maker by a class of ours."""
    return Maker(f"{make.__module__}:{make.__name__}")


def bug(name: str) -> Planted:
    """Return a planted bug by its name."""
    if name == "Climbing":
        return Planted(name, "here", maker(Climbing), maker(decay_rule.AdamWTwin), "adamw")
    (found,) = [one for one in planted() if one.name == name]
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.column)
@pytest.mark.parametrize("path", RIGHT)
def test_a_rule_passes_a_right_adamw(rule: Rule, path: str) -> None:
    """With or without a bug beside it, no test of the rule is red for torch's own or for ours."""
    right = Planted("none", "here", Maker(path), Maker(path), "adamw")

    assert false_alarms(rule, right) == ()
    assert says(rule, right) == MISSED


@pytest.mark.parametrize(("column", "name"), KILLS)
def test_a_rule_catches_what_it_was_written_for(column: str, name: str) -> None:
    """A run that climbs, a number that is not the reference's, a state that is lost."""
    assert says(BY_COLUMN[column], bug(name)) == CAUGHT


def test_every_rule_is_shown_to_catch_something() -> None:
    """One that could not be red would make the table unfair."""
    assert {column for column, _ in KILLS} == set(BY_COLUMN)


@pytest.mark.parametrize("column", OF_THE_ELEVEN)
def test_the_count_of_the_eleven_well_known_bugs_is_the_page_s(column: str) -> None:
    """As the first table of docs/results/peers.md; what flips a last decimal by luck is left to the page."""
    assert [says(BY_COLUMN[column], bug(name)) for name in WELL_KNOWN].count(CAUGHT) == OF_THE_ELEVEN[column]


def test_what_only_rounds_otherwise_is_said_apart() -> None:
    """A decay that is subtracted instead of multiplied changes bits where no gradient is zero, and nothing else."""
    assert says(BY_COLUMN["torchtitan bits"], bug("DecayOnlyWhereGradient")) == ROUNDED


def test_a_rule_stays_away_from_optimizers_it_was_not_written_for() -> None:
    """Another step, or an optimizer without the bug for which the rule is red as well."""
    by_step = says(BY_COLUMN["keras"], bug("SgdDecayForgotten"))
    by_twin = says(BY_COLUMN["torch direction"], Planted("x", "x", maker(decay_rule.WrongSign), maker(Climbing), "adamw"))

    assert by_step == APART
    assert by_twin == APART


def test_what_raises_is_red() -> None:
    """An optimizer that refuses dense gradients would not pass any of the tests."""
    broken = Planted("broken", "here", Maker("torch.optim:SparseAdam"), maker(decay_rule.AdamWTwin), "adamw")

    assert {says(rule, broken) for rule in QUICK} == {CAUGHT}


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
    """By its numbers, not by its name."""
    assert step_of(maker(make)) == step


def test_an_option_that_a_constructor_does_not_know_is_left_out() -> None:
    """One that it hands to its base is not."""
    weight = torch.nn.Parameter(torch.ones(2))

    plain = maker(options.UndecayedSgdTwin)([weight], lr=0.5, weight_decay=0.1, betas=(0.1, 0.2))
    handed = maker(numerics.PathsTwin)([weight], lr=0.5, betas=(0.1, 0.2), momentum=0.9)

    assert set(plain.defaults) >= {"lr"}
    assert "betas" not in plain.defaults
    assert handed.defaults["betas"] == (0.1, 0.2)


def test_our_own_column_is_the_kill_matrix(tmp_path: Path) -> None:
    """A mutant is killed by a claim or by a field of its contract; without a matrix nothing is said."""
    matrix = tmp_path / "kill-matrix.json"
    found = {"A": {"claims": ["one"], "fields": []}, "B": {"claims": [], "fields": ["order"]}, "C": {"claims": [], "fields": []}}
    matrix.write_text(json.dumps({"mutants": found}), encoding="utf-8")

    assert killed(matrix) == {"A": True, "B": True, "C": False}
    assert killed(tmp_path / "none.json") == {}


def test_what_no_other_rule_catches_is_listed() -> None:
    """Rounding is no catch, and our own column does not count."""
    rows = {"A": {"keras": CAUGHT, OURS: MISSED}, "B": {"keras": ROUNDED, OURS: CAUGHT}, "C": {"keras": APART, OURS: CAUGHT}}

    assert unseen(rows) == ["B", "C"]


def test_the_page_is_written_and_says_how_to_fill_its_last_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rules that are asked for, and what was taken from where."""
    monkeypatch.setattr(peer_rules, "killed", dict)
    page = tmp_path / "peers.md"

    peer_rules.main(["--only", "keras", "--write", str(page)])

    text = page.read_text(encoding="utf-8")
    assert "| planted bug | keras | decaygate |" in text
    assert "| **caught / faced / planted** | 10 / 11 / 11 | 0 / 0 / 11 |" in text
    assert "run make kill-matrix first" in text
    assert "`adamw_test.py`, `test_weight_decay`" in text
