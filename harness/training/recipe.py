"""What a scenario may say of a study's training. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TASKS = ("verb_forms",)
MODELS = ("gpt",)
TRAJECTORY_STEPS = 100  # after about 140 steps rounding has grown past what an exact golden can hold


@dataclass(frozen=True)
class Recipe:
    """What all arms of a study share. `clip` bounds each run's gradient norm; `embedding_std` holds for positions too."""

    steps: int = 2000
    batch_size: int = 4
    clip: float = 1.0
    embedding_std: float = 0.30
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: int = 200
    final_fraction: float = 1.0
    evaluate_every: int = 100
