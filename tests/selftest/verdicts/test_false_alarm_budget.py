"""Tests of the budget of false alarms: the chances of all gates add up, and stay within the declared limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.catalog.load import load
from harness.policy import DECLARED_FALSE_RED
from harness.spec.scenario import Expectation
from harness.verdicts.false_alarm_budget import chance
from harness.verdicts.judge import false_red
from tests.selftest.scenario_files import STUDY, replaced_once, write


def gate(pilot: float) -> float:
    """Return the chance of a false alarm of one gated expectation with eight seeds."""
    return false_red(Expectation("a", "m", "less_than", pilot=pilot), 8)


def test_the_chance_of_a_study_adds_its_verdicts_and_its_golden(tmp_path: Path) -> None:
    """The study has one gated expectation, and two gates of its golden at 1e-5."""
    assert chance([load(write(tmp_path))["training"]]) == pytest.approx(gate(4.0) + 2e-5, rel=1e-12)


def test_an_expectation_that_is_only_reported_adds_no_chance(tmp_path: Path) -> None:
    """A second gated expectation adds its own chance."""
    first = "      - {arm: control, measure: gap, relation: less_than, than: {arm: no_decay, measure: gap}, pilot: 4.0}\n"
    reported = replaced_once(STUDY, first, first + first.replace(", pilot: 4.0", ""))
    doubled = replaced_once(STUDY, first, first + first.replace("4.0", "3.0"))

    assert chance([load(write(tmp_path / "a", training=reported))["training"]]) == pytest.approx(gate(4.0) + 2e-5, rel=1e-12)
    assert chance([load(write(tmp_path / "b", training=doubled))["training"]]) == pytest.approx(
        gate(4.0) + gate(3.0) + 2e-5, rel=1e-12
    )


def test_exact_scenarios_add_no_chance(tmp_path: Path) -> None:
    """A probe or a calculation has no random numbers that could make a right optimizer fail."""
    scenarios = load(write(tmp_path))

    assert chance([scenarios["row"], scenarios["time"]]) == 0.0
    assert chance(scenarios.values()) == chance([scenarios["training"]])


def test_the_shipped_suite_keeps_to_its_budget() -> None:
    """All gated verdicts and goldens of all studies are counted, also of the long ones."""
    assert chance(load().values()) <= DECLARED_FALSE_RED
