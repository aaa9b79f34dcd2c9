"""Equivalence of two optimizers: on the same gradients, their weights agree to rounding."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.subject_runner import SubjectRunner

STEPS = 40
LR, DECAYS = 0.02, (0.0, 4.0)  # lr x weight_decay = 0.08: the decay is far larger than rounding in both precisions
ROUNDINGS = 1e3  # in units of eps x the largest weight; a step rounds a dozen times, and its errors add up over the steps


def equivalence(path: str, reference: str) -> Finding:
    """Compare an optimizer with a reference on the same gradients, with weight decay and without.

    Return `values = (reference,)` if the weights of all 40 steps differ by rounding at most, and `("another",)` otherwise.
    Both are import paths. Raises what either optimizer raises in float32.
    """
    mine, theirs = SubjectRunner(path, {}), SubjectRunner(reference, {})
    try:
        worst = max(_difference(mine, theirs, decay) for decay in DECAYS)
    except Exception as error:
        # One of them refuses float64, or is broken. A broken optimizer raises its error again in
        # single precision.
        mine, theirs = SubjectRunner(path, {}, torch.float32), SubjectRunner(reference, {}, torch.float32)
        del error
        worst = max(_difference(mine, theirs, decay) for decay in DECAYS)
    allowed = ROUNDINGS * mine.eps
    if worst <= allowed:
        return Finding(
            (reference,),
            f"the weights agree with those of {reference} in each of {STEPS} steps, within {worst:.1e}",
            {"difference": worst},
        )
    return Finding(
        ("another",),
        f"the weights differ from those of {reference} by up to {worst:.2g} of the largest weight in {STEPS} steps",
        {"difference": worst},
    )


def _difference(mine: SubjectRunner, theirs: SubjectRunner, weight_decay: float) -> float:
    """Return the largest difference of two paths, relative to the largest weight of either path."""
    paths = [runner.run(_starts(), _gradients, lrs=_rates(), weight_decay=weight_decay) for runner in (mine, theirs)]
    worst = 0.0
    for first, second in zip(*paths, strict=True):
        scale = torch.maximum(first.abs().amax(), second.abs().amax()).item()
        worst = max(worst, (first - second).abs().max().item() / scale)
    return worst if worst == worst else float("inf")  # nan: a path that is not finite equals no other


def _starts() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((4, 3), (3, 5))]


def _gradients(step: int, weights: Sequence[Tensor]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(100 + step)
    scale = 10.0 ** (step % 5 - 2)
    return [scale * torch.randn(weight.shape, generator=generator, dtype=torch.float64) for weight in weights]


def _rates() -> list[float]:
    return [LR * (1.0 if step < STEPS // 2 else 0.5) for step in range(STEPS)]
