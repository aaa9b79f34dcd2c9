"""What did weight decay change at each step? The same step is taken twice from the same state: with decay and without.

An optimizer's state cannot be copied from outside with certainty, so the step is reached again by replaying the run from its
start with the group's weight_decay set to 0 at the last step. Where a changed weight_decay does nothing (it is the
constructor's, or was captured at the start), the update without decay is taken from the run without decay instead, which
assumes that the update does not depend on the weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.fingerprint.measuring.gradient_sequence import GradientSequence
from harness.fingerprint.measuring.subject_runner import SubjectRunner


@dataclass(frozen=True)
class Step:
    """One step of one tensor: the weight before it, the update without decay, and what the decay changed of the step.

    `alone` is the update of the run that never decays; `unburdened` that of a run that never decays and is put on the decayed
    weights before each step, so that only its state can differ. A difference is seen if it exceeds `tolerance`, and `noise`
    is the rounding of one coordinate.
    """

    number: int
    tensor: int
    weight: Tensor
    update: Tensor
    decay: Tensor
    gradient: Tensor
    alone: Tensor
    unburdened: Tensor
    eps: float

    @property
    def noise(self) -> Tensor:
        """The rounding of each coordinate's decay: a handful of operations of the size of what was subtracted."""
        return 16 * self.eps * (self.weight.abs() + self.update.abs() + self.decay.abs())

    @property
    def tolerance(self) -> float:
        """The largest residual that still counts as none: the root of eps of the decay, and never less than rounding."""
        return max(math.sqrt(self.eps) * float(self.decay.abs().max()), float(self.noise.max()))

    @property
    def moved(self) -> Tensor:
        """The coordinates that the decay changed."""
        return self.decay.abs() > self.noise


@dataclass(frozen=True)
class ReplayedRun:
    """A walk with weight decay and without, and every step of it; `replayed` says how the steps without decay were found."""

    sequence: GradientSequence
    decayed: tuple[Tensor, ...]
    plain: tuple[Tensor, ...]
    steps: tuple[Step, ...]
    replayed: bool
    eps: float

    @property
    def effect(self) -> float:
        """How far weight decay moved any weight."""
        return max(float((one - other).abs().max()) for one, other in zip(self.decayed, self.plain, strict=True))

    @property
    def tolerance(self) -> float:
        """The largest departure of a path that still counts as none."""
        size = max(float(path.abs().max()) for path in (*self.decayed, *self.plain))
        return max(math.sqrt(self.eps) * self.effect, 16 * self.eps * len(self.sequence.lrs) * size)

    @property
    def visible(self) -> bool:
        """Whether weight decay changed anything beyond rounding."""
        return self.effect > 16 * self.eps * len(self.sequence.lrs)


def replay(runner: SubjectRunner, sequence: GradientSequence) -> ReplayedRun:
    """Walk with decay and without, and take every step of the decayed walk once more without its decay."""
    decayed, plain = sequence.run(runner, sequence.weight_decay), sequence.run(runner, 0.0)
    after = [_without(runner, sequence, number) for number in range(len(sequence.lrs))]
    free = sequence.run(runner, 0.0, placed=decayed)
    steps = _steps(runner, sequence, (decayed, plain, free), after)
    late = [step for step in steps if step.number]
    replayed = any(bool(step.moved.any()) for step in late)
    if not replayed:
        alone = [
            [path[number] + other[number + 1] - other[number] for path, other in zip(decayed, plain, strict=True)]
            for number in range(len(sequence.lrs))
        ]
        steps = _steps(runner, sequence, (decayed, plain, free), alone)
    return ReplayedRun(sequence, tuple(decayed), tuple(plain), steps, replayed, runner.eps)


def _without(runner: SubjectRunner, sequence: GradientSequence, number: int) -> list[Tensor]:
    """Return the weights after step `number` of the decayed walk, had that step alone not decayed."""
    return [path[-1] for path in sequence.run(runner, [*[sequence.weight_decay] * number, 0.0])]


def _steps(
    runner: SubjectRunner, sequence: GradientSequence, paths: tuple[list[Tensor], ...], after: list[list[Tensor]]
) -> tuple[Step, ...]:
    return tuple(
        Step(
            number=number,
            tensor=tensor,
            weight=path[number].flatten(),
            update=(after[number][tensor] - path[number]).flatten(),
            decay=(path[number + 1] - after[number][tensor]).flatten(),
            gradient=sequence.gradients[number][tensor].flatten(),
            alone=(other[number + 1] - other[number]).flatten(),
            unburdened=(free[number + 1] - path[number]).flatten(),
            eps=runner.eps,
        )
        for number in range(len(sequence.lrs))
        for tensor, (path, other, free) in enumerate(zip(*paths, strict=True))
    )


def residual(target: Tensor, *parts: Tensor) -> tuple[float, Tensor]:
    """Return the largest residual of the least-squares fit of `target` on `parts`, and the coefficients."""
    sizes = torch.stack([part.abs().max().clamp_min(torch.finfo(torch.float64).tiny) for part in parts])
    columns = torch.stack(parts, dim=1) / sizes
    found = torch.linalg.lstsq(columns, target[:, None], driver="gelsd").solution[:, 0]
    return float((target - columns @ found).abs().max()), found / sizes
