"""Tests of the formulas: their values by hand, their precision, their arguments."""

from __future__ import annotations

import inspect
import math

import pytest

from harness.catalog.formulas import FORMULAS, evaluate


@pytest.mark.parametrize(
    ("formula", "arguments", "measure", "value"),
    [
        ("total_decay", {"lr": 0.1, "weight_decay": 0.5, "steps": 2.0}, "fraction_left", 0.9025),
        ("total_decay", {"lr": 1e-3, "weight_decay": 0.1, "steps": 10_000.0}, "fraction_left", 0.367861),
        ("decay_time", {"lr": 1e-3, "weight_decay": 0.1}, "steps", 10_000.0),
        ("generalisation_gap", {"train": 1.5, "held_out": 2.0}, "gap", 0.5),
    ],
)
def test_a_formula_gives_its_one_measure(formula: str, arguments: dict[str, float], measure: str, value: float) -> None:
    """The values come from a pocket calculator. The measurement has the unit of the formula."""
    measurements = evaluate(formula, arguments)

    assert list(measurements) == [measure]
    assert measurements[measure].value == pytest.approx(value, rel=1e-6)
    assert measurements[measure].unit == FORMULAS[formula].unit


def test_a_tiny_decay_over_many_steps_keeps_its_digits() -> None:
    """(1 - 1e-12)^1e12 is 1/e to twelve digits. A power of the rounded factor has only five correct digits."""
    left = evaluate("total_decay", {"lr": 1e-6, "weight_decay": 1e-6, "steps": 1e12})["fraction_left"].value

    assert left == pytest.approx(math.exp(-1.0), rel=1e-11)


@pytest.mark.parametrize("name", list(FORMULAS))
def test_a_formula_takes_exactly_its_arguments(name: str) -> None:
    """Arguments are given by name. A missing or an unknown one raises TypeError."""
    arguments = dict.fromkeys(inspect.signature(FORMULAS[name].function).parameters, 0.5)
    fewer = dict(list(arguments.items())[1:])

    assert all(math.isfinite(measurement.value) for measurement in evaluate(name, arguments).values())
    with pytest.raises(TypeError):
        evaluate(name, fewer)
    with pytest.raises(TypeError):
        evaluate(name, {**arguments, "another": 1.0})
