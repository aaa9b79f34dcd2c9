"""Speed of the training engine: compared with a plain loop, with its own floor, and with two workers.

    python -m benchmarks.engine [--steps 200] [--seeds 4] [--quick]

The engine and the plain loop run in this process, in turns, in float32 on one thread; each figure is the median of the rounds.
"Training" is everything in a step except evaluation. Evaluation is timed separately and counted once per 100 steps.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.plain_gpt import PlainGpt
from harness.environment.determinism import fix_environment, fix_torch
from harness.training.evaluation import Encoded, encode, evaluate
from harness.training.loop import ArmRun, batch_loss, clip, draw_batches, train, update
from harness.training.model import ModelShape, initial_weights
from harness.training.recipe import Recipe
from harness.training.recorder import Recorder
from harness.training.schedule import Schedule, learning_rates
from harness.training.stacked_weights import StackedWeights
from harness.training.task import Sentences, verb_forms

CPU = torch.device("cpu")
ADAMW = partial(torch.optim.AdamW, betas=(0.9, 0.99), fused=True)
DECAYS = {"control": 0.1, "no_decay": 0.0, "overcorrected": 0.5}
EVALUATE_EVERY = 100
ROUNDS = 3


@dataclass(frozen=True)
class Setting:
    """The work that is timed: a chunk of `seeds` x 3 arms, for `steps` steps."""

    steps: int
    seeds: int

    @property
    def recipe(self) -> Recipe:
        return Recipe(steps=self.steps, evaluate_every=self.steps)

    @property
    def runs(self) -> list[ArmRun]:
        return [ArmRun(arm, seed, 0.02, decay, ADAMW) for seed in range(42, 42 + self.seeds) for arm, decay in DECAYS.items()]


def shape() -> ModelShape:
    """Return the network's shape for the task."""
    task = verb_forms()
    return ModelShape(len(task.symbols), task.train.tokens.shape[1] - 1)


