"""Tests of self-comparison: equal numbers in any run, differences of paths, optimizers that raise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from harness.errors import RunError
from harness.fingerprint.ask import ask
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring import self_comparison
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin, Group, State
from tests.selftest.fingerprint.handled_subjects import MUTANTS

ADAMW = SubjectRunner("torch.optim:AdamW", {})


def test_starts_have_both_signs_and_several_magnitudes() -> None:
    """Absolute values lie between 0.05 and 2.5, and weight_decay x w is 1 for none of them."""
    start = self_comparison.start(1)

    assert (start < 0).sum() == (start > 0).sum() == 6
    assert start.abs().max() / start.abs().min() > 30
    assert ((self_comparison.WEIGHT_DECAY * start).abs() - 1).abs().min() > 1e-2


def test_the_same_seed_gives_the_same_numbers_in_any_shape() -> None:
    """A vector can therefore be compared with a matrix."""
    for draw in (lambda shape: self_comparison.start(3, shape), lambda shape: self_comparison.gradient_at(3, 2, shape)):
        assert draw((12,)).equal(draw((4, 3)).reshape(12))
        assert draw((3, 2, 2, 1)).equal(draw((4, 3)).reshape(3, 2, 2, 1))


def test_gradients_are_never_near_zero() -> None:
    """An update that divides by the size of a small gradient would amplify rounding."""
    assert min(float(self_comparison.gradient_at(seed, step).abs().min()) for seed in (1, 2, 3) for step in range(20)) >= 0.2


def test_a_run_in_two_parts_equals_the_run_in_one() -> None:
    """The gradients follow from the numbers of the steps."""
    tracked = self_comparison.track(ADAMW)
    optimizer = self_comparison.build(ADAMW, [tracked])
    self_comparison.run_tracked(optimizer, [tracked], range(3))
    self_comparison.run_tracked(optimizer, [tracked], range(3, 5))

    assert self_comparison.max_relative_difference(tracked.path, self_comparison.run_alone(ADAMW).path) == 0.0


def test_a_difference_is_relative_to_the_largest_weight() -> None:
    """The difference is infinite where a path is not finite."""
    path = [torch.tensor([1.0, -4.0])]

    assert self_comparison.max_relative_difference([torch.tensor([1.0, -3.0])], path) == 0.25
    assert self_comparison.max_relative_difference([torch.tensor([1.0, float("nan")])], path) == float("inf")
    assert self_comparison.max_relative_difference([torch.empty(0)], [torch.empty(0)]) == 0.0


def test_a_tolerance_follows_from_steps_and_precision() -> None:
    """In float64 the effect of weight decay exceeds ten thousand tolerances."""
    single = SubjectRunner("torch.optim:AdamW", {}, torch.float32)
    effect = self_comparison.max_relative_difference(
        self_comparison.run_alone(ADAMW).path, self_comparison.run_alone(ADAMW, weight_decay=0.0).path
    )

    assert self_comparison.tolerance(ADAMW, 10) == 2 * self_comparison.tolerance(ADAMW, 5)
    assert self_comparison.tolerance(single) / self_comparison.tolerance(ADAMW) == 2.0**29
    assert effect > 1e4 * self_comparison.tolerance(ADAMW)
    assert self_comparison.decay_shows(ADAMW)
    assert not self_comparison.decay_shows(SubjectRunner(MUTANTS + "DecayForgotten", {}))


def test_random_draws_and_coupled_parameters_are_detected() -> None:
    """AdamW has neither."""
    noise, norm = SubjectRunner(path("SeededNoise"), {}), SubjectRunner(path("NormOfAll"), {})

    assert [self_comparison.is_stochastic(runner) for runner in (ADAMW, noise, norm)] == [False, True, False]
    assert [self_comparison.couples_parameters(runner) for runner in (ADAMW, norm)] == [False, True]


def test_two_paths_differ_unless_a_right_optimizer_may_differ() -> None:
    """Coupled parameters are a reason only if the runs have other parameters."""
    norm = SubjectRunner(path("NormOfAll"), {})

    assert self_comparison.same_path_finding(ADAMW, 0.1, what="it", same="same").values == ("differs",)
    assert self_comparison.same_path_finding(ADAMW, 1e-16, what="it", same="same").values == ("same",)
    assert self_comparison.same_path_finding(norm, 0.1, what="it", same="same").values == ("differs",)
    assert self_comparison.same_path_finding(norm, 0.1, what="it", same="same", neighbours=True).values == ()


class MovesFromTheSixthStepOn(AdamWTwin):
    """Collect gradients for five steps, and step after them."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        before = w.clone()
        super().update(w, grad, group, state)
        if state["t"] <= self_comparison.STEPS:
            w.copy_(before)


