"""Tests of the question about implementations of a step, from foreach to differentiable."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.fingerprint.handling import kernels
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from tests.mutants.collection import path
from tests.selftest.fingerprint.handled_subjects import QUESTIONS, TORCH, finding_on


@pytest.mark.parametrize(("name", "given"), TORCH.items())
def test_foreach_and_fused_agree_with_the_loop(name: str, given: dict[str, Any]) -> None:
    """They agree to rounding in float64, except ASGD with foreach, whose learning rate is a float32 tensor."""
    numbers = finding_on("paths", f"torch.optim:{name}", given).numbers

    assert all(numbers.get(flag, 0.0) < 1e-14 for flag in ("foreach", "fused")) is (name != "ASGD")


def test_a_list_that_decays_once_for_each_tensor_is_reported() -> None:
    """The mutant decays repeatedly with foreach only, not one tensor at a time."""
    finding = finding_on("paths", path("ForeachDecaysEachTime"))

    assert finding.values == ("differs",)
    assert "differs" not in QUESTIONS["paths"].usual
    assert finding.numbers["foreach"] > 0.1


class CoupledUnderForeach(torch.optim.AdamW):
    """AdamW whose foreach adds weight_decay x w to the gradient."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, *, foreach: bool | None = None) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay, foreach=foreach)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = not foreach


def test_the_decay_of_the_path_that_differs_is_named() -> None:
    text = finding_on("paths", f"{__name__}:CoupledUnderForeach").text
    assert text.endswith("(decay under foreach: coupled_l2)")


def test_a_list_that_decays_once_per_precision_is_reported() -> None:
    """The fault shows only in a group with two precisions."""
    finding = finding_on("paths", path("ForeachDecaysEachPrecision"))

    assert finding.values == ("differs",)
    assert finding.text.startswith("beside float32 weights")
    assert finding.numbers["foreach"] > 0.1


def test_capturable_is_reported_as_refused_without_a_gpu() -> None:
    """torch allows it on accelerators only."""
    assert "capturable refused" in finding_on("paths", "torch.optim:AdamW").text


def test_flags_are_those_that_the_constructor_takes() -> None:
    """They come in the order in which they are tried."""
    assert kernels.flags(SubjectRunner("torch.optim:SGD", {})) == ["foreach", "fused", "differentiable"]
    assert kernels.flags(SubjectRunner("torch.optim:Muon", {})) == []
