"""Comparison of an optimizer with itself: a run with an event (a checkpoint, a new group), and one without.

The start and the gradients of each parameter follow from its seed. A parameter therefore meets the same numbers alone, among
others, in any order, and in a run that goes on after a checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any

import torch
from torch import Tensor

from harness.errors import one_line
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.subject.stepping import give_gradients, step_once

LR, WEIGHT_DECAY = 0.2, 0.3  # a decay of 0.06 a step, and below 1 if it is not multiplied by the learning rate
SHAPE = (4, 3)  # a matrix: some optimizers take nothing else
STEPS = 5  # before an event, and after it
ROUNDINGS = 16  # a step in another order of operations: about ten roundings, of numbers up to twice the weight
SMALLEST_EFFECT = 100  # the smallest effect that counts, in tolerances
INFINITE_DISTANCE = 1e300  # the recorded distance where the measured one is not finite
LOUD, LOUD_STEP = 100.0, 3
CHANCE, ENTANGLED = "the optimizer draws random numbers", "parameters depend on each other"
ERROR_LENGTH = 100  # characters of an exception in a finding, which is one line

GradientAt = Callable[[int, int, tuple[int, ...]], Tensor | None]  # (seed, step, shape) -> gradient
Experiment = Callable[[SubjectRunner], Finding]


@dataclass(eq=False)
class Tracked:
    """A parameter, the seed of its start and gradients, and its path so far."""

    weight: Tensor
    seed: int
    path: list[Tensor]

    @classmethod
    def of(cls, weight: Tensor, seed: int) -> Tracked:
        """Return a parameter whose path begins at its present value."""
        return cls(weight, seed, [weight.detach().clone()])


def start(seed: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    """Return weights of several magnitudes and both signs, in float64; no weight is 0, and no weight_decay x w is 1."""
    generator = torch.Generator().manual_seed(seed)
    size = torch.Size(shape).numel()
    order = torch.randperm(size, generator=generator)
    signs = 1 - 2 * (torch.arange(size) % 2)
    return (torch.logspace(-1.3, 0.4, size, dtype=torch.float64)[order] * signs).reshape(shape)


def gradient_at(seed: int, step: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    """Return the gradient of a step, in float64: absolute values from 0.2 to about 3, never near zero."""
    generator = torch.Generator().manual_seed(1000 * seed + step)
    noise = torch.randn(shape, generator=generator, dtype=torch.float64)
    return torch.where(noise < 0, -1.0, 1.0) * (0.2 + noise.abs())


def uneven_gradient(seed: int, step: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    """Return the usual gradient, for the parameter of seed 2 a hundred times as large at step LOUD_STEP.

    A limit on the norm of all gradients then acts, also if it is a multiple of the norms so far.
    """
    return gradient_at(seed, step, shape) * (LOUD if (seed, step) == (2, LOUD_STEP) else 1.0)


def zero_gradient(seed: int, step: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    """Return a gradient of exact zeros, which is not None."""
    return torch.zeros(shape, dtype=torch.float64)


def track(runner: SubjectRunner, seed: int = 1, shape: tuple[int, ...] = SHAPE) -> Tracked:
    """Return a new parameter in the runner's precision."""
    return Tracked.of(torch.nn.Parameter(start(seed, shape).to(runner.dtype)), seed)


def build(
    runner: SubjectRunner, params: Any, *, lr: float | Tensor = LR, weight_decay: float = WEIGHT_DECAY, **options: Any
) -> Any:
    """Build the runner's optimizer for tracked parameters, or for groups whose `params` are tracked parameters."""
    given = [
        {**item, "params": [one.weight for one in item["params"]]} if isinstance(item, dict) else item.weight for item in params
    ]
    return runner.make(given, lr=lr, weight_decay=weight_decay, **options)


def run_tracked(
    optimizer: Any, tracked: Sequence[Tracked], steps: Iterable[int], gradient: GradientAt = gradient_at
) -> Sequence[Tracked]:
    """Take the steps and return the parameters, with the weight after each step added to their paths."""
    for step in steps:
        for one in tracked:
            give_gradients([one.weight], [gradient(one.seed, step, tuple(one.weight.shape))])
        step_once(optimizer, step)
        for one in tracked:
            one.path.append(one.weight.detach().clone())
    return tracked


def run_alone(
    runner: SubjectRunner, seed: int = 1, steps: Iterable[int] = range(STEPS), gradient: GradientAt = gradient_at, **settings: Any
) -> Tracked:
    """Return a parameter that takes the steps in an optimizer of its own; `settings` go to its constructor."""
    tracked = track(runner, seed)
    return run_tracked(build(runner, [tracked], **settings), [tracked], steps, gradient)[0]


