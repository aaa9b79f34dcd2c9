"""Does the engine train each run as if it were alone, whatever its optimizer, and say plainly when one breaks?"""

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
RECIPE = Recipe(steps=STEPS, warmup_steps=40, evaluate_every=STEPS)  # a short warm-up amplifies rounding past 1e-12
TOGETHER = 1e-12  # relative: float64 rounding, grown over 20 steps
COMPARED = ("loss", "gradient_norm", "update_norm", "unseen_row", "train_loss", "held_out_loss", "embedding_norm")
ADAMW = partial(torch.optim.AdamW, betas=(0.9, 0.99))


class NormalizedSgd:
    """Steps of one length a tensor, after decay: not element-wise, so a stack of runs would not be its runs."""

    def __init__(self, groups: Any, lr: float, weight_decay: float) -> None:
        self.param_groups: list[dict[str, Any]] = [{"lr": lr, "weight_decay": weight_decay, **group} for group in groups]

    def _each(self) -> Iterator[tuple[dict[str, Any], torch.nn.Parameter]]:
        return ((group, leaf) for group in self.param_groups for leaf in group["params"])

    @torch.no_grad()
    def step(self) -> None:
        for group, leaf in self._each():
            leaf.mul_(1.0 - group["lr"] * group["weight_decay"]).sub_(leaf.grad / leaf.grad.norm(), alpha=group["lr"])


class Rebinding(NormalizedSgd):
    """The same numbers, written to new storage at every step; gradients are dropped afterwards."""

    @torch.no_grad()
    def step(self) -> None:
        for group, leaf in self._each():
            decayed = leaf * (1.0 - group["lr"] * group["weight_decay"])
            leaf.data = decayed.sub_(leaf.grad / leaf.grad.norm(), alpha=group["lr"])
            leaf.grad = None


class MuonOnMatrices:
    """torch's Muon on the matrices, AdamW on the gains."""

    def __init__(self, groups: Any, lr: float, weight_decay: float) -> None:
        self._parts = [torch.optim.Muon([groups[0]], lr=lr), torch.optim.AdamW([groups[1]], lr=lr, foreach=False)]
        self.param_groups = [group for part in self._parts for group in part.param_groups]

    def step(self) -> None:
        for part in self._parts:
            part.step()


class Raising(NormalizedSgd):
    """Breaks at its third step."""

    steps = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == 3:
            raise RuntimeError("state is\nmissing")
        super().step()


class Poisoned(NormalizedSgd):
    """Leaves a nan behind at its third step."""

    steps = 0

    def step(self) -> None:
        super().step()
        self.steps += 1
        if self.steps == 3:
            self.param_groups[0]["params"][0].data[0, 0] = math.nan


class Reshaping(NormalizedSgd):
    """Puts a tensor of another shape where a weight was."""

    def step(self) -> None:
        self.param_groups[0]["params"][0].data = torch.zeros(2, 3)


def arm(make: Callable[..., Any], seed: int = 42, weight_decay: float = 0.1, name: str = "control", offset: int = 0) -> ArmRun:
    return ArmRun(name, seed, 0.02, weight_decay, make, offset)


def run_all(runs: list[ArmRun], recipe: Recipe = RECIPE, dtype: torch.dtype = torch.float64) -> list[RunRecord]:
    device = torch.device("cpu")
    return train(recipe, runs, task=verb_forms(), device=device, dtype=dtype, progress=lambda step, steps: None)


@cache
def chunk() -> list[RunRecord]:
    """Three arms and two seeds, trained together."""
    return run_all([arm(ADAMW, seed, decay, f"wd {decay}") for seed in (42, 43) for decay in (0.1, 0.0, 0.5)])


def assert_same(first: RunRecord, second: RunRecord, relative: float) -> None:
    """Every recorded number agrees; `relative` 0 means to the last bit."""
    pairs = {
        name: (getattr(first, name), getattr(second, name)) for name in ("loss", "gradient_norm", "update_norm", "unseen_row")
    }
    pairs |= {name: (first.matrix_norms[name], second.matrix_norms[name]) for name in first.matrix_norms}
    pairs |= {name: (getattr(first, name), getattr(second, name)) for name in ("train_loss", "held_out_loss", "embedding_norm")}
    for name, (one, other) in pairs.items():
        np.testing.assert_allclose(one, other, rtol=relative, atol=0.0, equal_nan=False, err_msg=name)


@pytest.mark.parametrize("make", [ADAMW, NormalizedSgd, MuonOnMatrices], ids=["adamw", "normalized", "muon"])
def test_batched_equals_one_by_one(make: Callable[..., Any]) -> None:
    """Runs trained together record what each records alone, also when the optimizer is not element-wise."""
    runs = [arm(make, seed, decay) for seed in (42, 43) for decay in (0.0, 0.5)]
    together, alone = run_all(runs), [run_all([run])[0] for run in runs]
    for first, second in zip(together, alone, strict=True):
        assert_same(first, second, relative=TOGETHER)


def test_equals_a_plain_loop() -> None:
    """One run is what torch's own loop gives: its clipping, its AdamW, the batches and rates that are announced."""
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


def test_one_chunk_is_bit_identical_each_time() -> None:
    """The same chunk, trained again, records the same bits."""
    again = run_all([arm(ADAMW, seed, decay, f"wd {decay}") for seed in (42, 43) for decay in (0.1, 0.0, 0.5)])
    for first, second in zip(chunk(), again, strict=True):
        assert_same(first, second, relative=0.0)


