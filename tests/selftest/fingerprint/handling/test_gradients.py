"""Tests of the questions about gradients that are missing, zero, sparse or NaN."""

from __future__ import annotations

import pytest
from torch import Tensor

from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin, Group, SgdTwin, State
from tests.selftest.fingerprint.handled_subjects import MUTANTS, QUESTIONS, finding_on


def test_decay_without_gradient_is_measured_for_both_cases() -> None:
    """At 6 % a step, ten steps without any gradient take 46 %, and the six steps after the last gradient take 31 %."""
    numbers = finding_on("none_gradient", path("TrainableDecayWithoutGradient")).numbers

    assert numbers["never_had_one"] == pytest.approx(1 - 0.94**10, rel=1e-9)
    assert numbers["had_one_before"] == pytest.approx(1 - 0.94**6, rel=1e-9)


def test_the_share_that_an_unseen_row_loses_is_reported() -> None:
    """It is the learning rate, 0.2, times the weight decay, 0.3."""
    assert "6 % a step" in finding_on("unseen_rows", "torch.optim:AdamW").text


def test_a_decay_of_the_wrong_sign_is_no_decay() -> None:
    """The row grows by 1.06^5."""
    finding = finding_on("unseen_rows", MUTANTS + "WrongSign")

    assert finding.values == ("moves",)
    assert "makes a row grow to 1.34 times its size" in finding.text


def test_sparse_gradients_may_be_the_only_accepted_ones() -> None:
    """SparseAdam refuses dense gradients, and takes no weight_decay."""
    finding = finding_on("sparse_gradient", "torch.optim:SparseAdam")

    assert finding.values == ("accepted",)
    assert "dense ones refused" in finding.text


def test_sparse_gradients_are_accepted_under_decoupled_decay() -> None:
    """Decoupled decay does not read the gradient. The path equals that under the same gradients as dense tensors."""
    finding = finding_on("sparse_gradient", "harness.optimizers:DecoupledSGD")

    assert finding.values == ("accepted",)
    assert finding.numbers["gap"] < 1e-14


class NamedRowsOnly(SgdTwin):
    """Decay and move only the rows that a sparse gradient names."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        rows = grad.coalesce().indices()[0] if grad.is_sparse else range(len(w))
        dense = grad.to_dense() if grad.is_sparse else grad
        for row in rows:
            w[row] -= group["lr"] * (dense[row] + group["weight_decay"] * w[row])


class SparseAtHalf(NamedRowsOnly):
    """Take sparse gradients at half their size."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, 0.5 * grad.to_dense() if grad.is_sparse else grad, group, state)


@pytest.mark.parametrize(("name", "word"), [("NamedRowsOnly", "named_rows_only"), ("SparseAtHalf", "differs")])
def test_a_path_that_differs_under_sparse_gradients_is_reported(name: str, word: str) -> None:
    assert finding_on("sparse_gradient", f"{__name__}:{name}").values == (word,)
    assert word not in QUESTIONS["sparse_gradient"].usual


class RaisesOnAllNan(AdamWTwin):
    """Raise if a whole gradient is NaN, as an eigendecomposition does."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if bool(grad.isnan().all()):
            raise ValueError("not finite")
        super().update(w, grad.nan_to_num(), group, state)


def test_a_gradient_that_is_all_nan_is_tried_too() -> None:
    """One NaN among numbers is harmless here."""
    assert finding_on("nan_gradient", f"{__name__}:RaisesOnAllNan").values == ("refused",)
