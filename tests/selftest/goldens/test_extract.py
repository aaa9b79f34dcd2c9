"""Tests of the golden values of a scenario: each number is recorded under the right rule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.catalog.load import load
from harness.goldens.extract import RECORDED_STEPS, entries
from harness.goldens.values import Ensemble, Exact, Information
from harness.measurement import Measurement
from harness.run import Result
from harness.training.records import SLICES, RunRecord
from tests.selftest.scenario_files import write

SAMPLES = (1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.01)


def trajectory(arm: str) -> RunRecord:
    """Return a run whose series are multiples of the step number: 1, 2, 3, ..."""
    count, few = np.arange(1.0, 101.0), np.ones(2)
    norms = {"embedding": 3 * count, "head": 4 * count}
    accuracy = dict.fromkeys(SLICES, few)
    ends = np.array([0, 100])
    return RunRecord(arm, 0, 0.01, 0.1, count, count, 10 * count, 20 * count, norms, 30 * count, ends, few, few, accuracy, few)


def test_a_probes_numbers_are_exact_with_the_scenarios_tolerance(tmp_path: Path) -> None:
    """The rounding error that a measurement declares is the absolute tolerance.

    A Monte-Carlo error is not, because the noise is seeded.
    """
    measurements = {
        "adamw": {
            "plain": Measurement(1.0, "u"),
            "rounded": Measurement(2.0, "u", tolerance=1e-12),
            "noisy": Measurement(3.0, "u", tolerance=0.5, standard_error=0.1),
        }
    }

    recorded = entries(load(write(tmp_path))["row"], Result(measurements, {}, {}))

    assert recorded == {
        "adamw.plain": Exact(1.0, 1e-9, 0.0),
        "adamw.rounded": Exact(2.0, 1e-9, 1e-12),
        "adamw.noisy": Exact(3.0, 1e-9, 0.0),
    }


def test_the_gates_of_a_study_are_ensembles_the_rest_information(tmp_path: Path) -> None:
    """A gate is one measure of one arm. The same measure of another arm is information."""
    measurement = Measurement(1.0, "nats", samples=SAMPLES)
    measurements = {arm: {"train_loss": measurement, "gap": measurement} for arm in ("control", "no_decay")}

    recorded = entries(load(write(tmp_path))["training"], Result(measurements, {}, {}))

    assert {name: type(entry) for name, entry in recorded.items()} == {
        "ensemble.control.train_loss": Ensemble,
        "ensemble.control.gap": Information,
        "ensemble.no_decay.train_loss": Information,
        "ensemble.no_decay.gap": Ensemble,
    }
    gate = recorded["ensemble.no_decay.gap"]
    assert isinstance(gate, Ensemble)
    assert replace(gate, signal=None) == Ensemble.of(SAMPLES, alpha=1e-5)


def test_a_trajectory_is_recorded_at_few_steps(tmp_path: Path) -> None:
    """Six measures are recorded at each of them. Step s is entry s - 1 of a series."""
    result = Result({}, {"control": trajectory("control")}, {})

    recorded = entries(load(write(tmp_path))["training"], result)

    assert len(recorded) == 6 * len(RECORDED_STEPS)
    assert {name.rpartition(".")[2] for name in recorded} == {"step_001", "step_010", "step_030", "step_060", "step_100"}
    at_thirty = {name.split(".")[2]: entry for name, entry in recorded.items() if name.endswith("step_030")}
    assert {name: entry.value for name, entry in at_thirty.items() if isinstance(entry, Exact)} == pytest.approx(
        {"loss": 30, "gradient_norm": 300, "update_norm": 600, "embedding_norm": 90, "matrix_norm": 150, "unseen_row": 900}
    )
    assert recorded["trajectory.control.loss.step_001"] == Exact(1.0, 1e-9, 0.0)


def test_a_declared_effect_gives_the_sensitivity_of_a_number(tmp_path: Path) -> None:
    """An effect of zero counts as none. A number that weight decay has no part in is information."""
    measurements = {
        "adamw": {
            "declared": Measurement(2.0, "u", effect=-0.0123456),
            "unknown": Measurement(2.0, "u"),
            "zero": Measurement(2.0, "u", effect=0.0),
            "information": Measurement(2.0, "u", effect=1.0, information=True),
        }
    }

    recorded = entries(load(write(tmp_path))["row"], Result(measurements, {}, {}))

    assert recorded == {
        "adamw.declared": Exact(2.0, 1e-9, 0.0, signal=6.2e6),
        "adamw.unknown": Exact(2.0, 1e-9, 0.0),
        "adamw.zero": Exact(2.0, 1e-9, 0.0),
        "adamw.information": Information(2.0, 0.0, 1),
    }


def test_a_float32_number_whose_rounding_hides_decay_is_no_gate(tmp_path: Path) -> None:
    """A gate needs an effect of 30 tolerances. Other numbers are information: an author cannot change the probe."""
    measurements = {
        "adamw": {
            "seen": Measurement(1.0, "u", tolerance=1e-4, effect=7e-3, computed_in_float32=True),
            "lost": Measurement(1.0, "u", tolerance=1e-4, effect=5e-3, computed_in_float32=True),
            "unknown": Measurement(1.0, "u", computed_in_float32=True),
        }
    }

    recorded = entries(load(write(tmp_path))["row"], Result(measurements, {}, {}))

    assert recorded["adamw.seen"] == Exact(1.0, 1e-4, 1e-4, signal=35.0)
    assert recorded["adamw.lost"] == recorded["adamw.unknown"] == Information(1.0, 0.0, 1)


def test_the_number_of_a_calculation_is_its_own_effect(tmp_path: Path) -> None:
    """A calculation has no optimizer that could run without weight decay."""
    recorded = entries(load(write(tmp_path))["time"], Result({"usual": {"steps": Measurement(1e4, "steps")}}, {}, {}))

    assert recorded == {"usual.steps": Exact(1e4, 1e-12, 0.0, signal=1e12)}


def test_an_ensembles_sensitivity_is_the_distance_of_the_arms(tmp_path: Path) -> None:
    """It is the distance of the gated measure between arms that differ in weight decay, in detectable changes."""
    apart = tuple(sample + 3.0 for sample in SAMPLES)
    measurements = {
        "control": {"gap": Measurement(1.0, "nats", samples=SAMPLES)},
        "no_decay": {"gap": Measurement(4.0, "nats", samples=apart)},
    }

    gate = entries(load(write(tmp_path))["training"], Result(measurements, {}, {}))["ensemble.no_decay.gap"]

    assert isinstance(gate, Ensemble)
    assert gate.signal == pytest.approx(3.0 / gate.detects, rel=0.05)


def test_a_trajectorys_sensitivity_is_the_largest_of_its_steps(tmp_path: Path) -> None:
    """Before the first update two arms have the same loss, and weight decay needs time to have an effect."""
    usual, other = trajectory("control"), trajectory("no_decay")
    late = replace(other, loss=np.where(np.arange(1, 101) == 60, other.loss * 1.5, other.loss))

    recorded = entries(load(write(tmp_path))["training"], Result({}, {"control": usual, "no_decay": late}, {}))

    signals = {recorded[f"trajectory.control.loss.step_{step:03d}"].signal for step in RECORDED_STEPS}
    assert signals == {5e8}
    assert recorded["trajectory.control.gradient_norm.step_060"].signal == 0.0
