"""Are the numbers of a scenario recorded under the rule that fits them?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.catalogue import load
from harness.comparison import Ensemble, Exact, Information
from harness.entries import TRAJECTORY_STEPS, entries
from harness.reading import Reading
from harness.record import SLICES, Run
from harness.run import Result
from tests.selftest.scenario_files import write

SAMPLES = (1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.01)


def trajectory(arm: str) -> Run:
    """Return a run whose series count its steps: 1, 2, 3, ..."""
    count, few = np.arange(1.0, 101.0), np.ones(2)
    norms = {"embedding": 3 * count, "head": 4 * count}
    accuracy = dict.fromkeys(SLICES, few)
    ends = np.array([0, 100])
    return Run(arm, 0, 0.01, 0.1, count, count, 10 * count, 20 * count, norms, 30 * count, ends, few, few, accuracy, few)


def test_a_probes_numbers_are_exact_with_the_scenarios_tolerance(tmp_path: Path) -> None:
    """And the rounding error that the reading declares, unless it is one of noise, which is seeded."""
    readings = {
        "adamw": {
            "plain": Reading(1.0, "u"),
            "rounded": Reading(2.0, "u", tolerance=1e-12),
            "noisy": Reading(3.0, "u", tolerance=0.5, standard_error=0.1),
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
    reading = Reading(1.0, "nats", samples=SAMPLES)
    readings = {arm: {"train_loss": reading, "gap": reading} for arm in ("control", "no_decay")}

    found = entries(load(write(tmp_path))["training"], Result(readings, {}, {}))

    assert {name: type(entry) for name, entry in found.items()} == {
        "ensemble.control.train_loss": Ensemble,
        "ensemble.control.gap": Information,
        "ensemble.no_decay.train_loss": Information,
        "ensemble.no_decay.gap": Ensemble,
    }
    assert found["ensemble.no_decay.gap"] == Ensemble.of(SAMPLES, alpha=1e-5)


def test_a_trajectory_is_recorded_at_few_steps(tmp_path: Path) -> None:
    """Six measures at each; step s is entry s - 1 of its series."""
    result = Result({}, {"control": trajectory("control")}, {})

    found = entries(load(write(tmp_path))["training"], result)

    assert len(found) == 6 * len(TRAJECTORY_STEPS)
    assert {name.rpartition(".")[2] for name in found} == {"step_001", "step_010", "step_030", "step_060", "step_100"}
    at_thirty = {name.split(".")[2]: entry for name, entry in found.items() if name.endswith("step_030")}
    assert {name: entry.value for name, entry in at_thirty.items() if isinstance(entry, Exact)} == pytest.approx(
        {"loss": 30, "gradient_norm": 300, "update_norm": 600, "embedding_norm": 90, "matrix_norm": 150, "unseen_row": 900}
    )
    assert found["trajectory.control.loss.step_001"] == Exact(1.0, 1e-9, 0.0)
