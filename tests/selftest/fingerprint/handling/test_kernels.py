"""Is it seen whether the ways to take a step, from foreach to differentiable, take the same one?"""

from __future__ import annotations

from typing import Any

import pytest

from harness.fingerprint.handling import kernels
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from tests.mutants.collection import path
from tests.selftest.fingerprint.handled_subjects import QUESTIONS, TORCH, found


@pytest.mark.parametrize(("name", "given"), TORCH.items())
def test_foreach_and_fused_take_the_step_of_the_loop(name: str, given: dict[str, Any]) -> None:
    """To rounding in float64, but for foreach ASGD, whose rate is a float32 tensor."""
    numbers = found("paths", f"torch.optim:{name}", given).numbers

    assert all(numbers.get(flag, 0.0) < 1e-14 for flag in ("foreach", "fused")) is (name != "ASGD")


def test_a_list_that_decays_once_for_each_of_its_tensors_is_seen() -> None:
    """On the path that goes by lists, and not on the other."""
    finding = found("paths", path("ForeachDecaysEachTime"))

    assert finding.values == ("differs",)
    assert "differs" not in QUESTIONS["paths"].usual
    assert finding.numbers["foreach"] > 0.1


def test_a_list_that_decays_once_for_each_of_its_precisions_is_seen() -> None:
    """Weights of one precision decay once."""
    finding = found("paths", path("ForeachDecaysEachPrecision"))

    assert finding.values == ("differs",)
    assert finding.says.startswith("beside float32 weights")
    assert finding.numbers["foreach"] > 0.1


def test_capturable_is_refused_without_a_gpu_and_said_to_be() -> None:
    """Torch allows it on accelerators only."""
    assert "capturable refused" in found("paths", "torch.optim:AdamW").says


def test_flags_are_those_that_the_constructor_knows() -> None:
    """In the order in which they are tried."""
    assert kernels.flags(SubjectRunner("torch.optim:SGD", {})) == ["foreach", "fused", "differentiable"]
    assert kernels.flags(SubjectRunner("torch.optim:Muon", {})) == []