def clock(work: Callable[[], object]) -> float:
    """Return the seconds that `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def plain_training(recipe: Recipe, run: ArmRun) -> tuple[PlainGpt, list[float], float]:
    """Train one run with a plain torch loop; return the network, the loss of each step, and the seconds of the loop."""
    task = verb_forms()
    network = PlainGpt(shape(), {name: weight.float() for name, weight in initial_weights(shape(), 0.30, 2 * run.seed).items()})
    parameters = list(network.parameters())
    matrices, gains = ([parameter for parameter in parameters if parameter.dim() == dims] for dims in (2, 1))
    groups = [{"params": matrices, "weight_decay": run.weight_decay}, {"params": gains, "weight_decay": 0.0}]
    optimizer = run.make(groups, lr=run.lr, weight_decay=run.weight_decay)
    answers = task.train.tokens[:, 1:].masked_fill(~task.train.targets, -100)  # torch ignores targets of -100
    losses: list[Tensor] = []
    start = time.perf_counter()
    rates = learning_rates(Schedule(recipe.schedule, recipe.warmup_steps), run.lr, recipe.steps)
    for rate, batch in zip(rates, draw_batches(recipe, run, len(answers)), strict=True):
        scores = network(task.train.tokens[batch, :-1])
        loss = functional.cross_entropy(scores.flatten(0, 1), answers[batch].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, recipe.clip)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        losses.append(loss.detach())
    seconds = time.perf_counter() - start
    return network, torch.stack(losses).tolist(), seconds


@torch.inference_mode()
def plain_evaluations(network: PlainGpt) -> None:
    """Evaluate both splits in plain torch: one batch each, mean loss and share of exact matches."""
    for sentences in (verb_forms().train, verb_forms().held_out):
        _score(network, sentences)


def _score(network: PlainGpt, sentences: Sentences) -> None:
    scores, answers = network(sentences.tokens[:, :-1]), sentences.tokens[:, 1:]
    functional.cross_entropy(scores.flatten(0, 1), answers.masked_fill(~sentences.targets, -100).flatten())
    (((scores.argmax(dim=-1) == answers) | ~sentences.form).all(dim=1)).float().mean()


def engine_training(setting: Setting) -> float:
    """Return the engine's seconds for `steps` steps without evaluation.

    It is the time of 2 x `steps` steps minus the time of `steps` steps: both have the same number of evaluations.
    """
    return _seconds(setting, 2 * setting.steps) - _seconds(setting, setting.steps)


def _seconds(setting: Setting, steps: int) -> float:
    recipe = Recipe(steps=steps, evaluate_every=steps)
    start_training = partial(train, recipe, setting.runs, task=verb_forms(), device=CPU, dtype=torch.float32)
    return clock(lambda: start_training(progress=lambda step, steps: None))


@dataclass(frozen=True)
class Chunk:
    """A chunk of runs with the same tensors as in `train`, so that the parts of a step can be timed separately."""

    setting: Setting
    stack: StackedWeights
    splits: list[Encoded]
    batches: Tensor

    @classmethod
    def build(cls, setting: Setting) -> Chunk:
        task, runs = verb_forms(), setting.runs
        initial = [initial_weights(shape(), 0.30, 2 * run.seed) for run in runs]
        splits = [encode(split, shape().symbols, CPU, torch.float32) for split in (task.train, task.held_out)]
        batches = torch.stack([draw_batches(setting.recipe, run, 240) for run in runs], dim=1)
        return cls(setting, StackedWeights([run.label for run in runs], initial, CPU, torch.float32), splits, batches)

    def evaluation(self) -> float:
        """Return the seconds of one evaluation of all runs on both splits."""
        return clock(lambda: [evaluate(self.stack.weights, split, shape()) for split in self.splits])

    def parts_of_a_step(self) -> dict[str, float]:
        """Return the median seconds of each part of a step, all runs together."""
        runs = self.setting.runs
        optimizers = [_optimizer(run, leaves) for run, leaves in zip(runs, self.stack.leaves, strict=True)]
        recorder = Recorder(self.stack, self.setting.steps)
        times: dict[str, list[float]] = {}
        for step in range(1, self.setting.steps + 1):
            mark = _Stopwatch(times)
            loss = batch_loss(self.stack.weights, self.splits[0], self.batches[step - 1], shape())
            mark("forward")
            loss.sum().backward()
            mark("backward")
            gradients = self.stack.gradients()
            norm = clip(gradients, 1.0)
            mark("gradient norms and clipping")
            self.stack.set_gradients(gradients)
            mark("hand gradients to the leaves")
            recorder.snapshot_weights(self.stack)
            mark("copy of the weights, for the update norm")
            for run, optimizer in zip(runs, optimizers, strict=True):
                update(run, optimizer, 0.02, step)
            mark("optimizers")
            self.stack.restore_storage(step)
            mark("look for rebound weights")
            recorder.write_step(step, self.stack, loss=loss.detach(), gradient_norm=norm)
            mark("record norms")
        return {name: statistics.median(values) for name, values in times.items()}


class _Stopwatch:
    def __init__(self, times: dict[str, list[float]]) -> None:
        self._times, self._last = times, time.perf_counter()

    def __call__(self, name: str) -> None:
        now = time.perf_counter()
        self._times.setdefault(name, []).append(now - self._last)
        self._last = now


def _optimizer(run: ArmRun, leaves: dict[str, torch.nn.Parameter]) -> torch.optim.Optimizer:
    matrices, gains = ([leaf for leaf in leaves.values() if leaf.dim() == dims] for dims in (2, 1))
    groups = [{"params": matrices, "weight_decay": run.weight_decay}, {"params": gains, "weight_decay": 0.0}]
    optimizer: torch.optim.Optimizer = run.make(groups, lr=run.lr, weight_decay=run.weight_decay)
    return optimizer


def multiplies(runs: int, sentences: int) -> list[tuple[str, int, tuple[int, int, int, int]]]:
    """Return the matrix products of a forward pass: (name, count, (batch, rows, inner, columns))."""
    model = shape()
    tokens, width, batch = sentences * model.context, model.width, runs * sentences * model.heads
    size = width // model.heads
    return [
        ("embedding", 1, (runs, tokens, model.symbols, width)),
        ("qkv", model.layers, (runs, tokens, width, 3 * width)),
        ("attention_out", model.layers, (runs, tokens, width, width)),
        ("mlp_in", model.layers, (runs, tokens, width, 4 * width)),
        ("mlp_out", model.layers, (runs, tokens, 4 * width, width)),
        ("scores of symbols", 1, (runs, tokens, width, model.symbols - 1)),
        ("attention scores", model.layers, (batch, model.context, size, model.context)),
        ("attention mix", model.layers, (batch, model.context, model.context, size)),
    ]


def floor(runs: int, sentences: int = 4) -> tuple[float, float]:
    """Return the seconds that torch.bmm needs for the matrix products of one step, after a warm-up; and their multiply-adds."""
    seconds = operations = 0.0
    for name, count, (batch, rows, inner, columns) in multiplies(runs, sentences):
        left, right = torch.randn(batch, rows, inner), torch.randn(batch, inner, columns)
        result = torch.randn(batch, rows, columns)
        passes = [(left, right), (result.transpose(1, 2), left)]  # forward, gradient of the right factor
        if name != "embedding":  # the left factor of the embedding is data: it needs no gradient
            passes.append((result, right.transpose(1, 2)))
        for first, second in passes:
            seconds += count * min(clock(lambda first=first, second=second: torch.bmm(first, second)) for _ in range(30))
            operations += count * batch * rows * inner * columns
    return seconds, operations


def work_alone(setting: Setting) -> float:
    """Train the chunk for `steps` steps as one of two workers; return the seconds, including both evaluations."""
    fix_torch()
    _seconds(setting, 10)  # warm up
    return _seconds(setting, setting.steps)


def two_workers(setting: Setting) -> float:
    """Return the seconds that two processes need to train one chunk each at the same time."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return max(pool.map(work_alone, [setting, setting], chunksize=1))


