"""Does the probe missing_gradients see what a gradient that is missing, zero or bad does?"""

from __future__ import annotations

import pytest

from harness.probes.handling import MissingGradientsSettings
from harness.probes.handling.missing_gradients import run
from tests.selftest.probes.handled import inexact, read, usual
from tests.selftest.probes.subjects import exact, torch_optim

ANY = ("without_gradient_changed", "frozen_changed", "pause_error", "gradient_changed")


def test_torch_meets_every_closed_form_with_room() -> None:
    """And each of them would see the effect that it looks for."""
    assert inexact("missing_gradients") == []


@pytest.mark.parametrize("name", ["Adam", "SGD", "NAdam", "RMSprop", "Adagrad", "Adadelta", "Adafactor", "Muon"])
def test_any_optimizer_of_torch_leaves_alone_what_it_must(name: str) -> None:
    """None, a pause, a neighbour's NaN, .grad; a skipped step and a closure."""
    gradients = run(torch_optim(name), MissingGradientsSettings(lr=0.1, weight_decay=0.6))
    skipped = run(torch_optim(name), MissingGradientsSettings(lr=0.1, weight_decay=0.6, part="skipped_step"))
    closure = run(torch_optim(name), MissingGradientsSettings(lr=0.1, weight_decay=0.6, part="closure"))

    assert all(exact(gradients[measure]) for measure in ANY)
    bad = run(torch_optim(name), MissingGradientsSettings(lr=0.1, weight_decay=0.6, part="bad_gradient"))
    assert all(exact(reading) for reading in (skipped | closure | bad).values())


def test_fused_adamw_leaves_a_skipped_step_alone() -> None:
    """It is called for the step all the same, and has to look for itself."""
    readings = run(torch_optim("AdamW", fused=True), MissingGradientsSettings(lr=0.1, weight_decay=0.6, part="skipped_step"))

    assert readings["skipped_changed"].value == 0.0
    assert readings["unscaled_changed"].value == 0.0


def test_a_zeroing_hook_leaves_three_factors() -> None:
    """0.94 cubed."""
    assert usual("missing_gradients", "any")["hooked_factor"].value == pytest.approx(0.94**3, rel=1e-14)


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
def test_a_fault_reaches_every_element(mutant: str, arm: str, measure: str, elements: int) -> None:
    """So a count has all of them at stake."""
    assert read("missing_gradients", arm, mutant)[measure].value == elements
