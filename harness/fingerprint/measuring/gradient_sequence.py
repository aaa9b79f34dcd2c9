"""Weights, gradients and learning rates on which a fingerprint measures an update and its decay.

Weights have several magnitudes and both signs. Gradients have several magnitudes; they are exactly zero in one column at
every step, and at random positions elsewhere. Learning rates go up and down. lr x weight_decay lies between 0.045 and 0.12.
weight_decay itself is below 0.5, so that a decay that is not multiplied by the learning rate can be measured too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from harness.fingerprint.measuring.subject_runner import SubjectRunner, Watch

LRS = (0.25,) * 4 + (0.4,) * 5 + (0.15,) * 5 + (0.3,) * 6
WEIGHT_DECAY = 0.3
# Settings of a second sequence. The ratios of its learning rate and weight decay to the first
# ones, and the products of these ratios, all differ. A wrong scale of the decay cannot fit both.
OTHER_LRS = (0.16, 0.16, 0.16, 0.256, 0.256, 0.1, 0.1)
OTHER_DECAY = 0.45
OTHER_INITIAL_LRS = (0.22, 0.19)  # lr of the constructor and of the group, before a schedule sets the lr of the first step
SHAPES = ((4, 5), (3, 4))
ZERO_COLUMN = 1  # the column whose gradient is exactly zero at every step
SWELL = (1.0, 0.3, 2.0, 0.1, 0.05, 0.7, 3.0)  # factors by step: a maximum of past gradients differs from the present one
EXPLODED = 1e3  # nothing is measured on a path that reaches this many times 1 + the largest start


@dataclass(frozen=True)
class GradientSequence:
    """The start of the weights, and `gradients[step][tensor]`, which do not depend on the weights."""

    starts: tuple[Tensor, ...]
    gradients: tuple[tuple[Tensor, ...], ...]
    lrs: tuple[float, ...]
    weight_decay: float
    # Learning rates of constructor and group at construction, if they differ from the first step's.
    built: tuple[float, float] | None = None

    def run(
        self,
        runner: SubjectRunner,
        weight_decay: float | Sequence[float],
        *,
        added: float = 0.0,
        masked: bool = False,
        placed: Sequence[Tensor] = (),
        watch: Watch | None = None,
    ) -> list[Tensor]:
        """Return the path of each weight in float64, [steps + 1, *shape].

        A sequence of weight decays has one for each step, and its length limits the number of steps. `added` x weight_decay x w
        is added to the gradients outside the optimizer; with `masked` only where the gradients are not zero. Before each step
        the weights are set to the values of the paths in `placed`. An optimizer with maximize=True gets negated gradients.
        `watch` is called after each step.
        """
        sign = -1 if runner.options.get("maximize") else 1

        def gradients(step: int, weights: Sequence[Tensor]) -> list[Tensor]:
            for weight, path in zip(weights, placed, strict=False):
                weight.copy_(path[step])
            given = [gradient.to(runner.dtype) for gradient in self.gradients[step]]
            if added:
                pulls = [added * self.weight_decay * weight for weight in weights]
                given = [gradient + pull * (gradient != 0 if masked else 1) for gradient, pull in zip(given, pulls, strict=True)]
            return [sign * gradient for gradient in given]

        lrs = self.lrs[: _step_count(weight_decay, self.lrs)]
        paths = runner.run(self.starts, gradients, lrs=lrs, weight_decay=weight_decay, built=self.built, watch=watch)
        return [path.to(torch.float64) for path in paths]

    def reshaped(self, *shapes: tuple[int, ...]) -> GradientSequence:
        """Return the sequence with the same numbers in other shapes, one a tensor."""
        starts = tuple(start.reshape(shape) for start, shape in zip(self.starts, shapes, strict=True))
        return replace(
            self,
            starts=starts,
            gradients=tuple(
                tuple(gradient.reshape(shape) for gradient, shape in zip(row, shapes, strict=True)) for row in self.gradients
            ),
        )

    def first(self, steps: int) -> GradientSequence:
        """Return the sequence cut after its first `steps` steps."""
        return replace(self, gradients=self.gradients[:steps], lrs=self.lrs[:steps])

    def with_starts(self, starts: Sequence[Tensor]) -> GradientSequence:
        """Return the sequence with other starts."""
        return replace(self, starts=tuple(starts))

    def from_starts(self, *factors: float) -> GradientSequence:
        """Return the sequence with its starts multiplied by `factors`, one a tensor."""
        return replace(self, starts=tuple(factor * start for factor, start in zip(factors, self.starts, strict=True)))


def draw_sequence(
    lrs: Sequence[float] = LRS, weight_decay: float = WEIGHT_DECAY, *, silent: bool = True, seed: int = 0
) -> GradientSequence:
    """Return the sequence that follows from a seed; with `silent` some gradients are exactly zero."""
    generator = torch.Generator().manual_seed(seed)
    starts, columns = [], []
    for number, shape in enumerate(SHAPES):
        size = shape[0] * shape[1]
        magnitudes = torch.logspace(-1.3, 0.5, size, dtype=torch.float64)[torch.randperm(size, generator=generator)]
        signs = 1 - 2 * (torch.arange(size) % 2)
        starts.append((magnitudes * signs * (1.13, 0.37)[number]).reshape(shape))
        scale = torch.logspace(-1, 1, size, dtype=torch.float64)[torch.randperm(size, generator=generator)].reshape(shape)
        columns.append([_gradient(scale, step, silent, generator) for step in range(len(lrs))])
    return GradientSequence(tuple(starts), tuple(zip(*columns, strict=True)), tuple(lrs), weight_decay)


@lru_cache(maxsize=8)
def default_sequence(runner: SubjectRunner) -> GradientSequence:
    """Return the usual sequence; without zero gradients if they make the optimizer's weights blow up (0/0, 1/eps)."""
    sequence = draw_sequence()
    paths = [*sequence.run(runner, 0.0), *sequence.run(runner, sequence.weight_decay)]
    starts = [*sequence.starts, *sequence.starts]
    bounded = all(
        bool(path.isfinite().all()) and float(path.abs().max()) < EXPLODED * (1 + float(start.abs().max()))
        for path, start in zip(paths, starts, strict=True)
    )
    return sequence if bounded else draw_sequence(silent=False)


def _gradient(scale: Tensor, step: int, silent: bool, generator: torch.Generator) -> Tensor:
    """Return the random gradient of a step, of the size `scale` x SWELL; with `silent` parts of it are zero."""
    noise = torch.randn(scale.shape, generator=generator, dtype=torch.float64)
    gradient = noise.sign() * (0.2 + noise.abs()) * scale * SWELL[step % len(SWELL)]
    zeroed = torch.rand(scale.shape, generator=generator) < 0.1
    if silent:
        gradient[zeroed] = 0.0
        gradient[:, ZERO_COLUMN] = 0.0
    return gradient


def _step_count(weight_decay: float | Sequence[float], lrs: Sequence[float]) -> int:
    """Return the number of steps: the length of a sequence of weight decays, else that of the learning rates."""
    return len(lrs) if isinstance(weight_decay, float) else len(weight_decay)
