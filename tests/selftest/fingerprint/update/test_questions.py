"""Is an update told by what it depends on, and named only where a closed form fits?"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.fingerprint.update import other_shapes
from harness.fingerprint.update.questions import QUESTIONS
from tests.mutants.decay_rule import AdamWTwin, Group, State
from tests.selftest.fingerprint.asked import asked, findings


class ClipsAllTogether(AdamWTwin):
    """Divide by the norm of all gradients of a group: tensors notice each other."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        norm = torch.stack([one.grad.norm() for one in group["params"]]).norm()
        w.sub_(group["lr"] * grad / norm)


class ScaledByWeight(AdamWTwin):
    """Multiply each coordinate's step by the size of its weight plus one."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return (1 + w.abs()) * grad


class WaitsOneStep(AdamWTwin):
    """Do nothing at the first step."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad / grad.abs().max() * (state["t"] > 1)


def test_the_questions_are_named_as_the_contract_and_the_report_name_them() -> None:
    assert [question.name for question in (*QUESTIONS, other_shapes.QUESTION)] == [
        "element_wise",
        "scale_free",
        "update_depends_on_weight",
        "step_rule",
        "other_shapes",
    ]


def test_tensors_that_notice_each_other_are_not_element_wise() -> None:
    found = asked("element_wise", f"{__name__}:ClipsAllTogether")
    assert found.values == ("no",)
    assert "of another tensor" in found.says


def test_a_matrix_whose_coordinates_notice_each_other_is_not_element_wise() -> None:
    found = asked("element_wise", "torch.optim:Muon")
    assert found.values == ("no",)
    assert "of its own tensor" in found.says


@pytest.mark.parametrize(("name", "word"), [("AdamW", "yes"), ("SGD", "no"), ("Muon", "by_tensor"), ("Adafactor", "by_tensor")])
def test_freedom_of_scale_is_measured_by_coordinate_and_by_tensor(name: str, word: str) -> None:
    assert asked("scale_free", f"torch.optim:{name}").values == (word,)


def test_gradient_descent_goes_as_far_as_its_gradients() -> None:
    assert asked("scale_free", "torch.optim:SGD").numbers["whole"] == pytest.approx(2**13 - 1, rel=1e-9)


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("torch.optim:AdamW", "no"),
        ("harness.optimizers:Lamb", "proportional"),
        (f"{__name__}:ScaledByWeight", "yes"),
    ],
)
def test_a_step_that_depends_on_the_weight_is_found(path: str, word: str) -> None:
    assert asked("update_depends_on_weight", path).values == (word,)


def test_a_rule_without_a_name_is_described_by_what_is_known() -> None:
    found = findings("torch.optim:NAdam")["step_rule"]
    assert found.values == ("other",)
    assert found.says.endswith("element wise: yes, scale free: yes, update depends on weight: no")


class OrthogonalFromFourOn(AdamWTwin):
    """Orthogonalise a matrix of at least four rows and columns, and take Adam's step of a smaller one, as timm's Muon does."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        if min(w.shape) < 4:
            return super().direction(w, grad, group, state)
        left, _, right = torch.linalg.svd(grad, full_matrices=False)
        return left @ right


def test_a_rule_that_spares_small_matrices_is_orthogonal_all_the_same() -> None:
    assert asked("step_rule", f"{__name__}:OrthogonalFromFourOn").values == ("orthogonal",)


def test_muon_is_orthogonal_and_adam_is_not() -> None:
    assert "singular values of a step are within a factor of" in asked("step_rule", "torch.optim:Muon").says
    assert asked("step_rule", "torch.optim:Adamax").values == ("other",)


def test_a_rule_that_waits_for_a_step_is_not_orthogonal() -> None:
    """A step of zero has no singular values to compare."""
    assert asked("step_rule", f"{__name__}:WaitsOneStep").values == ("other",)
