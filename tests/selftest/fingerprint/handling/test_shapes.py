"""Is it seen which parameters an optimizer takes, and which it takes otherwise?"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.fingerprint.handling import shapes
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from tests.mutants.collection import path
from tests.selftest.fingerprint.handled_subjects import TORCH, TWIN, found


def test_a_second_moment_that_is_not_one_is_seen_in_complex_weights() -> None:
    """g * g instead of |g|^2: https://github.com/pytorch/pytorch/issues/59998."""
    assert found("complex", TWIN).values == ("differs",)
    assert found("complex", path("RealPartOnly")).values == ("not_moved",)


@pytest.mark.parametrize(("question", "expected"), [("non_contiguous", "needs_alike_layout"), ("expanded", "writes_beyond")])
@pytest.mark.parametrize("name", ["AdamW", "SGD"])
def test_a_fused_kernel_walks_memory_and_not_the_tensor(name: str, question: str, expected: str) -> None:
    """On the CPU torch's fused steps take weight and gradient for two lists of numbers in the same order, and as long as said."""
    assert found(question, f"torch.optim:{name}", {"fused": True, "foreach": False}).values == (expected,)


def test_what_is_refused_is_said_in_the_optimizers_words() -> None:
    """And not in those of the arguments that it was given."""
    assert "Muon only supports 2D parameters" in found("one_dim", "torch.optim:Muon").says


@pytest.mark.parametrize(("name", "given"), TORCH.items())
def test_element_wise_is_what_looks_at_no_other_coordinate(name: str, given: dict[str, Any]) -> None:
    """Muon orthogonalises a matrix, and Adafactor averages over its rows, columns and the whole of it."""
    assert shapes.element_wise(SubjectRunner(f"torch.optim:{name}", given)) is (name not in ("Muon", "Adafactor"))


def test_shapes_are_compared_in_single_precision_too() -> None:
    """With a tolerance that follows from it."""
    assert found("four_dim", "torch.optim:AdamW", dtype=torch.float32).values == ("as_usual",)
    assert found("four_dim", path("ImagesOtherwise"), dtype=torch.float32).values == ("differs",)
