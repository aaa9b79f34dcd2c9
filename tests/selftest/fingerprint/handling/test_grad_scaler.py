"""Tests of the question about GradScaler: state that belongs to no parameter, and fused steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.mutants.decay_rule import AdamWTwin
from tests.selftest.fingerprint.handled_subjects import finding_on


class CountsForAll(AdamWTwin):
    """Keep one count for all parameters in the state, as MADGRAD does."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = super().step(closure)
        self.state["k"] = self.state.get("k", 0) + 1
        return loss


def test_state_that_belongs_to_no_parameter_is_compared() -> None:
    """The count advances only in steps that are taken, so the finding is the usual one."""
    assert finding_on("grad_scaler", f"{__name__}:CountsForAll").values == ("skipped",)


@pytest.mark.parametrize("name", ["AdamW", "Adam", "SGD", "Adagrad"])
def test_a_fused_step_is_skipped_as_well(name: str) -> None:
    """Fused optimizers undo the scale inside the step, so they are measured separately."""
    assert "fused too" in finding_on("grad_scaler", f"torch.optim:{name}").text
