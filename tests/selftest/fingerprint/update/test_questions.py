"""Tests of the questions about the update: its properties are measured, and a rule is named if it fits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.fingerprint.update import other_shapes
from harness.fingerprint.update.questions import QUESTIONS
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin, Group, State
from tests.selftest.fingerprint.asked import finding_of, findings_of


class ClipsAllTogether(AdamWTwin):
    """Divide by the norm of all gradients of a group, so that each tensor changes the others' steps."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        norm = torch.stack([parameter.grad.norm() for parameter in group["params"]]).norm()
        w.sub_(group["lr"] * grad / norm)


class ScaledByWeight(AdamWTwin):
    """Multiply each coordinate's step by the size of its weight plus one."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return (1 + w.abs()) * grad


class WaitsOneStep(AdamWTwin):
    """Do nothing at the first step."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad / grad.abs().max() * (state["t"] > 1)


def test_the_questions_have_the_names_of_contract_and_report() -> None:
    assert [question.name for question in (*QUESTIONS, other_shapes.QUESTION)] == [
        "element_wise",
        "scale_free",
        "update_depends_on_weight",
        "sign_symmetric",
        "step_rule",
        "adam_eps",
        "other_shapes",
    ]


def test_a_norm_over_all_tensors_is_not_element_wise() -> None:
    finding = finding_of("element_wise", f"{__name__}:ClipsAllTogether")
    assert finding.values == ("no",)
    assert "of another tensor" in finding.text


def test_a_rule_for_whole_matrices_is_not_element_wise() -> None:
    finding = finding_of("element_wise", "torch.optim:Muon")
    assert finding.values == ("no",)
    assert "of others in its tensor" in finding.text


@pytest.mark.parametrize(("name", "word"), [("AdamW", "yes"), ("SGD", "no"), ("Muon", "by_tensor"), ("Adafactor", "by_tensor")])
def test_scale_freedom_is_measured_by_coordinate_and_by_tensor(name: str, word: str) -> None:
    assert finding_of("scale_free", f"torch.optim:{name}").values == (word,)


def test_steps_of_gradient_descent_are_proportional_to_gradients() -> None:
    assert finding_of("scale_free", "torch.optim:SGD").numbers["whole"] == pytest.approx(2**13 - 1, rel=1e-9)


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("torch.optim:AdamW", "yes"),
        ("torch.optim:Muon", "yes"),
        ("torch.optim:Rprop", "yes"),
        ("harness.optimizers:CautiousAdamW", "yes"),
        (path("MomentumClippedAbove"), "no"),
        ("tests.mutants.styles.adaptive:ProbedScale", "no"),
    ],
)
def test_an_update_that_changes_with_the_sign_is_found(path: str, word: str) -> None:
    assert finding_of("sign_symmetric", path).values == (word,)


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("torch.optim:AdamW", "no"),
        ("harness.optimizers:Lamb", "proportional"),
        (f"{__name__}:ScaledByWeight", "yes"),
    ],
)
def test_a_step_that_depends_on_the_weight_is_found(path: str, word: str) -> None:
    assert finding_of("update_depends_on_weight", path).values == (word,)


def test_a_rule_without_a_name_is_described_by_its_properties() -> None:
    finding = findings_of("torch.optim:NAdam")["step_rule"]
    assert finding.values == ("other",)
    assert finding.text.endswith("element wise: yes, scale free: yes, update depends on weight: no")


class OrthogonalFromFourOn(AdamWTwin):
    """Orthogonalise a matrix with at least four rows and columns, and take Adam's step for a smaller one, as timm's Muon does."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        if min(w.shape) < 4:
            return super().direction(w, grad, group, state)
        left, _, right = torch.linalg.svd(grad, full_matrices=False)
        return left @ right


def test_a_rule_for_larger_matrices_only_is_orthogonal() -> None:
    assert finding_of("step_rule", f"{__name__}:OrthogonalFromFourOn").values == ("orthogonal",)


def test_muon_is_orthogonal_and_adam_is_not() -> None:
    assert "singular values of a step are within a factor of" in finding_of("step_rule", "torch.optim:Muon").text
    assert finding_of("step_rule", "torch.optim:Adamax").values == ("other",)


def test_a_rule_without_a_first_step_is_not_orthogonal() -> None:
    """A step of zero has no singular values to compare."""
    assert finding_of("step_rule", f"{__name__}:WaitsOneStep").values == ("other",)
