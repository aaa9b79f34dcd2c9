"""Tests of the probe layouts: each layout holds the same numbers, and a fault shows in its layouts only."""

from __future__ import annotations

import pytest
import torch

from harness.probes.handling import LayoutsSettings
from harness.probes.handling.layouts import LAYOUTS, run
from harness.probes.inputs import matrices
from tests.selftest.probes.handled import measurements_of, missed_closed_forms
from tests.selftest.probes.subjects import meets_closed_form, torch_optim


def test_torch_meets_every_closed_form_with_margin() -> None:
    """Each reading is also sensitive: its effect is at least 1e4 tolerances."""
    assert missed_closed_forms("layouts") == []


@pytest.mark.parametrize("name", ["Adam", "SGD", "NAdam", "RMSprop", "Adagrad"])
def test_torch_element_wise_steps_do_not_depend_on_layout(name: str) -> None:
    """Every layout is compared with the plain matrix."""
    measurements = run(torch_optim(name), LayoutsSettings(lr=0.1, weight_decay=0.6))

    assert all(meets_closed_form(measurement) for measure, measurement in measurements.items() if measure.endswith("_error"))


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_a_copy_of_the_numbers(name: str) -> None:
    """The order of the numbers is unchanged. Only the vector is contiguous in memory."""
    plain = matrices(1, seed=1)[0]

    laid_out = torch.nn.Parameter(LAYOUTS[name](plain)).detach()

    assert torch.equal(laid_out.reshape(plain.shape), plain)
    assert laid_out.is_contiguous() is (name == "vector")
    assert laid_out.untyped_storage().data_ptr() != plain.untyped_storage().data_ptr()


@pytest.mark.parametrize(
    ("mutant", "measures"),
    [
        ("DecayOnContiguousCopy", {"transposed_error", "strided_error", "channels_last_error"}),
        ("ScalarsNotDecayed", {"vector_error", "scalar_error"}),
        ("StopsAtEmptyTensor", {"beside_empty_error"}),
        ("OnlyFirstBlockDecays", {"large_error"}),
    ],
)
def test_a_fault_shows_in_its_layouts_only(mutant: str, measures: set[str]) -> None:
    """All other layouts agree with the plain matrix."""
    measurements = measurements_of("layouts", "any", mutant)

    assert {
        name for name, measurement in measurements.items() if name.endswith("_error") and measurement.value > 0.01
    } == measures
