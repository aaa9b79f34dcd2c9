"""Tests of the measures of a study: each has the known value on a small record made by hand."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from harness.training.measures import EARLY_DIP_STEPS, MEASURES, random_walk_growth, read_ensemble, undisturbed_fraction
from harness.training.recipe import Recipe
from harness.training.records import SLICES, RunRecord

STEPS = 400
RECIPE = Recipe(steps=STEPS, embedding_std=0.25)
CHECKPOINTS = np.array([0, 100, 200, 300, 400])


def run(**changed: Any) -> RunRecord:
    """Return the record of a run in which every series is constant 1, except the `changed` ones."""
    steps = np.full(STEPS, 1.0)
    checkpoints = np.full(len(CHECKPOINTS), 1.0)
    settings: dict[str, Any] = {
        "arm": "a",
        "seed": 0,
        "lr": 0.01,
        "weight_decay": 0.5,
        "learning_rates": np.full(STEPS, 0.01),
        "matrix_norms": {"embedding": steps, "head": steps},
        "checkpoints": CHECKPOINTS,
        "accuracy": dict.fromkeys(SLICES, checkpoints),
    }
    rest = {
        field.name: checkpoints for field in fields(RunRecord) if field.name in ("train_loss", "held_out_loss", "embedding_norm")
    }
    rest |= dict.fromkeys(("loss", "gradient_norm", "update_norm", "unseen_row"), steps)
    return RunRecord(**(settings | rest | changed))


def value(measure: str, **changed: Any) -> float:
    """Return one measure of the run with these changes."""
    return MEASURES[measure].function(run(**changed))


def series(*values: float) -> np.ndarray:
    """Return a series with one value for each checkpoint."""
    return np.array(values)


@pytest.mark.parametrize("measure", ["train_loss", "held_out_loss"])
def test_a_loss_is_the_mean_of_the_last_checkpoints(measure: str) -> None:
    """There are five of them. An earlier minimum does not count."""
    assert value(measure, **{measure: series(9, 1.0, 0.5, 1.0, 1.5, 2.0)}) == pytest.approx(1.2)


def test_the_gap_is_held_out_minus_train_at_the_end() -> None:
    """A positive gap means that the training sentences are learnt better than the held-out ones."""
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
def test_the_parting_step_is_where_the_gap_stays_open(held_out: tuple[float, ...], step: float) -> None:
    """The gap is above 0.25 nats from this checkpoint to the end. If it never is, the step is the last checkpoint."""
    assert value("parting_step", held_out_loss=series(*held_out)) == step


def test_the_least_rise_ignores_the_early_dip() -> None:
    """The norm is expected to fall in the first 200 steps. A later fall gives a negative value."""
    assert value("embedding_least_rise", embedding_norm=series(1.0, 0.5, 0.6, 0.9, 1.0)) == pytest.approx(0.1)
    assert value("embedding_least_rise", embedding_norm=series(1.0, 0.5, 0.6, 0.9, 0.85)) == pytest.approx(-0.05)
    assert value("embedding_least_rise", embedding_norm=series(1.0, 0.5, 0.6, 0.65, 1.0)) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("recipe", "problem"),
    [
        (Recipe(steps=400), ""),
        (Recipe(steps=250, evaluate_every=200), ""),
        (Recipe(steps=200), "has 1 (steps: 200, evaluate_every: 100)"),
        (Recipe(steps=8, evaluate_every=4), "has 0 (steps: 8, evaluate_every: 4)"),
    ],
)
def test_the_least_rise_needs_two_late_checkpoints(recipe: Recipe, problem: str) -> None:
    """A study without them does not have the measure; it has all others."""
    assert problem in MEASURES["embedding_least_rise"].recipe_problem(recipe)
    assert bool(MEASURES["embedding_least_rise"].recipe_problem(recipe)) == bool(problem)
    assert not MEASURES["gap"].recipe_problem(recipe)
    assert set(MEASURES) - set(read_ensemble([run(), run()], recipe, momentum=0.9)) == (
        {"embedding_least_rise"} if problem else set()
    )


def test_the_early_dip_is_relative_to_the_norm_after_step_1() -> None:
    """A smaller norm after the early steps does not count."""
    norms = np.linspace(2.0, 3.0, STEPS)
    norms[EARLY_DIP_STEPS - 1] = 1.5
    norms[EARLY_DIP_STEPS] = 0.1

    assert value("embedding_dip", matrix_norms={"embedding": norms}) == 0.75


def test_matrix_growth_uses_the_norm_of_all_matrices_together() -> None:
    """All matrices count as one vector: from norms (3, 4) to (6, 8) the growth is 2."""
    rising = np.linspace(1.0, 2.0, STEPS)

    assert value("matrix_growth", matrix_norms={"embedding": 3 * rising, "head": 4 * rising}) == pytest.approx(2.0)
    assert value("matrix_growth", matrix_norms={"embedding": rising, "head": 0 * rising + 7}) == pytest.approx(math.sqrt(53 / 50))


def test_the_update_is_relative_to_all_matrices_at_the_end() -> None:
    """A last update of norm 0.25 and matrices of norms (3, 4), together 5, give 0.05."""
    ones = np.ones(STEPS)

    assert value("update_to_weight", update_norm=np.append(ones[1:], 0.25), matrix_norms={"a": 3 * ones, "b": 4 * ones}) == 0.05


@pytest.mark.parametrize("name", SLICES)
def test_an_accuracy_is_the_mean_of_its_slice_at_the_end(name: str) -> None:
    """There is one measure for each of the four slices."""
    accuracy = {other: series(0, 0, 0, 0, 0, 0.1) for other in SLICES} | {name: series(1, 0, 0, 0, 1, 0.5)}

    assert value(name, accuracy=accuracy) == pytest.approx(0.3)


def test_the_embedding_and_the_unseen_row_are_read_at_the_end() -> None:
    """Both norms are recorded relative to their start."""
    assert value("embedding_growth", embedding_norm=series(1, 0.9, 1.1, 1.2, 1.3)) == 1.3
    assert value("unseen_row", unseen_row=np.append(np.ones(STEPS - 1), 0.25)) == 0.25


def test_the_undisturbed_fraction_is_the_product_of_all_factors() -> None:
    """At a constant rate the fraction is (1 - lr wd)^T. A schedule has one factor for each step. Without decay it is 1."""
    rates = np.linspace(0.0, 0.02, STEPS)
    product = 1.0
    for rate in rates:
        product *= 1 - rate * 0.5

    assert undisturbed_fraction(run()) == pytest.approx((1 - 0.005) ** STEPS, rel=1e-12)
    assert undisturbed_fraction(run(learning_rates=rates)) == pytest.approx(product, rel=1e-12)
    assert undisturbed_fraction(run(weight_decay=0.0)) == 1.0


def test_the_random_walk_without_momentum_is_a_geometric_series() -> None:
    """With k = 1 - lr wd, growth^2 = k^2T + (lr / std)^2 (1 - k^2T) / (1 - k^2)."""
    k = 1 - 0.01 * 0.5
    expected = math.sqrt(k ** (2 * STEPS) + (0.01 / 0.25) ** 2 * (1 - k ** (2 * STEPS)) / (1 - k**2))

    assert random_walk_growth(run(), RECIPE, 0.0) == pytest.approx(expected, rel=1e-12)


def test_without_decay_the_random_walk_grows_as_root_of_steps() -> None:
    """growth^2 = 1 + T (lr / std)^2."""
    growth = random_walk_growth(run(weight_decay=0.0), RECIPE, 0.0)

    assert growth == pytest.approx(math.sqrt(1 + STEPS * (0.01 / 0.25) ** 2), rel=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_random_walk_agrees_with_a_simulation(momentum: float) -> None:
    """The standard deviation of 20,000 simulated walks agrees within 2 %.

    A walk is w <- (1 - lr wd) w - lr m, where m is the average of unit noise and lr falls.
    """
    generator, rates = np.random.default_rng(3), np.linspace(0.02, 0.0, 60)
    weight, average = 0.25 * generator.standard_normal(20_000), np.zeros(20_000)
    for rate in rates:
        average = momentum * average + (1 - momentum) * generator.standard_normal(20_000)
        weight = (1 - rate * 0.5) * weight - rate * average

    predicted = random_walk_growth(run(learning_rates=rates), RECIPE, momentum)

    assert predicted == pytest.approx(float(weight.std()) / 0.25, rel=0.02)
    assert predicted - undisturbed_fraction(run(learning_rates=rates)) > 0.03  # the noise is a visible part of the growth


def test_an_ensemble_has_every_measure_with_all_seeds() -> None:
    """There is one sample for each seed, in order. The value is their mean, `expected` is the mean of the closed form."""
    runs = [replace(run(unseen_row=np.full(STEPS, norm)), seed=seed) for seed, norm in enumerate((0.5, 0.1, 0.3))]
    runs[2] = replace(runs[2], weight_decay=0.0)

    measurements = read_ensemble(runs, RECIPE, momentum=0.9)

    assert set(measurements) == set(MEASURES)
    assert measurements["unseen_row"].samples == (0.5, 0.1, 0.3)
    assert measurements["unseen_row"].value == pytest.approx(0.3)
    assert measurements["unseen_row"].expected == pytest.approx((2 * 0.995**STEPS + 1) / 3)
    assert measurements["gap"].expected is None


def test_a_measure_has_a_unit_and_a_description() -> None:
    """`python -m harness vocabulary` prints both. Two measures have a closed form."""
    assert all(measure.unit and measure.description for measure in MEASURES.values())
    assert {name for name, measure in MEASURES.items() if measure.closed_form} == {"embedding_growth", "unseen_row"}
