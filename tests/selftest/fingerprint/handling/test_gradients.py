"""Is it seen what an optimizer does where a gradient is missing, zero, sparse or not a number?"""

from __future__ import annotations

import pytest
from torch import Tensor

from tests.mutants.collection import path
from tests.mutants.decay_rule import Group, SgdTwin, State
from tests.selftest.fingerprint.handled_subjects import MUTANTS, QUESTIONS, found


def test_what_decays_without_gradient_is_measured_before_and_after_it_had_some() -> None:
    """Decay of 6 % a step: over ten steps 46 % are gone, over the six after the last gradient 31 %."""
    numbers = found("none_gradient", path("TrainableDecayWithoutGradient")).numbers

    assert numbers["never_had_one"] == pytest.approx(1 - 0.94**10, rel=1e-9)
    assert numbers["had_one_before"] == pytest.approx(1 - 0.94**6, rel=1e-9)


def test_the_share_that_an_unseen_row_loses_is_said() -> None:
    """A learning rate of 0.2 times a weight decay of 0.3."""
    assert "6 % a step" in found("unseen_rows", "torch.optim:AdamW").says


def test_a_decay_of_the_wrong_sign_is_no_decay() -> None:
    """Rows without gradient grow: 1.06^5."""
    finding = found("unseen_rows", MUTANTS + "WrongSign")

    assert finding.values == ("moves",)
    assert "grow whose gradient is always zero, to 1.34 of it" in finding.says


def test_an_optimizer_of_sparse_gradients_alone_accepts_them() -> None:
    """SparseAdam refuses dense ones, and takes no weight_decay."""
    finding = found("sparse_gradient", "torch.optim:SparseAdam")

    assert finding.values == ("accepted",)
    assert "dense ones refused" in finding.says


def test_sparse_gradients_are_accepted_where_nothing_is_in_the_way() -> None:
    """Decoupled decay asks nothing of the gradient, and the path is that of the same numbers in a dense one."""
    finding = found("sparse_gradient", "harness.optimizers:DecoupledSGD")

    assert finding.values == ("accepted",)
    assert finding.numbers["gap"] < 1e-14


class NamedRowsOnly(SgdTwin):
    """Decay and move the rows that a sparse gradient names."""

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
def test_a_sparse_gradient_that_moves_otherwise_than_a_dense_one_is_seen(name: str, word: str) -> None:
    assert found("sparse_gradient", f"{__name__}:{name}").values == (word,)
    assert word not in QUESTIONS["sparse_gradient"].usual
