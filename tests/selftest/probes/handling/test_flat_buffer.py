"""Tests of the probe flat_buffer: ranks, padding and a lost exemption are measured."""

from __future__ import annotations

import pytest

from harness.probes.handling import FlatBufferSettings
from harness.probes.handling.flat_buffer import RANKS, SHAPES, run
from harness.subject.loading import make_factory
from tests.selftest.probes.subjects import meets_closed_form, mutant, torch_optim

FAULTY = "tests.mutants.numerics:"


def test_some_numbers_of_ranks_need_padding() -> None:
    """30 numbers need no padding for 1 and 2 ranks, two elements for 4 and five for 7."""
    numbers = sum(len(range(rows)) * columns for rows, columns in ((3, 5), (1, 7), (2, 4)))

    assert numbers == 30
    assert len(SHAPES) == 3
    assert [-numbers % ranks for ranks in RANKS] == [0, 0, 2, 5]


@pytest.mark.parametrize("name", ["AdamW", "Adam", "SGD", "RMSprop", "NAdam"])
def test_element_wise_optimizers_do_not_depend_on_ranks(name: str) -> None:
    """This holds for coupled and decoupled decay."""
    measurements = run(torch_optim(name), FlatBufferSettings())

    assert meets_closed_form(measurements["sharded_error"])
    assert meets_closed_form(measurements["padding"])


@pytest.mark.parametrize("make", [torch_optim("Adafactor"), make_factory(FAULTY + "DecayTimesNorm", {}, training=False)])
def test_tensor_wise_optimizers_depend_on_ranks(make: object) -> None:
    """Their update uses statistics of the whole tensor. The error is more than a tenth of the decay's effect."""
    assert run(make, FlatBufferSettings())["sharded_error"].value > 0.1


def test_an_exempt_parameter_decays_in_a_buffer_with_others() -> None:
    """Five steps take 6 per cent each and five 3 per cent; in a buffer of its own group the parameter is unchanged."""
    measurements = run(torch_optim("AdamW"), FlatBufferSettings())

    assert measurements["exempt_left_in_one_buffer"].value == pytest.approx(0.94**5 * 0.97**5, rel=1e-13)
    assert measurements["exempt_left_in_its_own"].value == 1.0


def test_a_decay_that_moves_zeros_fills_the_padding() -> None:
    """The mutant subtracts a constant: five times 0.06 and five times 0.03."""
    measurements = run(make_factory("tests.mutants.shapes:ConstantShift", {}, training=False), FlatBufferSettings())

    assert measurements["padding"].value == pytest.approx(0.45, rel=1e-12)


def test_a_hidden_decay_shows_in_the_exempt_buffer() -> None:
    """The hidden weight decay is only 1e-4, compared with the declared 0.6."""
    measurements = run(mutant("HiddenDecay"), FlatBufferSettings())

    assert not meets_closed_form(measurements["exempt_left_in_its_own"])
