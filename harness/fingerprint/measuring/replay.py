"""Replayed steps: each is taken twice from the same state, with weight decay and without it.

An optimizer's state cannot be copied from outside with certainty. To reach the state of a step again, the run is replayed from
its start, with the group's weight_decay set to 0 at the last step. An optimizer may ignore the changed value (it reads the
constructor's, or captured the value of the first step). Then the update without decay is taken from the run without decay.
This assumes that the update does not depend on the weight.
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
    """One step of one tensor, flattened: the weight before it, the update without decay, and the change by the decay.

    `alone` is the update of the run without decay. `update_without_decay_history` is the update of a run without decay whose
    weights are set to the decayed weights before each step, so that only its state can differ. A difference counts if it
    exceeds `tolerance`; `noise` is the rounding of each coordinate.
    """

    number: int
    tensor: int
    weight: Tensor
    update: Tensor
    decay: Tensor
    gradient: Tensor
    alone: Tensor
    update_without_decay_history: Tensor
    eps: float

    @property
    def noise(self) -> Tensor:
        """The rounding of each coordinate's decay: a handful of operations on numbers of the size of those subtracted."""
        return 16 * self.eps * (self.weight.abs() + self.update.abs() + self.decay.abs())

    @property
    def tolerance(self) -> float:
        """The largest residual that counts as zero: the root of eps times the largest decay, and at least the rounding."""
        return max(math.sqrt(self.eps) * float(self.decay.abs().max()), float(self.noise.max()))

    @property
    def moved(self) -> Tensor:
        """The mask of the coordinates that the decay changed by more than rounding."""
        return self.decay.abs() > self.noise


@dataclass(frozen=True)
class ReplayedRun:
    """The paths of a run with weight decay and without it, and every step of the run with decay.

    `replayed` is True if the updates without decay come from replays, False if they come from the run without decay.
    """

    sequence: GradientSequence
    decayed: tuple[Tensor, ...]
    plain: tuple[Tensor, ...]
    steps: tuple[Step, ...]
    replayed: bool
    eps: float

    @property
    def effect(self) -> float:
        """The largest distance between the path with weight decay and the path without it."""
        return max(float((path - plain).abs().max()) for path, plain in zip(self.decayed, self.plain, strict=True))

    @property
    def tolerance(self) -> float:
        """The largest difference of two paths that counts as zero."""
        size = max(float(path.abs().max()) for path in (*self.decayed, *self.plain))
        return max(math.sqrt(self.eps) * self.effect, 16 * self.eps * len(self.sequence.lrs) * size)

    @property
    def visible(self) -> bool:
        """Whether weight decay changed any weight by more than rounding."""
        return self.effect > 16 * self.eps * len(self.sequence.lrs)


def replay(runner: SubjectRunner, sequence: GradientSequence) -> ReplayedRun:
    """Run the sequence with decay and without, and repeat each step of the run with decay without its decay."""
    decayed, plain = sequence.run(runner, sequence.weight_decay), sequence.run(runner, 0.0)
    after = [_end_without_last_decay(runner, sequence, number) for number in range(len(sequence.lrs))]
    update_without_decay_history = sequence.run(runner, 0.0, placed=decayed)
    steps = _steps(runner, sequence, (decayed, plain, update_without_decay_history), after)
    # In the replay of the first step the constructor's weight_decay is 0 too. Only later steps show
    # whether the group's value is read.
    replayed = any(bool(step.moved.any()) for step in steps if step.number)
    if not replayed:
        after = [
            [path[number] + without[number + 1] - without[number] for path, without in zip(decayed, plain, strict=True)]
            for number in range(len(sequence.lrs))
        ]
        steps = _steps(runner, sequence, (decayed, plain, update_without_decay_history), after)
    return ReplayedRun(sequence, tuple(decayed), tuple(plain), steps, replayed, runner.eps)


def _end_without_last_decay(runner: SubjectRunner, sequence: GradientSequence, number: int) -> list[Tensor]:
    """Return the weights after step `number` of a run that decays in all earlier steps and not in this one."""
    return [path[-1] for path in sequence.run(runner, [*[sequence.weight_decay] * number, 0.0])]


def _steps(
    runner: SubjectRunner, sequence: GradientSequence, paths: tuple[list[Tensor], ...], after: list[list[Tensor]]
) -> tuple[Step, ...]:
    """Return every step of every tensor.

    `paths` are those with decay, without decay, and without decay from the decayed weights; `after[number]` are the weights
    after a step without decay.
    """
    return tuple(
        Step(
            number=number,
            tensor=tensor,
            weight=path[number].flatten(),
            update=(after[number][tensor] - path[number]).flatten(),
            decay=(path[number + 1] - after[number][tensor]).flatten(),
            gradient=sequence.gradients[number][tensor].flatten(),
            alone=(plain[number + 1] - plain[number]).flatten(),
            update_without_decay_history=(update_without_decay_history[number + 1] - path[number]).flatten(),
            eps=runner.eps,
        )
        for number in range(len(sequence.lrs))
        for tensor, (path, plain, update_without_decay_history) in enumerate(zip(*paths, strict=True))
    )


def residual(target: Tensor, *parts: Tensor) -> tuple[float, Tensor]:
    """Return the largest absolute residual of the least-squares fit of `target` on `parts`, and the coefficients, one a part."""
    sizes = torch.stack([part.abs().max().clamp_min(torch.finfo(torch.float64).tiny) for part in parts])
    columns = torch.stack(parts, dim=1) / sizes
    solution = torch.linalg.lstsq(columns, target[:, None], driver="gelsd").solution[:, 0]
    return float((target - columns @ solution).abs().max()), solution / sizes
