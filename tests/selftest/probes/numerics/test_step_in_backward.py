"""Tests of the probe step_in_backward: differing elements and decays are counted."""

from __future__ import annotations

import pytest

from harness.probes.numerics import StepInBackwardSettings
from harness.probes.numerics.step_in_backward import run
from harness.subject.loading import make_factory
from tests.selftest.probes.subjects import meets_closed_form, torch_optim

FAULTY = "tests.mutants.numerics:"


@pytest.mark.parametrize("name", ["AdamW", "Adam", "SGD", "Muon", "Adafactor", "RMSprop", "NAdam"])
def test_torch_steps_do_not_depend_on_other_parameters(name: str) -> None:
    """The list has coupled and decoupled optimizers, element-wise and not."""
    assert meets_closed_form(run(torch_optim(name), StepInBackwardSettings())["differing"])


@pytest.mark.parametrize("passes", [1, 2, 5])
def test_decays_of_an_update_are_counted(passes: int) -> None:
    """Steps in backward decay once per pass, accumulated gradients once per update."""
    measured = run(torch_optim("AdamW"), StepInBackwardSettings(passes=passes))

    assert measured["decays_in_backward"].value == pytest.approx(passes, abs=1e-12)
    assert measured["decays_accumulated"].value == pytest.approx(1, abs=1e-12)


def test_a_shared_step_count_changes_all_moving_elements() -> None:
    """Of 72 elements, all differ but the twelve whose gradient is always zero."""
    measured = run(make_factory("tests.mutants.parameters:StepCountedPerParameter", {}, training=False), StepInBackwardSettings())

    assert measured["differing"].value == 60


def test_an_optimizer_without_decay_counts_zero_decays() -> None:
    """The count must not divide by zero."""
    measured = run(make_factory("tests.mutants.decay_rule:DecayForgotten", {}, training=False), StepInBackwardSettings())

    assert (measured["decays_accumulated"].value, measured["decays_in_backward"].value) == (0.0, 0.0)
