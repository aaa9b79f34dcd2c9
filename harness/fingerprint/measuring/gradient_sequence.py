"""On which weights, gradients and learning rates is a decay measured?

Weights of several magnitudes and both signs; gradients of several magnitudes, exactly zero in one column at every step and
here and there besides; learning rates that go up and down; lr x weight_decay between 0.045 and 0.12, and weight_decay itself
below 0.5, so that a decay that is not multiplied by the learning rate can be measured as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from harness.fingerprint.measuring.subject_runner import SubjectRunner

LRS = (0.25,) * 4 + (0.4,) * 5 + (0.15,) * 5 + (0.3,) * 6
WEIGHT_DECAY = 0.3
OTHER_LRS = (0.16, 0.16, 0.16, 0.256, 0.256, 0.1, 0.1)  # another base, another decay: their ratios share no factor
OTHER_DECAY = 0.45
OTHER_BUILT = (0.22, 0.19)  # the constructor's lr and the group's own, before a schedule sets that of the first step
SHAPES = ((4, 5), (3, 4))
SILENT = 1  # the column whose gradient is exactly zero at every step
SWELL = (1.0, 0.3, 2.0, 0.1, 0.05, 0.7, 3.0)  # gradients that grow and fade, so that a maximum of the past shows
EXPLODED = 1e3  # a path that goes this many times further than its start measures nothing


@dataclass(frozen=True)
class GradientSequence:
    """Where the weights start, and `gradients[step][tensor]`, whatever the weights are."""

    starts: tuple[Tensor, ...]
    gradients: tuple[tuple[Tensor, ...], ...]
    lrs: tuple[float, ...]
    weight_decay: float
    built: tuple[float, float] | None = None  # the constructor's lr and the group's own, where the first step has another

    def run(
        self,
        runner: SubjectRunner,
        weight_decay: float | Sequence[float],
        *,
        added: float = 0.0,
        masked: bool = False,
        placed: Sequence[Tensor] = (),
    ) -> list[Tensor]:
        """Return the paths in float64; `added` x weight_decay x w joins the gradients outside the optimizer.

        With `masked` it joins them only where they are not zero; `placed` are paths whose weights are set before each step.
        An optimizer that was asked to maximize is given the opposite.
        """
        sign = -1 if runner.options.get("maximize") else 1

        def gradients(step: int, weights: Sequence[Tensor]) -> list[Tensor]:
            for weight, path in zip(weights, placed, strict=False):
                weight.copy_(path[step])
            given = [one.to(runner.dtype) for one in self.gradients[step]]
            if added:
                pulls = [added * self.weight_decay * weight for weight in weights]
                given = [one + pull * (one != 0 if masked else 1) for one, pull in zip(given, pulls, strict=True)]
            return [sign * one for one in given]

        lrs = self.lrs[: _length(weight_decay, self.lrs)]
        paths = runner.run(self.starts, gradients, lrs=lrs, weight_decay=weight_decay, built=self.built)
        return [path.to(torch.float64) for path in paths]

    def reshaped(self, *shapes: tuple[int, ...]) -> GradientSequence:
        """Return the same numbers in other shapes."""
        starts = tuple(start.reshape(shape) for start, shape in zip(self.starts, shapes, strict=True))
        return replace(
            self,
            starts=starts,
            gradients=tuple(
                tuple(one.reshape(shape) for one, shape in zip(given, shapes, strict=True)) for given in self.gradients
            ),
        )

    def first(self, steps: int) -> GradientSequence:
        """Return the walk's first steps."""
        return replace(self, gradients=self.gradients[:steps], lrs=self.lrs[:steps])

    def from_starts(self, *factors: float) -> GradientSequence:
        """Return the walk from starts multiplied by `factors`, one a tensor."""
        return replace(self, starts=tuple(factor * start for factor, start in zip(factors, self.starts, strict=True)))


def draw_sequence(
    lrs: Sequence[float] = LRS, weight_decay: float = WEIGHT_DECAY, *, silent: bool = True, seed: int = 0
) -> GradientSequence:
    """Return the walk of a seed; `silent` says whether some gradients are exactly zero."""
    generator = torch.Generator().manual_seed(seed)
    starts, columns = [], []
    for number, shape in enumerate(SHAPES):
        size = shape[0] * shape[1]
        magnitudes = torch.logspace(-1.3, 0.5, size, dtype=torch.float64)[torch.randperm(size, generator=generator)]
        signs = 1 - 2 * (torch.arange(size) % 2)
        starts.append((magnitudes * signs * (1.13, 0.37)[number]).reshape(shape))
        loudness = torch.logspace(-1, 1, size, dtype=torch.float64)[torch.randperm(size, generator=generator)].reshape(shape)
        columns.append([_gradient(loudness, step, silent, generator) for step in range(len(lrs))])
    return GradientSequence(tuple(starts), tuple(zip(*columns, strict=True)), tuple(lrs), weight_decay)


@lru_cache(maxsize=8)
def default_sequence(runner: SubjectRunner) -> GradientSequence:
    """Return the usual walk, or one without zero gradients for an optimizer whose weights they blow up (0/0, 1/eps)."""
    sequence = draw_sequence()
    paths = [*sequence.run(runner, 0.0), *sequence.run(runner, sequence.weight_decay)]
    starts = [*sequence.starts, *sequence.starts]
    tame = all(
        bool(path.isfinite().all()) and float(path.abs().max()) < EXPLODED * (1 + float(start.abs().max()))
        for path, start in zip(paths, starts, strict=True)
    )
    return sequence if tame else draw_sequence(silent=False)


def _gradient(loudness: Tensor, step: int, silent: bool, generator: torch.Generator) -> Tensor:
    noise = torch.randn(loudness.shape, generator=generator, dtype=torch.float64)
    gradient = noise.sign() * (0.2 + noise.abs()) * loudness * SWELL[step % len(SWELL)]
    gap = torch.rand(loudness.shape, generator=generator) < 0.1
    if silent:
        gradient[gap] = 0.0
        gradient[:, SILENT] = 0.0
    return gradient


def _length(weight_decay: float | Sequence[float], lrs: Sequence[float]) -> int:
    return len(lrs) if isinstance(weight_decay, float) else len(weight_decay)
