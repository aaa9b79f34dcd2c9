"""Tests of the questions about shapes and memory layouts of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.fingerprint.handling import shapes
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from tests.mutants.collection import path
from tests.selftest.fingerprint.handled_subjects import TORCH, TWIN, finding_on


def test_a_wrong_second_moment_of_complex_weights_is_reported() -> None:
    """The twin takes g * g instead of |g|^2: https://github.com/pytorch/pytorch/issues/59998."""
    assert finding_on("complex", TWIN).values == ("differs",)
    assert finding_on("complex", path("RealPartOnly")).values == ("not_moved",)


@pytest.mark.parametrize(("question", "expected"), [("non_contiguous", "needs_alike_layout"), ("expanded", "writes_beyond")])
@pytest.mark.parametrize("name", ["AdamW", "SGD"])
def test_a_fused_kernel_that_ignores_strides_is_reported(name: str, question: str, expected: str) -> None:
    """On the CPU, torch's fused steps read weight and gradient in memory order, as many numbers as the shape has."""
    assert finding_on(question, f"torch.optim:{name}", {"fused": True, "foreach": False}).values == (expected,)


def test_a_refusal_quotes_the_optimizers_own_message() -> None:
    """The arguments of the call are left out."""
    assert "Muon only supports 2D parameters" in finding_on("one_dim", "torch.optim:Muon").text


@pytest.mark.parametrize(("name", "given"), TORCH.items())
def test_an_element_wise_path_depends_on_no_other_coordinate(name: str, given: dict[str, Any]) -> None:
    """Muon orthogonalises a matrix, and Adafactor averages over its rows, its columns and all of it."""
    assert shapes.element_wise(SubjectRunner(f"torch.optim:{name}", given)) is (name not in ("Muon", "Adafactor"))


def test_shapes_are_compared_in_single_precision_too() -> None:
    """The tolerance follows from the precision."""
    assert finding_on("four_dim", "torch.optim:AdamW", dtype=torch.float32).values == ("as_usual",)
    assert finding_on("four_dim", path("ImagesOtherwise"), dtype=torch.float32).values == ("differs",)


@pytest.mark.parametrize(
    ("subject", "word"),
    [
        (path("LargeTensorsNotDecayed"), "not_decayed"),
        (path("LargeTensorsHalfDecayed"), "differs"),
        (path("OnlyFirstBlockDecays"), "differs"),
        ("tests.mutants.styles.state_keeping:EightBitFrom4096", "differs"),
    ],
)
def test_a_large_tensor_is_compared_with_its_own_numbers(subject: str, word: str) -> None:
    """66,560 numbers are more than the 65,536 of a kernel's grid and the 4,096 from which some keep an 8-bit state."""
    assert finding_on("large_tensor", subject).values == (word,)
