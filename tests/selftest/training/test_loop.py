"""Tests of the training loop: each run is trained as if alone, with any optimizer, and a failure names its run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from benchmarks.plain_gpt import PlainGpt
from harness.errors import RunError
from harness.training.loop import ArmRun, draw_batches, train
from harness.training.model import ModelShape, initial_weights
from harness.training.recipe import Recipe
from harness.training.records import RunRecord, load_runs, save_runs
from harness.training.schedule import Schedule, learning_rates
from harness.training.task import verb_forms

STEPS = 20
# With a shorter warm-up the rounding errors grow beyond 1e-12.
RECIPE = Recipe(steps=STEPS, warmup_steps=40, evaluate_every=STEPS)
TOGETHER = 1e-12  # relative tolerance: float64 rounding errors, grown over 20 steps
COMPARED = ("loss", "gradient_norm", "update_norm", "unseen_row", "train_loss", "held_out_loss", "embedding_norm")
ADAMW = partial(torch.optim.AdamW, betas=(0.9, 0.99))


class NormalizedSgd:
    """Decay, then a step of length lr in each tensor. It is not element-wise: one step on a stack would mix its runs."""

    def __init__(self, groups: Any, lr: float, weight_decay: float) -> None:
        self.param_groups: list[dict[str, Any]] = [{"lr": lr, "weight_decay": weight_decay, **group} for group in groups]

    def _each(self) -> Iterator[tuple[dict[str, Any], torch.nn.Parameter]]:
        return ((group, leaf) for group in self.param_groups for leaf in group["params"])

    @torch.no_grad()
    def step(self) -> None:
        for group, leaf in self._each():
            leaf.mul_(1.0 - group["lr"] * group["weight_decay"]).sub_(leaf.grad / leaf.grad.norm(), alpha=group["lr"])


class Rebinding(NormalizedSgd):
    """The same update, but written to new storage at every step. Gradients are set to None afterwards."""

    @torch.no_grad()
    def step(self) -> None:
        for group, leaf in self._each():
            decayed = leaf * (1.0 - group["lr"] * group["weight_decay"])
            leaf.data = decayed.sub_(leaf.grad / leaf.grad.norm(), alpha=group["lr"])
            leaf.grad = None


class MuonOnMatrices:
    """torch's Muon for the matrices and AdamW for the gains."""

    def __init__(self, groups: Any, lr: float, weight_decay: float) -> None:
        self._parts = [torch.optim.Muon([groups[0]], lr=lr), torch.optim.AdamW([groups[1]], lr=lr, foreach=False)]
        self.param_groups = [group for part in self._parts for group in part.param_groups]

    def step(self) -> None:
        for part in self._parts:
            part.step()


class Raising(NormalizedSgd):
    """Raise an exception of two lines at the third step."""

    steps = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == 3:
            raise RuntimeError("state is\nmissing")
        super().step()


class Poisoned(NormalizedSgd):
    """Write a nan into a weight at the third step."""

    steps = 0

    def step(self) -> None:
        super().step()
        self.steps += 1
        if self.steps == 3:
            self.param_groups[0]["params"][0].data[0, 0] = math.nan


class Reshaping(NormalizedSgd):
    """Replace a weight by a tensor of another shape."""

    def step(self) -> None:
        self.param_groups[0]["params"][0].data = torch.zeros(2, 3)


def arm(make: Callable[..., Any], seed: int = 42, weight_decay: float = 0.1, name: str = "control", offset: int = 0) -> ArmRun:
    """Return a run of one arm, with learning rate 0.02."""
    return ArmRun(name, seed, 0.02, weight_decay, make, offset)


def run_all(runs: list[ArmRun], recipe: Recipe = RECIPE, dtype: torch.dtype = torch.float64) -> list[RunRecord]:
    """Train runs together on the CPU and return their records."""
    device = torch.device("cpu")
    return train(recipe, runs, task=verb_forms(), device=device, dtype=dtype, progress=lambda step, steps: None)


@cache
def chunk() -> list[RunRecord]:
    """Return the records of three arms and two seeds, trained together."""
    return run_all([arm(ADAMW, seed, decay, f"wd {decay}") for seed in (42, 43) for decay in (0.1, 0.0, 0.5)])


def assert_same(first: RunRecord, second: RunRecord, relative: float) -> None:
    """Assert that all recorded numbers agree within a relative tolerance; 0 asks for equal bits."""
    pairs = {
        name: (getattr(first, name), getattr(second, name)) for name in ("loss", "gradient_norm", "update_norm", "unseen_row")
    }
    pairs |= {name: (first.matrix_norms[name], second.matrix_norms[name]) for name in first.matrix_norms}
    pairs |= {name: (getattr(first, name), getattr(second, name)) for name in ("train_loss", "held_out_loss", "embedding_norm")}
    for name, (values, others) in pairs.items():
        np.testing.assert_allclose(values, others, rtol=relative, atol=0.0, equal_nan=False, err_msg=name)