def test_order_of_a_chunk_does_not_matter() -> None:
    """A chunk of the same runs in another order records the same numbers within rounding."""
    turned = run_all([arm(ADAMW, seed, decay, f"wd {decay}") for seed in (43, 42) for decay in (0.5, 0.1, 0.0)])
    by_name = {(run.arm, run.seed): run for run in turned}
    for run in chunk():
        assert_same(run, by_name[run.arm, run.seed], relative=TOGETHER)


def test_arms_of_a_seed_start_together_and_see_the_same_batches() -> None:
    """Before the first update the arms of a seed agree in every number, and seeds differ."""
    first, second, third, other = (chunk()[index] for index in (0, 1, 2, 3))
    assert first.loss[0] == second.loss[0] == third.loss[0] != other.loss[0]
    assert first.gradient_norm[0] == second.gradient_norm[0] == third.gradient_norm[0]


def test_null_arm_differs_in_its_batches_alone() -> None:
    """Another batch order leaves the initial weights alone and changes the losses."""
    control, null = run_all([arm(ADAMW), arm(ADAMW, name="null", offset=1)])
    assert control.held_out_loss[0] == null.held_out_loss[0]
    assert control.loss[0] != null.loss[0]


def test_fewer_steps_see_the_first_batches_of_more() -> None:
    """A shortened study is the beginning of the study."""
    short, long = (draw_batches(Recipe(steps=steps), arm(ADAMW), 240) for steps in (10, 2000))
    assert torch.equal(short, long[:10])


def test_rebinding_a_weight_changes_nothing() -> None:
    """An optimizer that gives a weight new storage, and drops its gradient, trains as one that writes in place."""
    in_place, rebound = run_all([arm(NormalizedSgd), arm(Rebinding)])
    assert_same(in_place, rebound, relative=TOGETHER)
    assert in_place.loss[0] != in_place.loss[-1]


def test_unseen_row_shrinks_by_weight_decay_alone() -> None:
    """The unseen row's norm is the product of 1 - lr * weight_decay of the steps so far, and constant without decay."""
    for run in chunk():
        expected = np.cumprod(1.0 - run.learning_rates * run.weight_decay)
        np.testing.assert_allclose(run.unseen_row, expected, rtol=STEPS * 1e-15)


def test_gains_are_not_decayed() -> None:
    """A weight decay that would destroy the gains in one step leaves the first update of a gain alone."""
    seen: list[dict[str, Any]] = []

    def make(groups: Any, lr: float, weight_decay: float) -> Any:
        seen.extend(groups)
        return NormalizedSgd(groups, lr, weight_decay)

    run_all([arm(make)], Recipe(steps=1))
    assert [group["weight_decay"] for group in seen] == [0.1, 0.0]
    assert [{leaf.dim() for leaf in group["params"]} for group in seen] == [{2}, {1}]


def test_records_what_a_step_did() -> None:
    """Update and matrix norms are those of the weights: with steps of length lr a tensor, lr times their square root."""
    run = run_all([arm(NormalizedSgd, weight_decay=0.0)], Recipe(steps=STEPS, evaluate_every=8))[0]
    np.testing.assert_allclose(run.update_norm, run.learning_rates * math.sqrt(15), rtol=1e-12)
    assert set(run.matrix_norms) >= {"embedding", "position", "0.qkv", "1.mlp_out"}
    assert len(run.matrix_norms) == 10
    assert run.checkpoints.tolist() == [0, 8, 16, 20]
    assert run.embedding_norm[0] == 1.0
    assert run.loss.shape == (STEPS,)
    assert all(((values >= 0.0) & (values <= 1.0)).all() and len(values) == 4 for values in run.accuracy.values())


def test_learns_the_task() -> None:
    """Within 60 steps both losses fall by more than a fifth from log(28), chance level."""
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
    ids=["raising", "nan", "reshaping", "refusing"],
)
def test_says_which_run_broke(make: Callable[..., Any], message: str) -> None:
    """A subject that breaks is named with its arm, seed and step, in one line."""
    with pytest.raises(RunError) as caught:
        run_all([arm(ADAMW), arm(make, seed=43, name="broken")])
    assert str(caught.value).startswith(f"arm broken, seed 43: {message}"), str(caught.value)
    assert "\n" not in str(caught.value)


def test_nan_left_by_the_last_step_is_seen() -> None:
    """Weights that the last step spoils are found in the last evaluation."""
    with pytest.raises(RunError, match=r"^arm control, seed 42: held-out loss is nan at step 3$"):
        run_all([arm(Poisoned)], Recipe(steps=3))


def test_runs_survive_a_file(tmp_path: Path) -> None:
    """What is saved comes back the same to the last bit, with the same names and settings."""
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


def test_schedules() -> None:
    """Warm-up rises linearly to the peak; then the rate stays, or falls along a cosine to its fraction."""
    constant = learning_rates(Schedule("constant", 4), 2.0, 6)
    cosine = learning_rates(Schedule("cosine", 2, 0.1), 1.0, 10)
    assert constant == (0.5, 1.0, 1.5, 2.0, 2.0, 2.0)
    assert cosine[:2] == (0.5, 1.0)
    assert cosine[-1] == pytest.approx(0.1)
    assert cosine[5] == pytest.approx(0.55)
    assert list(cosine[1:]) == sorted(cosine[1:], reverse=True)
