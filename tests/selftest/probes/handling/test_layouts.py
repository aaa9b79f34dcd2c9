"""Does the probe layouts hold the same numbers in other places?"""

from __future__ import annotations

import pytest
import torch

from harness.probes.handling import LayoutsSettings
from harness.probes.handling.layouts import LAYOUTS, run
from harness.probes.inputs import matrices
from tests.selftest.probes.handled import inexact, read
from tests.selftest.probes.subjects import exact, torch_optim


def test_torch_meets_every_closed_form_with_room() -> None:
    """And each of them would see the effect that it looks for."""
    assert inexact("layouts") == []


@pytest.mark.parametrize("name", ["Adam", "SGD", "NAdam", "RMSprop", "Adagrad"])
def test_element_wise_optimizers_of_torch_do_not_see_layouts(name: str) -> None:
    """Every form against the plain matrix."""
    readings = run(torch_optim(name), LayoutsSettings(lr=0.1, weight_decay=0.6))

    assert all(exact(reading) for measure, reading in readings.items() if measure.endswith("_error"))


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_a_copy_of_the_numbers(name: str) -> None:
    """In their order; and only the vector lies in one piece."""
    plain = matrices(1, seed=1)[0]

    held = torch.nn.Parameter(LAYOUTS[name](plain)).detach()

    assert torch.equal(held.reshape(plain.shape), plain)
    assert held.is_contiguous() is (name == "vector")
    assert held.untyped_storage().data_ptr() != plain.untyped_storage().data_ptr()


@pytest.mark.parametrize(
    ("mutant", "measures"),
    [
        ("DecayOnContiguousCopy", {"transposed_error", "strided_error", "channels_last_error"}),
        ("ScalarsNotDecayed", {"vector_error", "scalar_error"}),
        ("StopsAtEmptyTensor", {"beside_empty_error"}),
        ("OnlyFirstBlockDecays", {"large_error"}),
    ],
)
def test_a_fault_shows_in_its_layouts_alone(mutant: str, measures: set[str]) -> None:
    """The other forms are as the plain matrix."""
    readings = read("layouts", "any", mutant)

    assert {name for name, one in readings.items() if name.endswith("_error") and one.value > 0.01} == measures
