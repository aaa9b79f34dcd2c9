"""Does the probe flat_buffer see ranks, padding and a lost exemption?"""

from __future__ import annotations

import pytest

from harness.probes.handling import FlatBufferSettings
from harness.probes.handling.flat_buffer import RANKS, SHAPES, run
from harness.subject.loading import factory
from tests.selftest.probes.subjects import exact, mutant, torch_optim

FAULTY = "tests.mutants.numerics:"


def test_some_ranks_need_padding_and_some_do_not() -> None:
    """30 numbers: none for 1 and 2 ranks, two for 4, five for 7."""
    numbers = sum(len(range(rows)) * columns for rows, columns in ((3, 5), (1, 7), (2, 4)))

    assert numbers == 30
    assert len(SHAPES) == 3
    assert [-numbers % ranks for ranks in RANKS] == [0, 0, 2, 5]


@pytest.mark.parametrize("name", ["AdamW", "Adam", "SGD", "RMSprop", "NAdam"])
def test_an_element_wise_optimizer_shows_no_ranks(name: str) -> None:
    """Whatever its decay."""
    found = run(torch_optim(name), FlatBufferSettings())

    assert exact(found["sharded_error"])
    assert exact(found["padding"])


@pytest.mark.parametrize("make", [torch_optim("Adafactor"), factory(FAULTY + "DecayTimesNorm", {}, training=False)])
def test_an_optimizer_that_looks_at_its_tensor_shows_them(make: object) -> None:
    """By more than a tenth of the decay's effect."""
    assert run(make, FlatBufferSettings())["sharded_error"].value > 0.1


def test_an_exempt_parameter_decays_in_a_buffer_with_others() -> None:
    """Five steps of 6 per cent and five of 3, where nothing was due; in its own buffer it stays."""
    found = run(torch_optim("AdamW"), FlatBufferSettings())

    assert found["exempt_left_in_one_buffer"].value == pytest.approx(0.94**5 * 0.97**5, rel=1e-13)
    assert found["exempt_left_in_its_own"].value == 1.0


def test_a_decay_that_moves_zeros_fills_the_padding() -> None:
    """Five steps of 0.06 and five of 0.03."""
    found = run(factory("tests.mutants.shapes:ConstantShift", {}, training=False), FlatBufferSettings())

    assert found["padding"].value == pytest.approx(0.45, rel=1e-12)


def test_a_hidden_decay_is_seen_in_the_exempt_buffer() -> None:
    """Though it is 1e-4 beside 0.6."""
    found = run(mutant("HiddenDecay"), FlatBufferSettings())

    assert not exact(found["exempt_left_in_its_own"])
