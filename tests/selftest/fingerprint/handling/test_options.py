"""Is it seen which options an optimizer takes, and whether each does something?"""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import RunError
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin
from tests.selftest.fingerprint.handled_subjects import MUTANTS, found


def test_an_inert_option_is_named_and_the_others_are_not() -> None:
    """max_norm is accepted and never read; betas and eps are."""
    assert found("inert_options", path("InertOption")).says.endswith(": max_norm")


def test_an_option_that_needs_another_is_not_inert() -> None:
    """SGD's dampening and nesterov do nothing without momentum, which is 0 by default."""
    finding = found("inert_options", "torch.optim:SGD")

    assert finding.values == ("none",)
    assert "dampening, nesterov" in finding.says


class TakesTwoModes(AdamWTwin):
    """Take no other mode than 3."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, mode: int = 3) -> None:
        if mode != 3:
            raise ValueError("mode: expected 3")
        super().__init__(params, lr=lr, weight_decay=weight_decay)


def test_an_option_whose_other_values_are_refused_is_not_inert() -> None:
    """Nobody has seen what they would do."""
    assert found("inert_options", f"{__name__}:TakesTwoModes").values == ("none",)


@pytest.mark.parametrize("name", ["LBFGS", "SparseAdam"])
def test_no_option_is_inert_where_no_step_is_taken(name: str) -> None:
    """All options are alike to an optimizer that raises at its first step: the asker says that it does."""
    with pytest.raises(RunError):
        found("inert_options", f"torch.optim:{name}")


def test_a_nan_that_slips_through_is_said() -> None:
    """SGD refuses what is below zero, and NaN is not; AdamW refuses what is not at least zero."""
    sgd, adamw = (found("rejects", f"torch.optim:{name}").numbers for name in ("SGD", "AdamW"))

    assert (sgd["NaN_weight_decay"], adamw["NaN_weight_decay"]) == (0.0, 1.0)
    assert (sgd["negative_weight_decay"], adamw["infinite_weight_decay"]) == (1.0, 0.0)


def test_an_optimizer_that_checks_nothing_is_said_to() -> None:
    """It accepts a negative learning rate as well."""
    assert found("rejects", MUTANTS + "AdamWTwin").values == ("none",)


def test_defaults_are_those_of_the_signature() -> None:
    """As text, and the numbers by name."""
    finding = found("default_options", "torch.optim:AdamW")

    assert "betas=(0.9, 0.999)" in finding.says
    assert finding.numbers["weight_decay"] == 0.01
