"""Training settings that a study's scenario can name. Nothing in this module imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TASKS = ("verb_forms",)
MODELS = ("gpt",)
TRAJECTORY_STEPS = 100  # after about 140 steps, rounding errors are larger than an exact golden can tolerate


@dataclass(frozen=True)
class Recipe:
    """The training settings that all arms of a study share.

    `clip` is the largest gradient norm of a run: a larger gradient is scaled down. `embedding_std` is the initial standard
    deviation of the embeddings of symbols and positions. `final_fraction` is the last rate of a cosine, in peak rates.
    """

    steps: int = 2000
    batch_size: int = 4
    clip: float = 1.0
    embedding_std: float = 0.30
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: int = 200
    final_fraction: float = 1.0
    evaluate_every: int = 100

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """The steps of the checkpoints: 0, every step that `evaluate_every` divides, and the last step."""
        return tuple(step for step in range(self.steps + 1) if step % self.evaluate_every == 0 or step == self.steps)
