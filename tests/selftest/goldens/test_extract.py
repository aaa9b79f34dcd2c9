"""Are the numbers of a scenario recorded under the rule that fits them?"""

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
    """Return a run whose series count its steps: 1, 2, 3, ..."""
    count, few = np.arange(1.0, 101.0), np.ones(2)
    norms = {"embedding": 3 * count, "head": 4 * count}
    accuracy = dict.fromkeys(SLICES, few)
    ends = np.array([0, 100])
    return RunRecord(arm, 0, 0.01, 0.1, count, count, 10 * count, 20 * count, norms, 30 * count, ends, few, few, accuracy, few)


def test_a_probes_numbers_are_exact_with_the_scenarios_tolerance(tmp_path: Path) -> None:
    """And the rounding error that the reading declares, unless it is one of noise, which is seeded."""
    readings = {
        "adamw": {
            "plain": Measurement(1.0, "u"),
            "rounded": Measurement(2.0, "u", tolerance=1e-12),
            "noisy": Measurement(3.0, "u", tolerance=0.5, standard_error=0.1),
        }
    }

    found = entries(load(write(tmp_path))["row"], Result(readings, {}, {}))

    assert found == {
        "adamw.plain": Exact(1.0, 1e-9, 0.0),
        "adamw.rounded": Exact(2.0, 1e-9, 1e-12),
        "adamw.noisy": Exact(3.0, 1e-9, 0.0),
    }


def test_a_studys_gates_are_ensembles_and_the_rest_is_information(tmp_path: Path) -> None:
    """A gate is one measure of one arm: the same measure of another arm is information."""
    reading = Measurement(1.0, "nats", samples=SAMPLES)
    readings = {arm: {"train_loss": reading, "gap": reading} for arm in ("control", "no_decay")}

    found = entries(load(write(tmp_path))["training"], Result(readings, {}, {}))

    assert {name: type(entry) for name, entry in found.items()} == {
        "ensemble.control.train_loss": Ensemble,
        "ensemble.control.gap": Information,
        "ensemble.no_decay.train_loss": Information,
        "ensemble.no_decay.gap": Ensemble,
    }
    gate = found["ensemble.no_decay.gap"]
    assert isinstance(gate, Ensemble)
    assert replace(gate, signal=None) == Ensemble.of(SAMPLES, alpha=1e-5)


def test_a_trajectory_is_recorded_at_few_steps(tmp_path: Path) -> None:
    """Six measures at each; step s is entry s - 1 of its series."""
    result = Result({}, {"control": trajectory("control")}, {})

    found = entries(load(write(tmp_path))["training"], result)

    assert len(found) == 6 * len(RECORDED_STEPS)
    assert {name.rpartition(".")[2] for name in found} == {"step_001", "step_010", "step_030", "step_060", "step_100"}
    at_thirty = {name.split(".")[2]: entry for name, entry in found.items() if name.endswith("step_030")}
    assert {name: entry.value for name, entry in at_thirty.items() if isinstance(entry, Exact)} == pytest.approx(
        {"loss": 30, "gradient_norm": 300, "update_norm": 600, "embedding_norm": 90, "matrix_norm": 150, "unseen_row": 900}
    )
    assert found["trajectory.control.loss.step_001"] == Exact(1.0, 1e-9, 0.0)


def test_a_declared_effect_is_a_signal_and_what_decay_has_no_part_in_is_information(tmp_path: Path) -> None:
    """An effect of zero declares nothing; the ratio has two digits."""
    readings = {
        "adamw": {
            "declared": Measurement(2.0, "u", effect=-0.0123456),
            "unknown": Measurement(2.0, "u"),
            "zero": Measurement(2.0, "u", effect=0.0),
            "told": Measurement(2.0, "u", effect=1.0, information=True),
        }
    }

    found = entries(load(write(tmp_path))["row"], Result(readings, {}, {}))

    assert found == {
        "adamw.declared": Exact(2.0, 1e-9, 0.0, signal=6.2e6),
        "adamw.unknown": Exact(2.0, 1e-9, 0.0),
        "adamw.zero": Exact(2.0, 1e-9, 0.0),
        "adamw.told": Information(2.0, 0.0, 1),
    }


def test_in_float32_only_what_its_rounding_leaves_visible_is_a_gate(tmp_path: Path) -> None:
    """Thirty tolerances of what decay is worth; the author of an optimizer cannot change the probe, so the rest is told."""
    readings = {
        "adamw": {
            "seen": Measurement(1.0, "u", tolerance=1e-4, effect=7e-3, single=True),
            "lost": Measurement(1.0, "u", tolerance=1e-4, effect=5e-3, single=True),
            "unknown": Measurement(1.0, "u", single=True),
        }
    }

    found = entries(load(write(tmp_path))["row"], Result(readings, {}, {}))

    assert found["adamw.seen"] == Exact(1.0, 1e-4, 1e-4, signal=35.0)
    assert found["adamw.lost"] == found["adamw.unknown"] == Information(1.0, 0.0, 1)


def test_a_number_about_decay_is_its_own_signal(tmp_path: Path) -> None:
    """Arithmetic has no optimizer from which decay could be taken."""
    found = entries(load(write(tmp_path))["time"], Result({"usual": {"steps": Measurement(1e4, "steps")}}, {}, {}))

    assert found == {"usual.steps": Exact(1e4, 1e-12, 0.0, signal=1e12)}


def test_an_ensembles_signal_is_the_distance_of_the_arms_in_changes_that_it_detects(tmp_path: Path) -> None:
    """Of the gated measure, between arms that differ in weight decay."""
    apart = tuple(sample + 3.0 for sample in SAMPLES)
    readings = {
        "control": {"gap": Measurement(1.0, "nats", samples=SAMPLES)},
        "no_decay": {"gap": Measurement(4.0, "nats", samples=apart)},
    }

    gate = entries(load(write(tmp_path))["training"], Result(readings, {}, {}))["ensemble.no_decay.gap"]

    assert isinstance(gate, Ensemble)
    assert gate.signal == pytest.approx(3.0 / gate.detects, rel=0.05)


def test_a_trajectorys_signal_is_that_of_its_best_step(tmp_path: Path) -> None:
    """Before the first update two arms have the same loss, and decay needs time to show."""
    usual, other = trajectory("control"), trajectory("no_decay")
    late = replace(other, loss=np.where(np.arange(1, 101) == 60, other.loss * 1.5, other.loss))

    found = entries(load(write(tmp_path))["training"], Result({}, {"control": usual, "no_decay": late}, {}))

    signals = {found[f"trajectory.control.loss.step_{step:03d}"].signal for step in RECORDED_STEPS}
    assert signals == {5e8}
    assert found["trajectory.control.gradient_norm.step_060"].signal == 0.0
