"""Tests of the probe sparse_gradient: refusals, and the decay of rows that no gradient names."""

from __future__ import annotations

import pytest

from harness.probes.numerics import SparseGradientSettings
from harness.probes.numerics.sparse_gradient import run
from harness.subject.loading import make_factory
from tests.selftest.probes.handled import path_of
from tests.selftest.probes.judged import measurements_of
from tests.selftest.probes.subjects import meets_closed_form, torch_optim

FAULTY = "tests.mutants.numerics:"


@pytest.mark.parametrize("name", ["AdamW", "Adam", "SGD", "Adagrad", "RMSprop", "NAdam", "Adamax", "Muon"])
def test_torch_refuses_decay_with_sparse_gradients(name: str) -> None:
    """This includes the optimizers that support sparse gradients without decay."""
    assert run(torch_optim(name), SparseGradientSettings(refused=True))["refused"].value == 1.0


@pytest.mark.parametrize("name", ["SGD", "Adagrad"])
def test_sgd_and_adagrad_take_sparse_steps_without_decay(name: str) -> None:
    """The step changes only the row that the gradient names."""
    measured = run(torch_optim(name), SparseGradientSettings(refused=False, weight_decay=0.0))

    assert meets_closed_form(measured["refused"])
    assert meets_closed_form(measured["untouched_left"])
    assert measured["named_moved"].value > 0.1


def test_a_hidden_decay_of_unnamed_rows_is_measured() -> None:
    """Three steps take 1e-5 each; a hundred billionth would be noticed too."""
    left = measurements_of("sparse_gradient", "sgd_undecayed", path=FAULTY + "SparseHiddenDecay")["untouched_left"]

    assert left.value == pytest.approx((1 - 1e-5) ** 3, rel=1e-12)
    assert not meets_closed_form(left)


def test_a_decay_of_named_rows_is_not_taken_for_a_refusal() -> None:
    """The mutant takes the step and leaves the other rows unchanged."""
    measured = run(make_factory(FAULTY + "OnlyNamedRowsDecay", {}, training=False), SparseGradientSettings(refused=True))

    assert measured["refused"].value == 0.0
    assert meets_closed_form(measured["untouched_left"])


@pytest.mark.parametrize(
    ("name", "distance"), [("SparseTakenTwin", 0.0), ("SparseRefused", 0.0), ("RowsNotNamedStay", 1 / 0.94**3 - 1)]
)
def test_unnamed_rows_are_compared_with_dense_gradients(name: str, distance: float) -> None:
    """A row that decays only when a gradient names it lacks three factors of 0.94. A refusal has distance 0."""
    measurement = run(make_factory(path_of(name), {}, training=False), SparseGradientSettings(refused=False))["unlike_dense"]

    assert measurement.value == pytest.approx(distance, rel=1e-12, abs=1e-14)
