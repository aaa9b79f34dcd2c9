"""Do the chances of a false red add up, and stay within what is declared?"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.catalog.load import load
from harness.policy import DECLARED_FALSE_RED
from harness.spec.scenario import Expectation
from harness.verdicts.false_alarm_budget import chance
from harness.verdicts.judge import false_red
from tests.selftest.scenario_files import STUDY, edited, write


def gate(pilot: float) -> float:
    """Return the chance of one gated expectation over eight seeds."""
    return false_red(Expectation("a", "m", "less_than", pilot=pilot), 8)


def test_a_study_adds_its_verdicts_and_its_golden(tmp_path: Path) -> None:
    """One gated expectation at its pilot, and two gates of the golden at 1e-5."""
    assert chance([load(write(tmp_path))["training"]]) == pytest.approx(gate(4.0) + 2e-5, rel=1e-12)


def test_an_expectation_that_is_only_reported_costs_nothing(tmp_path: Path) -> None:
    """A second gated one costs its own chance."""
    first = "      - {arm: control, measure: gap, relation: less_than, than: {arm: no_decay, measure: gap}, pilot: 4.0}\n"
    reported = edited(STUDY, first, first + first.replace(", pilot: 4.0", ""))
    doubled = edited(STUDY, first, first + first.replace("4.0", "3.0"))

    assert chance([load(write(tmp_path / "a", training=reported))["training"]]) == pytest.approx(gate(4.0) + 2e-5, rel=1e-12)
    assert chance([load(write(tmp_path / "b", training=doubled))["training"]]) == pytest.approx(
        gate(4.0) + gate(3.0) + 2e-5, rel=1e-12
    )


def test_exact_scenarios_cost_nothing(tmp_path: Path) -> None:
    """A probe or a calculation is red only for a reason."""
    found = load(write(tmp_path))

    assert chance([found["row"], found["time"]]) == 0.0
    assert chance(found.values()) == chance([found["training"]])


def test_the_shipped_suite_keeps_to_its_budget() -> None:
    """All gated verdicts and goldens of all studies together, the long ones too."""
    assert chance(load().values()) <= DECLARED_FALSE_RED
