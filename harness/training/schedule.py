"""Learning-rate schedules: a linear warm-up, then a constant rate or a cosine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up over `warmup_steps`, then the peak rate or a cosine that ends at `final_fraction` of the peak."""

    shape: Literal["constant", "cosine"]
    warmup_steps: int
    final_fraction: float = 1.0


def learning_rates(schedule: Schedule, peak: float, steps: int) -> tuple[float, ...]:
    """Return the learning rate of every step. Step s of the warm-up (counted from 1) has peak * s / warmup_steps."""
    return tuple(peak * _fraction(schedule, step, steps) for step in range(1, steps + 1))


def _fraction(schedule: Schedule, step: int, steps: int) -> float:
    if step <= schedule.warmup_steps:
        return step / schedule.warmup_steps
    if schedule.shape == "constant":
        return 1.0
    progress = (step - schedule.warmup_steps) / (steps - schedule.warmup_steps)
    cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
    return schedule.final_fraction + (1.0 - schedule.final_fraction) * cosine
