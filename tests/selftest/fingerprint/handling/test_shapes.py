"""Is it seen which parameters an optimizer takes, and which it takes otherwise?"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.fingerprint.handling import shapes
from harness.fingerprint.measuring.subject_runner import Lab
from tests.selftest.fingerprint.handled_subjects import FAULTS, QUESTIONS, TORCH, TWIN, found, of_torch, usual

MATRICES_ONLY = {"": "as_usual", "Muon": "refused"}
TRUTH = {
    "zero_dim": MATRICES_ONLY,
    "one_dim": MATRICES_ONLY,
    "four_dim": MATRICES_ONLY,
    "empty": {"": "as_usual", "Adafactor": "refused"},  # it divides by the length of a row
    "non_contiguous": {"": "as_usual"},
    "expanded": {"": "refused"},  # torch does not write in place into memory that is shared
    "complex": {"": "as_usual", "Muon": "refused", "Adafactor": "refused"},  # both say so
}
PLANTED = (
    ("zero_dim", "ScalarsSkipped", "not_moved"),
    ("one_dim", "VectorsNotDecayed", "not_decayed"),
    ("four_dim", "ImagesOtherwise", "differs"),
    ("non_contiguous", "WritesToACopy", "not_moved"),
    ("non_contiguous", "StridedOtherwise", "differs"),
    ("non_contiguous", "LayoutMatters", "needs_alike_layout"),
    ("empty", "EmptyEndsTheStep", "differs"),
)


@pytest.mark.parametrize(("name", "given", "question", "expected"), of_torch(shapes.QUESTIONS, TRUTH))
def test_a_class_of_torch_is_found_to_do_what_it_does(name: str, given: dict[str, Any], question: str, expected: str) -> None:
    """For-loop, in float64."""
    assert found(question, f"torch.optim:{name}", given).values == (expected,)


@pytest.mark.parametrize(("question", "fault", "expected"), PLANTED)
def test_a_fault_is_named(question: str, fault: str, expected: str) -> None:
    """And is marked as unusual, while the same optimizer without it is not."""
    assert found(question, FAULTS + fault).values == (expected,)
    assert expected not in QUESTIONS[question].usual
    assert usual(question, TWIN)


def test_a_second_moment_that_is_not_one_is_seen_in_complex_weights() -> None:
    """g * g instead of |g|^2: https://github.com/pytorch/pytorch/issues/59998."""
    assert found("complex", TWIN).values == ("differs",)
    assert found("complex", FAULTS + "RealPartOnly").values == ("not_moved",)


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
    assert shapes.element_wise(Lab(f"torch.optim:{name}", given)) is (name not in ("Muon", "Adafactor"))


def test_shapes_are_compared_in_single_precision_too() -> None:
    """With a tolerance that follows from it."""
    assert found("four_dim", "torch.optim:AdamW", dtype=torch.float32).values == ("as_usual",)
    assert found("four_dim", FAULTS + "ImagesOtherwise", dtype=torch.float32).values == ("differs",)
