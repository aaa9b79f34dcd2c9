"""Does a parameter meet the same numbers whatever stands beside it, and is a difference of two paths seen?"""

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
    """From 0.05 to 2.5, and none at which weight_decay x w is 1."""
    start = self_comparison.start(1)

    assert (start < 0).sum() == (start > 0).sum() == 6
    assert start.abs().max() / start.abs().min() > 30
    assert ((self_comparison.WEIGHT_DECAY * start).abs() - 1).abs().min() > 1e-2


def test_the_same_seed_gives_the_same_numbers_in_any_shape() -> None:
    """So that a vector and a matrix can be held against each other."""
    for draw in (lambda shape: self_comparison.start(3, shape), lambda shape: self_comparison.gradient_at(3, 2, shape)):
        assert draw((12,)).equal(draw((4, 3)).reshape(12))
        assert draw((3, 2, 2, 1)).equal(draw((4, 3)).reshape(3, 2, 2, 1))


def test_gradients_are_never_near_zero() -> None:
    """An update that divides by their size would make much of rounding."""
    assert min(float(self_comparison.gradient_at(seed, step).abs().min()) for seed in (1, 2, 3) for step in range(20)) >= 0.2


def test_a_run_that_is_driven_in_two_parts_is_the_run_in_one() -> None:
    """Steps have numbers, and gradients follow from them."""
    one = self_comparison.track(ADAMW)
    optimizer = self_comparison.build(ADAMW, [one])
    self_comparison.run_tracked(optimizer, [one], range(3))
    self_comparison.run_tracked(optimizer, [one], range(3, 5))

    assert self_comparison.max_relative_difference(one.path, self_comparison.run_alone(ADAMW).path) == 0.0


def test_a_gap_is_a_part_of_the_largest_weight() -> None:
    """And infinite where a path is not finite."""
    path = [torch.tensor([1.0, -4.0])]

    assert self_comparison.max_relative_difference([torch.tensor([1.0, -3.0])], path) == 0.25
    assert self_comparison.max_relative_difference([torch.tensor([1.0, float("nan")])], path) == float("inf")
    assert self_comparison.max_relative_difference([torch.empty(0)], [torch.empty(0)]) == 0.0


def test_a_tolerance_follows_from_steps_and_precision() -> None:
    """And the decay that is looked for is at least ten thousand of it in float64."""
    single = SubjectRunner("torch.optim:AdamW", {}, torch.float32)
    effect = self_comparison.max_relative_difference(
        self_comparison.run_alone(ADAMW).path, self_comparison.run_alone(ADAMW, weight_decay=0.0).path
    )

    assert self_comparison.tolerance(ADAMW, 10) == 2 * self_comparison.tolerance(ADAMW, 5)
    assert self_comparison.tolerance(single) / self_comparison.tolerance(ADAMW) == 2.0**29
    assert effect > 1e4 * self_comparison.tolerance(ADAMW)
    assert self_comparison.decay_shows(ADAMW)
    assert not self_comparison.decay_shows(SubjectRunner(MUTANTS + "DecayForgotten", {}))


def test_what_draws_and_what_is_entangled_is_known() -> None:
    """Neither is AdamW."""
    noise, norm = SubjectRunner(path("SeededNoise"), {}), SubjectRunner(path("NormOfAll"), {})

    assert [self_comparison.is_stochastic(runner) for runner in (ADAMW, noise, norm)] == [False, True, False]
    assert [self_comparison.couples_parameters(runner) for runner in (ADAMW, norm)] == [False, True]


def test_paths_that_part_are_a_difference_unless_they_may() -> None:
    """Chance is an excuse always, neighbours only where there are other ones."""
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


def test_an_optimizer_that_waits_is_asked_nothing_about_its_first_steps() -> None:
    """It has not moved yet, which is not that it never moves."""
    path = f"{__name__}:MovesFromTheSixthStepOn"
    answers = {
        question.name: found for question, found in ask(path, {}, ["zero_dim", "add_param_group", "zero_lr", "state_dict"])
    }

    assert self_comparison.has_warmup(SubjectRunner(path, {}))
    assert {found.says for found in answers.values()} == {"not known, because no weight moves in the first 5 steps"}
    assert len(answers) == 4


def complains_at_length(params: Any, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """Refuse what it is given in 500 characters."""
    raise ValueError(500 * "x")


def test_a_finding_is_a_line_whatever_an_optimizer_says() -> None:
    """And says nothing but that."""
    ((_, found),) = ask(f"{__name__}:complains_at_length", {}, ["coupling"])

    assert (found.values, len(found.says)) == ((), 139)


class KeepsItsLrTensor(AdamWTwin):
    """Keep the learning rate in a tensor that a compiled step holds on to, as torchao's optimizers do."""

    def add_param_group(self, param_group: Group) -> None:
        super().add_param_group(param_group)
        self.param_groups[-1]["lr"] = torch.as_tensor(self.param_groups[-1]["lr"], dtype=torch.float32)

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if not isinstance(group["lr"], Tensor):
            raise RuntimeError("lr was changed to a non-Tensor object")
        super().update(w, grad, {**group, "lr": float(group["lr"])}, state)


def test_a_learning_rate_in_a_tensor_is_changed_as_schedulers_change_it() -> None:
    """In place; and its rounding to float32 is no scale of its own."""
    answers = {
        question.name: found for question, found in ask(f"{__name__}:KeepsItsLrTensor", {}, ["step_rule", "scale", "zero_lr"])
    }

    assert {name: found.values for name, found in answers.items()} == {
        "step_rule": ("adam",),
        "scale": ("lr",),
        "zero_lr": ("identity",),
    }


def test_an_optimizer_that_needs_a_closure_is_said_to_need_one() -> None:
    """LBFGS evaluates the loss again; what takes no step can still be asked."""
    answers = {question.name: found for question, found in ask("torch.optim:LBFGS", {}, ["step_rule", "coupling", "rejects"])}

    assert "its step needs a closure" in answers["step_rule"].says
    assert answers["coupling"].values == ("none",)
    assert answers["rejects"].values == ("all",)


def test_an_optimizer_that_takes_no_weight_decay_is_measured_without() -> None:
    """Rprop: everything but its decay."""
    wanted = ["element_wise", "hidden_decay", "scale", "state_dict", "repeated"]
    answers = {question.name: found for question, found in ask("torch.optim:Rprop", {}, wanted)}

    assert {name: " ".join(found.values) for name, found in answers.items()} == {
        "element_wise": "yes",
        "hidden_decay": "none",
        "scale": "",
        "state_dict": "identical",
        "repeated": "twice",
    }
    assert "decay" not in answers["repeated"].says


def test_what_raises_is_refused_only_where_a_plain_run_does_not_raise() -> None:
    """An optimizer that cannot take a step at all refuses nothing in particular."""

    @self_comparison.refusal_is_an_answer
    def ask(runner: SubjectRunner) -> Finding:
        raise ValueError("no such\nthing " + 200 * "x")

    found = ask(ADAMW)

    assert found.values == ("refused",)
    assert found.says.startswith("refused: ValueError: no such thing xxx")
    assert len(found.says) <= self_comparison.SAID + len("refused: ")
    with pytest.raises(RunError, match="its step needs a closure"):
        ask(SubjectRunner("torch.optim:LBFGS", {}))
