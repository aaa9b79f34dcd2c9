"""Is each measure of a study what its line says, on records whose answer is known?"""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from harness.training.measures import EARLY_DIP, MEASURES, random_walk_growth, read_ensemble, undisturbed_fraction
from harness.training.recipe import Recipe
from harness.training.records import SLICES, RunRecord

STEPS = 400
RECIPE = Recipe(steps=STEPS, embedding_std=0.25)
CHECKPOINTS = np.array([0, 100, 200, 300, 400])


def run(**changed: Any) -> RunRecord:
    """Return a run whose every series is constant, except those that are given."""
    flat = np.full(STEPS, 1.0)
    few = np.full(len(CHECKPOINTS), 1.0)
    kept: dict[str, Any] = {
        "arm": "a",
        "seed": 0,
        "lr": 0.01,
        "weight_decay": 0.5,
        "learning_rates": np.full(STEPS, 0.01),
        "matrix_norms": {"embedding": flat, "head": flat},
        "checkpoints": CHECKPOINTS,
        "accuracy": dict.fromkeys(SLICES, few),
    }
    rest = {field.name: few for field in fields(RunRecord) if field.name in ("train_loss", "held_out_loss", "embedding_norm")}
    rest |= dict.fromkeys(("loss", "gradient_norm", "update_norm", "unseen_row"), flat)
    return RunRecord(**(kept | rest | changed))


def value(measure: str, **changed: Any) -> float:
    """Return one measure of such a run."""
    return MEASURES[measure].of(run(**changed))


def series(*values: float) -> np.ndarray:
    """Return what was recorded at the checkpoints."""
    return np.array(values)


@pytest.mark.parametrize("measure", ["train_loss", "held_out_loss"])
def test_a_loss_is_that_of_the_end(measure: str) -> None:
    """The mean of the last five checkpoints, and not the smallest on the way."""
    assert value(measure, **{measure: series(9, 1.0, 0.5, 1.0, 1.5, 2.0)}) == pytest.approx(1.2)


def test_the_gap_is_held_out_minus_train_at_the_end() -> None:
    """Positive when the run has learnt its own sentences better."""
    assert value("gap", train_loss=series(9, 1, 1, 1, 1, 1), held_out_loss=series(0, 1, 2, 3, 4, 5)) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("held_out", "step"),
    [
        ((1.0, 1.0, 1.3, 1.4, 1.5), 200),
        ((1.0, 1.3, 1.25, 1.4, 1.5), 300),
        ((1.3, 1.3, 1.3, 1.3, 1.3), 0),
        ((1.0, 1.0, 1.0, 1.0, 1.3), 400),
        ((1.3, 1.3, 1.3, 1.3, 1.0), 400),
        ((1.0, 1.0, 1.0, 1.0, 1.0), 400),
    ],
)
def test_the_curves_part_where_the_gap_stays_open(held_out: tuple[float, ...], step: float) -> None:
    """For good, by more than 0.25; a run whose curves never part has the end."""
    assert value("parting_step", held_out_loss=series(*held_out)) == step


def test_the_least_rise_is_counted_from_the_early_dip_on() -> None:
    """The fall before it is expected, a fall after it is negative."""
    assert value("embedding_least_rise", embedding_norm=series(1.0, 0.5, 0.6, 0.9, 1.0)) == pytest.approx(0.1)
    assert value("embedding_least_rise", embedding_norm=series(1.0, 0.5, 0.6, 0.9, 0.85)) == pytest.approx(-0.05)
    assert value("embedding_least_rise", embedding_norm=series(1.0, 0.5, 0.6, 0.65, 1.0)) == pytest.approx(0.05)


def test_the_early_dip_is_relative_to_the_norm_after_the_first_step() -> None:
    """And looks no further than the early steps."""
    norms = np.linspace(2.0, 3.0, STEPS)
    norms[EARLY_DIP - 1] = 1.5
    norms[EARLY_DIP] = 0.1

    assert value("embedding_dip", matrix_norms={"embedding": norms}) == 0.75


def test_the_matrices_grow_together() -> None:
    """The norm of all of them as one vector: from (3, 4) to (6, 8) is twice."""
    rising = np.linspace(1.0, 2.0, STEPS)

    assert value("matrix_growth", matrix_norms={"embedding": 3 * rising, "head": 4 * rising}) == pytest.approx(2.0)
    assert value("matrix_growth", matrix_norms={"embedding": rising, "head": 0 * rising + 7}) == pytest.approx(math.sqrt(53 / 50))


