"""Does the probe sparse_gradient see refusals, and rows that decay?"""

from __future__ import annotations

import pytest

from harness.probes.numerics import SparseGradientSettings
from harness.probes.numerics.sparse_gradient import run
from harness.subject.loading import factory
from tests.selftest.probes.handled import path_of
from tests.selftest.probes.judged import readings
from tests.selftest.probes.subjects import exact, torch_optim

FAULTY = "tests.mutants.numerics:"


@pytest.mark.parametrize("name", ["AdamW", "Adam", "SGD", "Adagrad", "RMSprop", "NAdam", "Adamax", "Muon"])
def test_torch_refuses_what_it_cannot_decay(name: str) -> None:
    """Listed as taking sparse gradients or not."""
    assert run(torch_optim(name), SparseGradientSettings(refused=True))["refused"].value == 1.0


@pytest.mark.parametrize("name", ["SGD", "Adagrad"])
def test_without_decay_two_of_them_step(name: str) -> None:
    """On the row that is named, and on no other."""
    found = run(torch_optim(name), SparseGradientSettings(refused=False, weight_decay=0.0))

    assert exact(found["refused"])
    assert exact(found["untouched_left"])
    assert found["named_moved"].value > 0.1


def test_a_row_that_decays_unnamed_is_seen() -> None:
    """Three steps of 1e-5: a hundred billionth would do."""
    found = readings("sparse_gradient", "sgd_undecayed", path=FAULTY + "SparseHiddenDecay")

    assert found["untouched_left"].value == pytest.approx((1 - 1e-5) ** 3, rel=1e-12)
    assert not exact(found["untouched_left"])


def test_a_decay_of_named_rows_alone_is_told_from_a_refusal() -> None:
    """It steps, and leaves the others."""
    found = run(factory(FAULTY + "OnlyNamedRowsDecay", {}, training=False), SparseGradientSettings(refused=True))

    assert found["refused"].value == 0.0
    assert exact(found["untouched_left"])


@pytest.mark.parametrize(
    ("name", "apart"), [("SparseTakenTwin", 0.0), ("SparseRefused", 0.0), ("RowsNotNamedStay", 1 / 0.94**3 - 1)]
)
def test_rows_that_are_not_named_are_held_against_dense_gradients(name: str, apart: float) -> None:
    """0.94 a step for three steps is what a row misses that only decays when it is named; a refusal misses nothing."""
    reading = run(factory(path_of(name), {}, training=False), SparseGradientSettings(refused=False))["unlike_dense"]

    assert reading.value == pytest.approx(apart, rel=1e-12, abs=1e-14)
