"""Are an optimizer's numbers those of another one, to rounding? Both walk on the same gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.subject_runner import SubjectRunner

STEPS = 40
LR, DECAYS = 0.02, (0.0, 4.0)  # lr x weight_decay = 0.08: decay is far from rounding, in either precision
ROUNDINGS = 1e3  # relative to the weight's own size; a step rounds a dozen times, and steps add up


def equivalence(path: str, reference: str) -> Finding:
    """Return `values = (reference,)` when no weight of 40 steps, with weight decay and without, is further off than rounding."""
    mine, theirs = SubjectRunner(path, {}), SubjectRunner(reference, {})
    try:
        worst = max(_difference(mine, theirs, decay) for decay in DECAYS)
    except Exception as error:  # float64 is refused, or the optimizer breaks: it says the same in single precision
        mine, theirs = SubjectRunner(path, {}, torch.float32), SubjectRunner(reference, {}, torch.float32)
        del error
        worst = max(_difference(mine, theirs, decay) for decay in DECAYS)
    allowed = ROUNDINGS * mine.eps
    if worst <= allowed:
        return Finding((reference,), f"within {worst:.1e} of {reference} at each of {STEPS} steps", {"difference": worst})
    return Finding(("another",), f"up to {worst:.2g} of a weight away from {reference} in {STEPS} steps", {"difference": worst})


def _difference(mine: SubjectRunner, theirs: SubjectRunner, weight_decay: float) -> float:
    """Return the largest difference of two paths, relative to the largest weight on either."""
    paths = [runner.run(_starts(), _gradients, lrs=_rates(), weight_decay=weight_decay) for runner in (mine, theirs)]
    worst = 0.0
    for one, other in zip(*paths, strict=True):
        scale = torch.maximum(one.abs().amax(), other.abs().amax()).item()
        worst = max(worst, (one - other).abs().max().item() / scale)
    return worst if worst == worst else float("inf")  # a path that is not finite is no path of the other


def _starts() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((4, 3), (3, 5))]


def _gradients(step: int, weights: Sequence[Tensor]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(100 + step)
    scale = 10.0 ** (step % 5 - 2)
    return [scale * torch.randn(weight.shape, generator=generator, dtype=torch.float64) for weight in weights]


def _rates() -> list[float]:
    return [LR * (1.0 if step < STEPS // 2 else 0.5) for step in range(STEPS)]
