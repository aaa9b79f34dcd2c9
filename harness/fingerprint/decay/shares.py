"""Shares of the weight that a decay takes: one for each step and tensor, or none if the decay is no share.

order      the share is one of
before     the weight, or what is left of it after the decay if the update depends on the decayed weight
after      the updated weight
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.fingerprint.measuring.replay import ReplayedRun, Step
from harness.fingerprint.measuring.subject_runner import SubjectRunner


@dataclass(frozen=True)
class DecayFraction:
    """Fraction of the weight that the decay takes at a step, and the residual as a fraction of the largest decay."""

    number: int
    tensor: int
    taken: float
    residual: float


def first_decaying_step(shares: Sequence[DecayFraction]) -> int:
    """Return the number of the first step that decays: some optimizers do nothing in their first steps."""
    return min((share.number for share in shares if share.taken), default=0)


def shares_of(run: ReplayedRun, order: str) -> tuple[DecayFraction, ...]:
    """Return the fraction that each step takes of the weight (`before`) or of the updated weight (`after`).

    Return nothing if the decay of any step is no share of it.
    """
    fractions = []
    for step in run.steps:
        moved, base = step.moved, step.weight if order == "before" else step.weight + step.update
        base, decay = base[moved], step.decay[moved]
        taken = -float(base @ decay / (base @ base)) if moved.any() else 0.0
        misfit = float((decay + taken * base).abs().max()) if moved.any() else 0.0
        if misfit > step.tolerance:
            return ()
        if moved.any() and not _masked(step, taken * (step.weight if order == "before" else step.weight + step.update)):
            return ()
        fractions.append(DecayFraction(step.number, step.tensor, taken, misfit / float(step.decay.abs().max() or 1.0)))
    return tuple(fractions)


def shares_before_a_dependent_update(runner: SubjectRunner, run: ReplayedRun) -> dict[str, tuple[DecayFraction, ...]]:
    """Return the shares, under `before`, of an optimizer that decays and then takes a step that depends on the decayed weight.

    Its decay is no share of the weight, because the step changes with it. Weights without gradient give the share of each step;
    a run without decay from the weights that these shares leave must take the same path. Return nothing if it does not.
    """
    silent = [torch.stack([row[number] == 0 for row in run.sequence.gradients]).all(dim=0) for number in range(len(run.decayed))]
    if not all(bool(mask.any()) for mask in silent):
        return {}
    if not all(bool((plain[:, mask] == plain[0][mask]).all()) for plain, mask in zip(run.plain, silent, strict=True)):
        return {}
    kept = [(path[1:, mask] / path[:-1, mask]).median(dim=1).values for path, mask in zip(run.decayed, silent, strict=True)]
    gap = gap_of_decay_first(runner, run, kept)
    rounding = 64 * run.eps * max(float(path.abs().max()) for path in run.decayed)
    if not gap <= rounding:  # a comparison with NaN is False
        return {}
    fractions = [
        DecayFraction(step, tensor, float(1 - kept[tensor][step]), 0.0)
        for step in range(len(run.sequence.lrs))
        for tensor in range(len(kept))
    ]
    return {"before": tuple(fractions)}


def gap_of_decay_first(runner: SubjectRunner, run: ReplayedRun, kept: Sequence[Tensor]) -> float:
    """Return how far the decayed weights are from those of an optimizer that decays first and then updates the decayed weight.

    `kept` has a factor for each tensor and step, [steps]. The tensors may have any number of dimensions.
    """
    placed = [path[:-1] * factors.view(-1, *[1] * (path.dim() - 1)) for path, factors in zip(run.decayed, kept, strict=True)]
    paths = run.sequence.run(runner, 0.0, placed=placed)
    return float(
        torch.stack([(path[1:] - decayed[1:]).abs().max() for path, decayed in zip(paths, run.decayed, strict=True)]).max()
    )


def _masked(step: Step, expected: Tensor) -> bool:
    """Return True if one mask explains all coordinates that should decay but do not: gradient zero, or the sign of update x w.

    Without such a mask, a fraction that fits the few decaying coordinates is no share of the weight. Cautious masks differ where
    the update is exactly zero (`>` or `>=`, or the sign bit of a zero), so these coordinates may decay or not.
    """
    spared = ~step.moved & (expected.abs() > 2 * step.noise)
    turned = spared & (step.update != 0)
    grows = step.update * step.weight > 0
    return bool((step.gradient == 0)[spared].all() or grows[turned].all() or not grows[turned].any())


def multiplies_up(run: ReplayedRun, shares: Mapping[str, Sequence[DecayFraction]]) -> bool:
    """Return True if weights without gradient end at the product of 1 - the share of each step, or stay where they are.

    If the state holds earlier weights, as heavy-ball momentum written as w - w_previous does, each step takes its share, and
    earlier shares go on to act.
    """
    fractions = next(iter(shares.values()))
    for tensor, (path, plain) in enumerate(zip(run.decayed, run.plain, strict=True)):
        silent = torch.stack([gradients[tensor] == 0 for gradients in run.sequence.gradients]).all(dim=0)
        before, after = path[0][silent], path[-1][silent]
        decayed = after != before  # a mask may spare all weights without gradient, or those of one sign
        if not decayed.any() or not bool((plain[:, silent] == plain[0][silent]).all()):
            continue
        expected = before * math.prod(1 - share.taken for share in fractions if share.tensor == tensor)
        if float((after - expected)[decayed].abs().max()) > max(run.tolerance, math.sqrt(run.eps) * float(before.abs().max())):
            return False
    return True