def max_relative_difference(path: Sequence[Tensor], reference: Sequence[Tensor]) -> float:
    """Return the largest difference of a path from another one, relative to the largest weight of the other at that step.

    The difference is infinite if a path is not finite.
    """
    worst = 0.0
    for weight, expected in zip(path, reference, strict=True):
        if not weight.numel():
            continue
        size = max(float(expected.abs().max()), 1e-30)
        worst = max(worst, float(((weight - expected).abs() / size).nan_to_num(nan=float("inf")).max()))
    return worst


def tolerance(runner: SubjectRunner, steps: int = STEPS) -> float:
    """Return the largest relative difference that rounding may cause if only the order of operations differs."""
    return ROUNDINGS * runner.eps * steps


def decay_shows(runner: SubjectRunner) -> bool:
    """Return True if weight_decay changes the path of a parameter by more than rounding could."""
    return max_relative_difference(
        run_alone(runner).path, run_alone(runner, weight_decay=0.0).path
    ) > SMALLEST_EFFECT * tolerance(runner)


@lru_cache(maxsize=8)
def has_warmup(runner: SubjectRunner) -> bool:
    """Return True if no weight moves in the first STEPS steps, so that an experiment shows nothing."""
    path = run_alone(runner).path
    return all(weight.equal(path[0]) for weight in path)


def is_stochastic(runner: SubjectRunner) -> bool:
    """Return True if the optimizer draws random numbers, so that runs from two seeds differ."""
    return not seeded_end(runner, 3, 0).equal(seeded_end(runner, 3, 77))


def couples_parameters(runner: SubjectRunner) -> bool:
    """Return True if the path of a parameter depends on the other parameters in the list."""
    pair = [track(runner, 1), track(runner, 2)]
    run_tracked(build(runner, pair), pair, range(STEPS), uneven_gradient)
    return max_relative_difference(pair[0].path, run_alone(runner, 1, gradient=uneven_gradient).path) > tolerance(runner)


def seeded_end(runner: SubjectRunner, steps: int, offset: int) -> Tensor:
    """Return the weight after some steps; `offset` seeds the constructor's random numbers and is added to each step's seed."""
    tracked = track(runner)
    optimizer = build(runner, [tracked], construction=offset)
    for step in range(steps):
        step_once(optimizer, step + offset, [tracked.weight], [gradient_at(tracked.seed, step)])
    return tracked.weight.detach().clone()


def same_path_finding(runner: SubjectRunner, distance: float, *, what: str, same: str, neighbours: bool = False) -> Finding:
    """Return the finding on two paths: `same` if they agree to rounding, else `differs`.

    The finding has no value if the paths of a right optimizer may differ: because it draws random numbers, or, with
    `neighbours`, because a path depends on the other parameters of its run. `what` begins the text of the finding.
    """
    numbers = {"gap": min(distance, INFINITE_DISTANCE)}
    if distance <= tolerance(runner):
        return Finding((same,), f"{what}: the same path" + (f" to {distance:.1e}" if distance else ", bit for bit"), numbers)
    reason = CHANCE if is_stochastic(runner) else ENTANGLED if neighbours and couples_parameters(runner) else ""
    if reason:
        return Finding((), f"{what}: not known, because {reason}", numbers)
    return Finding(("differs",), f"{what}: another path, up to {distance:.2g} of the largest weight away", numbers)


def refusal_is_an_answer(ask: Experiment) -> Experiment:
    """Return a question that answers `refused` if the subject raises. Raise if the subject raises in a plain run too."""

    @wraps(ask)
    def answer(runner: SubjectRunner) -> Finding:
        try:
            return ask(runner)
        except Exception as error:
            run_alone(runner)  # raises if the subject cannot take a plain run either; the caller reports that error
            return Finding(("refused",), f"refused: {shortened_error(runner, error)}")

    return answer


def shortened_error(runner: SubjectRunner, error: Exception, room: int = ERROR_LENGTH) -> str:
    """Return an exception as one line of at most `room` characters, without the subject's name."""
    message = one_line(error).removeprefix(runner.path).lstrip(": ")
    refusal, _, reason = message.partition("): ")
    message = reason if refusal.startswith("refuses its arguments") else message
    message = message if message.startswith("raised") or reason else f"{type(error).__name__}: {message}"
    return message if len(message) <= room else message[: room - 3] + "..."
