"""Is it seen whether a GradScaler's step is the plain one, and skipped where gradients are infinite?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.mutants.decay_rule import AdamWTwin
from tests.selftest.fingerprint.handled_subjects import found


class CountsForAll(AdamWTwin):
    """Keep one count beside the parameters' state, as MADGRAD does."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = super().step(closure)
        self.state["k"] = self.state.get("k", 0) + 1
        return loss


def test_a_state_that_is_no_parameters_is_compared_too() -> None:
    """It is counted only in steps that are taken."""
    assert found("grad_scaler", f"{__name__}:CountsForAll").values == ("skipped",)


@pytest.mark.parametrize("name", ["AdamW", "Adam", "SGD", "Adagrad"])
def test_a_fused_step_is_skipped_as_well(name: str) -> None:
    """Fused optimizers undo the scale in the step themselves, and are asked too."""
    assert "fused too" in found("grad_scaler", f"torch.optim:{name}").says