def test_questions_on_few_steps_are_not_asked_during_warmup() -> None:
    """A weight that has not moved in the first steps may still move later."""
    path = f"{__name__}:MovesFromTheSixthStepOn"
    findings = {
        question.name: finding for question, finding in ask(path, {}, ["zero_dim", "add_param_group", "zero_lr", "state_dict"])
    }

    assert self_comparison.has_warmup(SubjectRunner(path, {}))
    assert {finding.text for finding in findings.values()} == {"not known, because no weight moves in the first 5 steps"}
    assert len(findings) == 4


def complains_at_length(params: Any, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """Raise an exception with a message of 500 characters."""
    raise ValueError(500 * "x")


def test_a_long_exception_is_cut_to_one_line() -> None:
    """The finding has no value and at most 139 characters."""
    ((_, finding),) = ask(f"{__name__}:complains_at_length", {}, ["coupling"])

    assert (finding.values, len(finding.text)) == ((), 139)


class KeepsItsLrTensor(AdamWTwin):
    """Keep the learning rate in one tensor, to which a compiled step refers, as torchao's optimizers do."""

    def add_param_group(self, param_group: Group) -> None:
        super().add_param_group(param_group)
        self.param_groups[-1]["lr"] = torch.as_tensor(self.param_groups[-1]["lr"], dtype=torch.float32)

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if not isinstance(group["lr"], Tensor):
            raise RuntimeError("lr was changed to a non-Tensor object")
        super().update(w, grad, {**group, "lr": float(group["lr"])}, state)


def test_a_learning_rate_in_a_tensor_is_changed_in_place() -> None:
    """torch's schedulers do the same. The rounding of the tensor to float32 must not change the answer on the scale."""
    findings = {
        question.name: finding for question, finding in ask(f"{__name__}:KeepsItsLrTensor", {}, ["step_rule", "scale", "zero_lr"])
    }

    assert {name: finding.values for name, finding in findings.items()} == {
        "step_rule": ("adam",),
        "scale": ("lr",),
        "zero_lr": ("identity",),
    }


def test_an_optimizer_that_needs_a_closure_is_measured() -> None:
    """LBFGS evaluates the loss again: each experiment passes a closure that gives the same gradients."""
    findings = {
        question.name: finding for question, finding in ask("torch.optim:LBFGS", {}, ["step_rule", "coupling", "rejects"])
    }

    assert findings["step_rule"].values == ("other",)
    assert findings["coupling"].values == ("none",)
    assert findings["rejects"].values == ("all",)


def test_an_optimizer_without_weight_decay_is_measured() -> None:
    """Rprop takes no weight_decay. Everything except its decay is measured."""
    questions = ["element_wise", "hidden_decay", "scale", "state_dict", "repeated"]
    findings = {question.name: finding for question, finding in ask("torch.optim:Rprop", {}, questions)}

    assert {name: " ".join(finding.values) for name, finding in findings.items()} == {
        "element_wise": "yes",
        "hidden_decay": "none",
        "scale": "",
        "state_dict": "identical",
        "repeated": "twice",
    }
    assert "decay" not in findings["repeated"].text


def test_an_error_is_a_refusal_only_if_a_plain_run_succeeds() -> None:
    """If an optimizer cannot take any step, its error is not about this question."""

    @self_comparison.refusal_is_an_answer
    def broken_question(runner: SubjectRunner) -> Finding:
        raise ValueError("no such\nthing " + 200 * "x")

    finding = broken_question(ADAMW)

    assert finding.values == ("refused",)
    assert finding.text.startswith("refused: ValueError: no such thing xxx")
    assert len(finding.text) <= self_comparison.ERROR_LENGTH + len("refused: ")
    with pytest.raises(RunError, match="does not support dense gradients"):
        broken_question(SubjectRunner("torch.optim:SparseAdam", {}))
