"""Training loop for many runs at once: one batched forward and backward pass, and one optimizer for each run.

If the same chunk is trained again on the same machine, its numbers are bit-identical. If a run is trained in another chunk,
or in another order, its initial weights, batches and learning rates are the same, but its numbers may differ by rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.errors import RunError, error_line, one_line
from harness.subject.loading import Factory
from harness.subject.stepping import set_lr, step_once
from harness.training.evaluation import Encoded, encode, evaluate
from harness.training.model import ModelShape, Weights, cross_entropy, initial_weights, logits
from harness.training.recipe import Recipe
from harness.training.recorder import Recorder
from harness.training.records import RunRecord
from harness.training.schedule import Schedule, learning_rates
from harness.training.stacked_weights import StackedWeights
from harness.training.task import Task

STEPS_BETWEEN_FINITE_CHECKS = 20  # steps between two checks of the recorded losses: each check waits for the device
# Added to the seed for each `batch_seed_offset`: too large to reach the batches of a nearby seed.
BATCH_SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class ArmRun:
    """One run to train.

    Runs of the same seed have the same initial weights. They have the same batches if `batch_seed_offset` is also the same.
    """

    arm: str
    seed: int
    lr: float
    weight_decay: float
    make: Factory
    batch_seed_offset: int = 0

    @property
    def label(self) -> str:
        return f"arm {self.arm}, seed {self.seed}"


def train(
    recipe: Recipe,
    runs: Sequence[ArmRun],
    *,
    task: Task,
    device: torch.device,
    dtype: torch.dtype,
    progress: Callable[[int, int], None],
) -> list[RunRecord]:
    """Train a chunk of runs together and return their records, in the order given.

    `progress(step, steps)` is called every 20 steps and after the last one. Raises RunError, with a message of one line, if
    the loss of a run is not finite, if an optimizer raises, or if it replaces a parameter by one of another shape.
    """
    shape = ModelShape(symbols=len(task.symbols), context=task.train.tokens.shape[1] - 1)
    splits = [encode(sentences, shape.symbols, device, dtype) for sentences in (task.train, task.held_out)]
    batches = torch.stack([draw_batches(recipe, run, len(task.train.tokens)) for run in runs], dim=1).to(device)
    initial = [initial_weights(shape, recipe.embedding_std, 2 * run.seed) for run in runs]
    stack = StackedWeights([run.label for run in runs], initial, device, dtype)
    optimizers = [_build(run, leaves) for run, leaves in zip(runs, stack.leaves, strict=True)]
    rates = [learning_rates(_schedule(recipe), run.lr, recipe.steps) for run in runs]
    recorder = Recorder(stack, recipe.steps)
    recorder.write_checkpoint(0, stack, *(evaluate(stack.weights, split, shape) for split in splits))

    for step in range(1, recipe.steps + 1):
        loss = batch_loss(stack.weights, splits[0], batches[step - 1], shape)
        # Run r depends on slice r of the weights only: slice r of the gradient is its own gradient.
        loss.sum().backward()
        gradients = stack.gradients()
        norm = clip(gradients, recipe.clip)
        stack.set_gradients(gradients)
        recorder.snapshot_weights(stack)
        for run, optimizer, run_rates in zip(runs, optimizers, rates, strict=True):
            update(run, optimizer, run_rates[step - 1], step)
        stack.restore_storage(step)
        recorder.write_step(step, stack, loss=loss.detach(), gradient_norm=norm)
        if step % recipe.evaluate_every == 0 or step == recipe.steps:
            recorder.write_checkpoint(step, stack, *(evaluate(stack.weights, split, shape) for split in splits))
        if step % STEPS_BETWEEN_FINITE_CHECKS == 0 or step == recipe.steps:
            recorder.raise_if_not_finite(step)
            progress(step, recipe.steps)
    return [_run_record(run, run_rates, recorder, index) for index, (run, run_rates) in enumerate(zip(runs, rates, strict=True))]


def draw_batches(recipe: Recipe, run: ArmRun, sentences: int) -> Tensor:
    """Draw the indices of the sentences of every step, with replacement: (steps, batch_size).

    A shorter run gets the first batches of a longer one.
    """
    generator = torch.Generator().manual_seed(2 * (run.seed + BATCH_SEED_STRIDE * run.batch_seed_offset) + 1)
    return torch.randint(sentences, (recipe.steps, recipe.batch_size), generator=generator)


def batch_loss(weights: Weights, sentences: Encoded, batch: Tensor, shape: ModelShape) -> Tensor:
    """Return each run's cross entropy in nats, (runs,), averaged over the characters of its batch that are not padding.

    `batch` holds indices of sentences, (runs, batch_size).
    """
    inputs, targets, real = sentences.inputs[batch], sentences.targets[batch], sentences.real[batch]
    return cross_entropy(logits(weights, inputs, shape), targets.flatten(1, 2)) / real.sum(dim=1)


def clip(gradients: Weights, limit: float) -> Tensor:
    """Scale each run's gradient in place to a norm of at most `limit`. Return the norms before scaling, (runs,)."""
    norms = [torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients.values()]
    norm: Tensor = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    scale = (limit / (norm + 1e-6)).clamp(max=1.0)  # 1e-6 as in torch.nn.utils.clip_grad_norm_
    for gradient in gradients.values():
        gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))
    return norm


def update(run: ArmRun, optimizer: Any, rate: float, step: int) -> None:
    """Set the learning rate of every parameter group and take one optimizer step. Raises RunError if the step raises."""
    set_lr(optimizer, rate)
    try:
        step_once(optimizer, step)
    except Exception as error:
        raise RunError(
            f"{run.label}: {_class_path(optimizer)} raised {type(error).__name__} at step {step}: {one_line(error)}"
        ) from error


def _build(run: ArmRun, leaves: Mapping[str, Tensor]) -> Any:
    """Build the optimizer of one run. Raises RunError if its constructor raises."""
    # Every study has these two parameter groups: the layer-norm gains are not decayed.
    groups = [
        {"params": [leaf for leaf in leaves.values() if leaf.dim() == 2], "weight_decay": run.weight_decay},
        {"params": [leaf for leaf in leaves.values() if leaf.dim() == 1], "weight_decay": 0.0},
    ]
    try:
        return run.make(groups, lr=run.lr, weight_decay=run.weight_decay)
    except Exception as error:
        raise RunError(f"{run.label}: the optimizer could not be built: {error_line(error)}") from error


def _class_path(optimizer: Any) -> str:
    return f"{type(optimizer).__module__}:{type(optimizer).__qualname__}"


def _schedule(recipe: Recipe) -> Schedule:
    return Schedule(recipe.schedule, recipe.warmup_steps, recipe.final_fraction)


def _run_record(run: ArmRun, rates: Sequence[float], recorder: Recorder, index: int) -> RunRecord:
    settings = {"arm": run.arm, "seed": run.seed, "lr": run.lr, "weight_decay": run.weight_decay}
    fields: dict[str, Any] = {**settings, "learning_rates": np.array(rates), **recorder.read(index)}
    return RunRecord(**fields)
