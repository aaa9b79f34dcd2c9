"""How is a run stopped for something to happen to it, and held against a run to which nothing happened?

Each parameter has a seed, from which its start and its gradients follow, so that it meets the same numbers alone, among
others, in any order, and in a run that goes on after a checkpoint. What is compared is the optimizer with itself.
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

LR, WEIGHT_DECAY = 0.2, 0.3  # 0.06 a step; a decay that is not multiplied by the learning rate stays below 1 as well
SHAPE = (4, 3)  # a matrix: some optimizers take nothing else
STEPS = 5  # before an event, and after it
ROUNDINGS = 16  # a step in another order of operations: some ten roundings, of numbers up to twice the weight
VISIBLE = 100  # an effect that is looked for is at least so many tolerances
FAR = 1e300  # what is said of a distance that is not finite: NaN is no number
CHANCE, ENTANGLED = "it draws random numbers", "its tensors know of each other"
SAID = 100  # characters of an exception that fit on a line

GradientAt = Callable[[int, int, tuple[int, ...]], Tensor | None]  # (seed, step, shape) -> gradient
Experiment = Callable[[SubjectRunner], Finding]


@dataclass(eq=False)
class Tracked:
    """A parameter, the seed of its start and gradients, and where it has been."""

    weight: Tensor
    seed: int
    path: list[Tensor]

    @classmethod
    def of(cls, weight: Tensor, seed: int) -> Tracked:
        """Return the parameter as it stands."""
        return cls(weight, seed, [weight.detach().clone()])


def start(seed: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    """Return weights of several magnitudes and both signs, in float64; none is 0, and none times the decay is 1."""
    generator = torch.Generator().manual_seed(seed)
    size = torch.Size(shape).numel()
    order = torch.randperm(size, generator=generator)
    signs = 1 - 2 * (torch.arange(size) % 2)
    return (torch.logspace(-1.3, 0.4, size, dtype=torch.float64)[order] * signs).reshape(shape)


def gradient_at(seed: int, step: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    """Return the gradient of a step: sizes between 0.2 and some 3, and never near zero."""
    generator = torch.Generator().manual_seed(1000 * seed + step)
    noise = torch.randn(shape, generator=generator, dtype=torch.float64)
    return torch.where(noise < 0, -1.0, 1.0) * (0.2 + noise.abs())


def zero_gradient(seed: int, step: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    """Return a gradient of exactly zero, and not None."""
    return torch.zeros(shape, dtype=torch.float64)


def track(runner: SubjectRunner, seed: int = 1, shape: tuple[int, ...] = SHAPE) -> Tracked:
    """Return a new parameter in the runner's precision."""
    return Tracked.of(torch.nn.Parameter(start(seed, shape).to(runner.dtype)), seed)


def build(
    runner: SubjectRunner, params: Any, *, lr: float | Tensor = LR, weight_decay: float = WEIGHT_DECAY, **options: Any
) -> Any:
    """Build the runner's optimizer of Tracked, or of groups whose `params` are Tracked."""
    given = [
        {**one, "params": [each.weight for each in one["params"]]} if isinstance(one, dict) else one.weight for one in params
    ]
    return runner.make(given, lr=lr, weight_decay=weight_decay, **options)


def run_tracked(
    optimizer: Any, tracked: Sequence[Tracked], steps: Iterable[int], gradient: GradientAt = gradient_at
) -> Sequence[Tracked]:
    """Take the steps, and return the parameters, each with its path."""
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
    """Return a parameter that took the steps in an optimizer of its own; `settings` are the constructor's."""
    one = track(runner, seed)
    return run_tracked(build(runner, [one], **settings), [one], steps, gradient)[0]


def max_relative_difference(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    """Return the largest difference of two paths, as a part of the largest weight; infinite where one is not finite."""
    worst = 0.0
    for here, there in zip(one, other, strict=True):
        if not here.numel():
            continue
        size = max(float(there.abs().max()), 1e-30)
        worst = max(worst, float(((here - there).abs() / size).nan_to_num(nan=float("inf")).max()))
    return worst


def tolerance(runner: SubjectRunner, steps: int = STEPS) -> float:
    """Return how far rounding may part two paths of the same sums in another order, as a part of the largest weight."""
    return ROUNDINGS * runner.eps * steps


def decay_shows(runner: SubjectRunner) -> bool:
    """Return True if weight_decay changes the usual path by more than rounding could."""
    return max_relative_difference(run_alone(runner).path, run_alone(runner, weight_decay=0.0).path) > VISIBLE * tolerance(runner)


@lru_cache(maxsize=8)
def has_warmup(runner: SubjectRunner) -> bool:
    """Return True if no weight moves in the steps of an experiment, so that nothing can be seen in it."""
    path = run_alone(runner).path
    return all(one.equal(path[0]) for one in path)


def is_stochastic(runner: SubjectRunner) -> bool:
    """Return True if the optimizer draws random numbers: runs from two seeds differ."""
    return not seeded_end(runner, 3, 0).equal(seeded_end(runner, 3, 77))


def couples_parameters(runner: SubjectRunner) -> bool:
    """Return True if a parameter's path depends on the others in the list."""
    pair = [track(runner, 1), track(runner, 2)]
    run_tracked(build(runner, pair), pair, range(STEPS))
    return max_relative_difference(pair[0].path, run_alone(runner, 1).path) > tolerance(runner)


def seeded_end(runner: SubjectRunner, steps: int, offset: int) -> Tensor:
    """Return the weight after some steps whose random numbers, and those of the constructor, are those of other numbers."""
    one = track(runner)
    optimizer = build(runner, [one], construction=offset)
    for step in range(steps):
        step_once(optimizer, step + offset, [one.weight], [gradient_at(one.seed, step)])
    return one.weight.detach().clone()


def same_path_finding(runner: SubjectRunner, distance: float, *, what: str, same: str, neighbours: bool = False) -> Finding:
    """Return `same` when two paths agree to rounding, else `differs`; nothing when those of a right optimizer need not agree.

    `neighbours` says that the two runs had other parameters beside the one that is compared.
    """
    numbers = {"gap": min(distance, FAR)}
    if distance <= tolerance(runner):
        return Finding((same,), f"{what}: the same path" + (f" to {distance:.1e}" if distance else ", bit for bit"), numbers)
    reason = CHANCE if is_stochastic(runner) else ENTANGLED if neighbours and couples_parameters(runner) else ""
    if reason:
        return Finding((), f"{what}: not known, because {reason}", numbers)
    return Finding(("differs",), f"{what}: another path, {distance:.2g} of the largest weight away", numbers)


def refusal_is_an_answer(ask: Experiment) -> Experiment:
    """Return a question that answers `refused` when the subject raises, unless it cannot take a plain run at all."""

    @wraps(ask)
    def asked(runner: SubjectRunner) -> Finding:
        try:
            return ask(runner)
        except Exception as error:
            run_alone(runner)  # raises, and the asker says so, where it is not this experiment that breaks
            return Finding(("refused",), f"refused: {shortened_error(runner, error)}")

    return asked


def shortened_error(runner: SubjectRunner, error: Exception, room: int = SAID) -> str:
    """Return an exception in the rest of a line, `room` characters, without the subject's name."""
    said = one_line(error).removeprefix(runner.path).lstrip(": ")
    refusal, _, reason = said.partition("): ")
    said = reason if refusal.startswith("refuses its arguments") else said
    said = said if said.startswith("raised") or reason else f"{type(error).__name__}: {said}"
    return said if len(said) <= room else said[: room - 3] + "..."