@pytest.mark.parametrize("make", [ADAMW, NormalizedSgd, MuonOnMatrices], ids=["adamw", "normalized", "muon"])
def test_runs_trained_together_equal_runs_trained_alone(make: Callable[..., Any]) -> None:
    """This is also true for optimizers that are not element-wise."""
    runs = [arm(make, seed, decay) for seed in (42, 43) for decay in (0.0, 0.5)]
    together, alone = run_all(runs), [run_all([run])[0] for run in runs]
    for first, second in zip(together, alone, strict=True):
        assert_same(first, second, relative=TOGETHER)


def test_a_run_equals_a_plain_training_loop() -> None:
    """The plain loop uses torch's clipping and AdamW, with the batches of `draw_batches` and the rates of `learning_rates`."""
    recipe, task, run = RECIPE, verb_forms(), arm(ADAMW)
    shape = ModelShape(len(task.symbols), task.train.tokens.shape[1] - 1)
    network = PlainGpt(shape, initial_weights(shape, 0.30, 2 * run.seed))
    matrices, gains = ([weight for weight in network.parameters() if weight.dim() == dims] for dims in (2, 1))
    optimizer = ADAMW([{"params": matrices, "weight_decay": 0.1}, {"params": gains, "weight_decay": 0.0}], lr=0.02)
    losses, norms = [], []
    rates = learning_rates(Schedule("constant", 40), 0.02, STEPS)
    for rate, batch in zip(rates, draw_batches(recipe, run, 240), strict=True):
        tokens, real = task.train.tokens[batch], task.train.targets[batch]
        loss = functional.cross_entropy(network(tokens[:, :-1])[real], tokens[:, 1:][real])
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0).item())
        losses.append(loss.item())
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
    trained = run_all([run])[0]
    np.testing.assert_allclose(trained.loss, losses, rtol=TOGETHER)
    np.testing.assert_allclose(trained.gradient_norm, norms, rtol=TOGETHER)
    np.testing.assert_array_equal(trained.learning_rates, rates)


def test_the_same_chunk_trained_again_is_bit_identical() -> None:
    """A worker can therefore use a chunk that another worker has trained."""
    again = run_all([arm(ADAMW, seed, decay, f"wd {decay}") for seed in (42, 43) for decay in (0.1, 0.0, 0.5)])
    for first, second in zip(chunk(), again, strict=True):
        assert_same(first, second, relative=0.0)


def test_the_order_of_the_runs_in_a_chunk_does_not_matter() -> None:
    """In another order, the runs record the same numbers within rounding errors."""
    reordered = run_all([arm(ADAMW, seed, decay, f"wd {decay}") for seed in (43, 42) for decay in (0.5, 0.1, 0.0)])
    by_name = {(run.arm, run.seed): run for run in reordered}
    for run in chunk():
        assert_same(run, by_name[run.arm, run.seed], relative=TOGETHER)


def test_arms_of_a_seed_share_initial_weights_and_batches() -> None:
    """Before the first update, the arms of one seed have equal losses and gradient norms. Another seed has another loss."""
    first, second, third, other = (chunk()[index] for index in (0, 1, 2, 3))
    assert first.loss[0] == second.loss[0] == third.loss[0] != other.loss[0]
    assert first.gradient_norm[0] == second.gradient_norm[0] == third.gradient_norm[0]


def test_a_batch_seed_offset_changes_only_the_batches() -> None:
    """The initial weights are equal, so the loss at step 0 is equal too. The losses of the batches differ."""
    control, null = run_all([arm(ADAMW), arm(ADAMW, name="null", offset=1)])
    assert control.held_out_loss[0] == null.held_out_loss[0]
    assert control.loss[0] != null.loss[0]


def test_a_shorter_run_has_the_first_batches_of_a_longer_one() -> None:
    """The trajectory lane trains the first steps of a study in this way."""
    short, long = (draw_batches(Recipe(steps=steps), arm(ADAMW), 240) for steps in (10, 2000))
    assert torch.equal(short, long[:10])


def test_an_optimizer_may_replace_the_storage_of_a_weight() -> None:
    """The numbers are those of the same optimizer that updates in place. Gradients that are set to None change nothing."""
    in_place, rebound = run_all([arm(NormalizedSgd), arm(Rebinding)])
    assert_same(in_place, rebound, relative=TOGETHER)
    assert in_place.loss[0] != in_place.loss[-1]


def test_only_weight_decay_shrinks_the_unseen_row() -> None:
    """Its relative norm is the product of 1 - lr * weight_decay over the steps so far; without weight decay it stays 1."""
    for run in chunk():
        expected = np.cumprod(1.0 - run.learning_rates * run.weight_decay)
        np.testing.assert_allclose(run.unseen_row, expected, rtol=STEPS * 1e-15)