def test_the_update_is_relative_to_all_matrices_at_the_end() -> None:
    """0.05 of a norm of (3, 4)."""
    flat = np.ones(STEPS)

    assert value("update_to_weight", update_norm=np.append(flat[1:], 0.25), matrix_norms={"a": 3 * flat, "b": 4 * flat}) == 0.05


@pytest.mark.parametrize("name", SLICES)
def test_an_accuracy_is_that_of_its_slice_at_the_end(name: str) -> None:
    """Four slices, one measure each."""
    accuracy = {other: series(0, 0, 0, 0, 0, 0.1) for other in SLICES} | {name: series(1, 0, 0, 0, 1, 0.5)}

    assert value(name, accuracy=accuracy) == pytest.approx(0.3)


def test_the_embedding_and_the_unseen_row_are_read_at_the_end() -> None:
    """Both relative to their start."""
    assert value("embedding_growth", embedding_norm=series(1, 0.9, 1.1, 1.2, 1.3)) == 1.3
    assert value("unseen_row", unseen_row=np.append(np.ones(STEPS - 1), 0.25)) == 0.25


def test_an_undisturbed_weight_keeps_the_product_of_its_factors() -> None:
    """At a constant rate (1 - lr wd)^T; step by step under a schedule; all of it without decay."""
    rates = np.linspace(0.0, 0.02, STEPS)
    product = 1.0
    for rate in rates:
        product *= 1 - rate * 0.5

    assert undisturbed_fraction(run()) == pytest.approx((1 - 0.005) ** STEPS, rel=1e-12)
    assert undisturbed_fraction(run(learning_rates=rates)) == pytest.approx(product, rel=1e-12)
    assert undisturbed_fraction(run(weight_decay=0.0)) == 1.0


def test_the_random_walk_without_momentum_is_a_geometric_series() -> None:
    """With k = 1 - lr wd: k^2T + (lr / std)^2 (1 - k^2T) / (1 - k^2)."""
    k = 1 - 0.01 * 0.5
    expected = math.sqrt(k ** (2 * STEPS) + (0.01 / 0.25) ** 2 * (1 - k ** (2 * STEPS)) / (1 - k**2))

    assert random_walk_growth(run(), RECIPE, 0.0) == pytest.approx(expected, rel=1e-12)


def test_the_random_walk_without_decay_grows_with_the_root_of_the_steps() -> None:
    """1 + T (lr / std)^2."""
    grown = random_walk_growth(run(weight_decay=0.0), RECIPE, 0.0)

    assert grown == pytest.approx(math.sqrt(1 + STEPS * (0.01 / 0.25) ** 2), rel=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_random_walk_is_the_spread_of_simulated_ones(momentum: float) -> None:
    """20,000 walks of w <- (1 - lr wd) w - lr m, with m the average of unit noise, under a falling rate: within 2 %."""
    draw, rates = np.random.default_rng(3), np.linspace(0.02, 0.0, 60)
    weight, average = 0.25 * draw.standard_normal(20_000), np.zeros(20_000)
    for rate in rates:
        average = momentum * average + (1 - momentum) * draw.standard_normal(20_000)
        weight = (1 - rate * 0.5) * weight - rate * average

    predicted = random_walk_growth(run(learning_rates=rates), RECIPE, momentum)

    assert predicted == pytest.approx(float(weight.std()) / 0.25, rel=0.02)
    assert predicted - undisturbed_fraction(run(learning_rates=rates)) > 0.03  # the walk itself counts


def test_an_ensemble_reads_every_measure_over_all_seeds() -> None:
    """One sample a seed in their order, the mean as value, and the closed form's mean where there is one."""
    runs = [replace(run(unseen_row=np.full(STEPS, end)), seed=seed) for seed, end in enumerate((0.5, 0.1, 0.3))]
    runs[2] = replace(runs[2], weight_decay=0.0)

    readings = read_ensemble(runs, RECIPE, momentum=0.9)

    assert set(readings) == set(MEASURES)
    assert readings["unseen_row"].samples == (0.5, 0.1, 0.3)
    assert readings["unseen_row"].value == pytest.approx(0.3)
    assert readings["unseen_row"].expected == pytest.approx((2 * 0.995**STEPS + 1) / 3)
    assert readings["gap"].expected is None


def test_a_measure_has_a_unit_and_says_what_it_is() -> None:
    """Both reach reports."""
    assert all(measure.unit and measure.says for measure in MEASURES.values())
    assert {name for name, measure in MEASURES.items() if measure.closed_form} == {"embedding_growth", "unseen_row"}
