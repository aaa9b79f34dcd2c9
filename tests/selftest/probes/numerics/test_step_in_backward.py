"""Does the probe step_in_backward count differing elements and decays?"""

from __future__ import annotations

import pytest

from harness.probes.numerics import StepInBackwardSettings
from harness.probes.numerics.step_in_backward import run
from harness.subject.loading import factory
from tests.selftest.probes.subjects import exact, torch_optim

FAULTY = "tests.mutants.numerics:"


@pytest.mark.parametrize("name", ["AdamW", "Adam", "SGD", "Muon", "Adafactor", "RMSprop", "NAdam"])
def test_no_optimizer_of_torch_looks_at_its_neighbours(name: str) -> None:
    """Coupled or not, element-wise or not."""
    assert exact(run(torch_optim(name), StepInBackwardSettings())["differing"])


@pytest.mark.parametrize("passes", [1, 2, 5])
def test_decays_are_counted(passes: int) -> None:
    """As many as there are passes that step; one where they are accumulated."""
    found = run(torch_optim("AdamW"), StepInBackwardSettings(passes=passes))

    assert found["decays_in_backward"].value == pytest.approx(passes, abs=1e-12)
    assert found["decays_accumulated"].value == pytest.approx(1, abs=1e-12)


def test_a_shared_step_count_is_seen_wherever_there_is_a_gradient() -> None:
    """All but the twelve elements whose gradient is always zero, of 72."""
    found = run(factory("tests.mutants.parameters:StepCountedPerParameter", {}, training=False), StepInBackwardSettings())

    assert found["differing"].value == 60


def test_an_optimizer_that_never_decays_reads_none() -> None:
    """And no division by zero."""
    found = run(factory("tests.mutants.decay_rule:DecayForgotten", {}, training=False), StepInBackwardSettings())

    assert (found["decays_accumulated"].value, found["decays_in_backward"].value) == (0.0, 0.0)
