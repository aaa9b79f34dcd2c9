"""Is it seen whether a GradScaler's step is the plain one, and skipped where gradients are infinite?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.fingerprint.handling import grad_scaler
from tests.mutants.decay_rule import AdamWTwin
from tests.selftest.fingerprint.handled_subjects import FAULTS, QUESTIONS, TWIN, found, of_torch, usual

TRUTH = {"grad_scaler": {"": "skipped"}}
PLANTED = (
    ("SkippedStepDecays", "weights_change"),
    ("SkippedStepCounts", "state_changes"),
    ("UnscalesTwice", "differs"),
)


@pytest.mark.parametrize(("name", "given", "question", "expected"), of_torch(grad_scaler.QUESTIONS, TRUTH))
def test_a_class_of_torch_is_found_to_do_what_it_does(name: str, given: dict[str, Any], question: str, expected: str) -> None:
    """For-loop, and fused where there is a fused step, in float64."""
    assert found(question, f"torch.optim:{name}", given).values == (expected,)


@pytest.mark.parametrize(("fault", "expected"), PLANTED)
def test_a_fault_is_named(fault: str, expected: str) -> None:
    """And is marked as unusual, while the same optimizer without it is not."""
    assert found("grad_scaler", FAULTS + fault).values == (expected,)
    assert expected not in QUESTIONS["grad_scaler"].usual
    assert usual("grad_scaler", TWIN)


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