def report_against_plain(setting: Setting) -> float:
    """Print the times of the engine and of the plain loop; return the plain loop's training seconds per step of a run."""
    runs, chunk = len(setting.runs), Chunk.build(setting)
    engine, plain, engine_evals, plain_evals = [], [], [], []
    for _ in range(ROUNDS):
        engine.append(engine_training(setting) / setting.steps / runs)
        network, losses, seconds = plain_training(setting.recipe, setting.runs[0])
        plain.append(seconds / setting.steps)
        engine_evals.append(chunk.evaluation() / runs / EVALUATE_EVERY)
        plain_evals.append(clock(partial(plain_evaluations, network)) / EVALUATE_EVERY)
    sides = [statistics.median(times) for times in (engine, plain, engine_evals, plain_evals)]
    _print_sides(sides, _largest_difference(setting, losses))
    return sides[1]


def _largest_difference(setting: Setting, losses: list[float]) -> float:
    recipe = Recipe(steps=20, evaluate_every=20)
    start_training = partial(train, recipe, setting.runs[:1], task=verb_forms(), device=CPU, dtype=torch.float32)
    trained = start_training(progress=lambda step, steps: None)[0]
    return max(abs(engine / plain - 1.0) for engine, plain in zip(trained.loss, losses[:20], strict=True))


def _print_sides(sides: list[float], difference: float) -> None:
    engine, plain, engine_evals, plain_evals = (1e3 * seconds for seconds in sides)
    print(f"{'ms a run-step':44}{'engine':>10}{'plain loop':>12}{'ratio':>8}")
    rows = {
        "training": (engine, plain),
        "evaluation of 360 sentences, every 100 steps": (engine_evals, plain_evals),
        "both": (engine + engine_evals, plain + plain_evals),
    }
    for name, (ours, theirs) in rows.items():
        print(f"{name:44}{ours:10.3f}{theirs:12.3f}{theirs / ours:7.2f}x")
    print(f"{'run-steps per second, both':44}{1e3 / (engine + engine_evals):10.0f}{1e3 / (plain + plain_evals):12.0f}")
    print("the engine records every step's norms in its time; the plain loop records its loss alone")
    print(f"largest relative difference of the losses of the first 20 steps, float32: {difference:.1e}\n")


def report_parts(setting: Setting) -> None:
    """Print the time of each part of a step, and the ratio of the step to its floor."""
    runs = len(setting.runs)
    parts = Chunk.build(setting).parts_of_a_step()
    seconds, operations = floor(runs)
    whole = sum(parts.values())
    print(f"{'one step of ' + str(runs) + ' runs':44}{'ms':>10}{'share':>9}")
    for name, part in parts.items():
        print(f"{name:44}{1e3 * part:10.3f}{part / whole:9.1%}")
    print(f"{'sum':44}{1e3 * whole:10.3f}")
    print(f"{'floor: its multiplies alone':44}{1e3 * seconds:10.3f}   ({2 * operations / seconds / 1e9:.0f} GFLOP/s)")
    network = parts["forward"] + parts["backward"]
    print(f"forward and backward against the floor: {network / seconds:.2f}x; ", end="")
    print(f"the step without optimizers: {(whole - parts['optimizers']) / seconds:.2f}x\n")


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200, help="steps a timing (default 200)")
    parser.add_argument("--seeds", type=int, default=2, help="seeds a chunk, of 3 arms each (default 2)")
    parser.add_argument("--quick", action="store_true", help="40 steps, no second worker")
    flags = parser.parse_args()
    setting = Setting(40 if flags.quick else flags.steps, flags.seeds)
    fix_torch()
    plain_training(Recipe(steps=10), setting.runs[0])  # warm up
    plain = report_against_plain(setting)
    report_parts(setting)
    if not flags.quick:
        runs = 2 * len(setting.runs)
        together = two_workers(setting) / setting.steps / runs
        print(
            f"two workers, training and 2 evaluations: {1e3 * together:.3f} ms a run-step, {plain / together:.2f}x one plain loop"
        )


if __name__ == "__main__":
    fix_environment()
    main()
