"""Tests of the probe missing_gradients: the effects of a gradient that is missing, zero or bad are measured."""

from __future__ import annotations

import pytest

from harness.probes.handling import MissingGradientsSettings
from harness.probes.handling.missing_gradients import run
from tests.selftest.probes.handled import measure_as_shipped, measurements_of, missed_closed_forms
from tests.selftest.probes.subjects import meets_closed_form, torch_optim

EXACT = ("without_gradient_changed", "frozen_changed", "pause_error", "gradient_changed")


def test_torch_meets_every_closed_form_with_margin() -> None:
    """Each reading is also sensitive: its effect is at least 1e4 tolerances."""
    assert missed_closed_forms("missing_gradients") == []


@pytest.mark.parametrize("name", ["Adam", "SGD", "NAdam", "RMSprop", "Adagrad", "Adadelta", "Adafactor", "Muon"])
def test_torch_passes_every_part_exactly(name: str) -> None:
    """The parts: no gradient, a pause, a neighbour's NaN, an unchanged .grad, a skipped step, a closure."""
    gradients = run(torch_optim(name), MissingGradientsSettings(lr=0.1, weight_decay=0.6))
    skipped = run(torch_optim(name), MissingGradientsSettings(lr=0.1, weight_decay=0.6, part="skipped_step"))
    closure = run(torch_optim(name), MissingGradientsSettings(lr=0.1, weight_decay=0.6, part="closure"))

    assert all(meets_closed_form(gradients[measure]) for measure in EXACT)
    bad = run(torch_optim(name), MissingGradientsSettings(lr=0.1, weight_decay=0.6, part="bad_gradient"))
    assert all(meets_closed_form(measurement) for measurement in (skipped | closure | bad).values())


def test_fused_adamw_changes_nothing_in_a_skipped_step() -> None:
    """GradScaler calls a fused optimizer also for a skipped step, and the optimizer must check the gradients itself."""
    measurements = run(torch_optim("AdamW", fused=True), MissingGradientsSettings(lr=0.1, weight_decay=0.6, part="skipped_step"))

    assert measurements["skipped_changed"].value == 0.0
    assert measurements["unscaled_changed"].value == 0.0


def test_weights_decay_under_a_hook_that_zeroes_gradients() -> None:
    """Three steps leave 0.94 cubed."""
    assert measure_as_shipped("missing_gradients", "any")["hooked_factor"].value == pytest.approx(0.94**3, rel=1e-14)


@pytest.mark.parametrize(
    ("mutant", "arm", "measure", "elements"),
    [
        ("DecayWithoutGradient", "any", "without_gradient_changed", 12),
        ("DecayWithoutGradient", "any", "frozen_changed", 12),
        ("NormOverAllGradients", "any_bad", "beside_bad_changed", 12),
        ("DecayOnSkippedStep", "any_scaled", "skipped_changed", 24),
        ("ScaleKept", "any_scaled", "unscaled_changed", 24),
        ("ClosureDecaysAgain", "any_closure", "closure_changed", 24),
        ("GradientOverwritten", "adam_l2", "gradient_changed", 24),
    ],
)
def test_a_fault_changes_every_element(mutant: str, arm: str, measure: str, elements: int) -> None:
    """The effect of a count is therefore the number of all elements."""
    assert measurements_of("missing_gradients", arm, mutant)[measure].value == elements