def test_gains_are_in_a_group_without_weight_decay() -> None:
    """The first group has all weights of two dimensions and the weight decay of the arm. The second has the gains."""
    given_groups: list[dict[str, Any]] = []

    def make(groups: Any, lr: float, weight_decay: float) -> Any:
        given_groups.extend(groups)
        return NormalizedSgd(groups, lr, weight_decay)

    run_all([arm(make)], Recipe(steps=1))
    assert [group["weight_decay"] for group in given_groups] == [0.1, 0.0]
    assert [{leaf.dim() for leaf in group["params"]} for group in given_groups] == [{2}, {1}]


def test_a_record_has_the_norms_and_checkpoints_of_a_run() -> None:
    """Each of the 15 tensors takes a step of length lr, so the norm of an update is lr times the square root of 15."""
    recipe = Recipe(steps=STEPS, evaluate_every=8)
    run = run_all([arm(NormalizedSgd, weight_decay=0.0)], recipe)[0]
    np.testing.assert_allclose(run.update_norm, run.learning_rates * math.sqrt(15), rtol=1e-12)
    assert set(run.matrix_norms) >= {"embedding", "position", "0.qkv", "1.mlp_out"}
    assert len(run.matrix_norms) == 10
    assert run.checkpoints.tolist() == list(recipe.checkpoints) == [0, 8, 16, 20]
    assert run.embedding_norm[0] == 1.0
    assert run.loss.shape == (STEPS,)
    assert all(((values >= 0.0) & (values <= 1.0)).all() and len(values) == 4 for values in run.accuracy.values())


def test_a_run_learns_the_task() -> None:
    """Within 60 steps both losses fall by more than a fifth from log(28), the loss of a random guess."""
    run = run_all([arm(ADAMW)], Recipe(steps=60, warmup_steps=20, evaluate_every=60), torch.float32)[0]
    assert run.train_loss[-1] < 0.8 * math.log(28)
    assert run.held_out_loss[-1] < 0.8 * math.log(28)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Raising, f"{__name__}:Raising raised RuntimeError at step 3: state is missing"),
        (Poisoned, "training loss is nan at step 4"),
        (Reshaping, "the optimizer left embedding with shape (2, 3), expected (29, 64), at step 1"),
        (partial(ADAMW, nesterov=True), "the optimizer could not be built: TypeError: "),
    ],
    ids=["step_raises", "nan", "other_shape", "constructor_raises"],
)
def test_a_failure_names_the_run_that_failed(make: Callable[..., Any], message: str) -> None:
    """The message is one line, with the arm and the seed, and with the step if the optimizer could be built."""
    with pytest.raises(RunError) as caught:
        run_all([arm(ADAMW), arm(make, seed=43, name="broken")])
    assert str(caught.value).startswith(f"arm broken, seed 43: {message}"), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_nan_in_the_last_update_is_noticed() -> None:
    """No training loss shows the weights after the last update, but the last evaluation does."""
    with pytest.raises(RunError, match=r"^arm control, seed 42: held-out loss is nan at step 3$"):
        run_all([arm(Poisoned)], Recipe(steps=3))


def test_records_are_unchanged_after_saving_and_loading(tmp_path: Path) -> None:
    """All numbers have the same bits and types, under the same names and settings."""
    save_runs(tmp_path / "chunk.runs", chunk())
    loaded = load_runs(tmp_path / "chunk.runs")
    assert len(loaded) == len(chunk())
    for before, after in zip(chunk(), loaded, strict=True):
        assert_same(before, after, relative=0.0)
        assert (before.arm, before.seed, before.lr, before.weight_decay) == (after.arm, after.seed, after.lr, after.weight_decay)
        assert before.accuracy.keys() == after.accuracy.keys()
        assert before.matrix_norms.keys() == after.matrix_norms.keys()
        assert before.checkpoints.dtype == after.checkpoints.dtype
        assert before.loss.dtype == after.loss.dtype


def test_learning_rates_follow_the_schedule() -> None:
    """The warm-up rises linearly to the peak. Then the rate is constant, or falls along a cosine to its final fraction."""
    constant = learning_rates(Schedule("constant", 4), 2.0, 6)
    cosine = learning_rates(Schedule("cosine", 2, 0.1), 1.0, 10)
    assert constant == (0.5, 1.0, 1.5, 2.0, 2.0, 2.0)
    assert cosine[:2] == (0.5, 1.0)
    assert cosine[-1] == pytest.approx(0.1)
    assert cosine[5] == pytest.approx(0.55)
    assert list(cosine[1:]) == sorted(cosine[1:], reverse=True)
