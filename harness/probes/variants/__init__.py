"""Declarations of the probes of variants: optimizers that average, mask, or estimate their learning rate.

Each declaration lists what a scenario can set and what the probe measures. Nothing here imports torch. The module with a
probe's name holds its closed form and its experiment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.probes.probe import Probe


@dataclass(frozen=True)
class AveragedWeightsSettings:
    """`keep`, `pull` and `every` are b, p and k of the probe's formulas; an arm's constructor options must agree with them."""

    law: Literal["ema", "equal", "lookahead", "schedule_free_y", "schedule_free_z"]
    lr: float = 0.1
    weight_decay: float = 0.5
    steps: int = 40
    keep: float = 0.9
    every: int = 5
    pull: float = 0.5


@dataclass(frozen=True)
class CautiousMaskSettings:
    """With `cautious`, the expected decay follows the mask; without it, decay is expected everywhere."""

    cautious: bool
    lr: float = 0.05
    weight_decay: float = 0.8
    steps: int = 5


@dataclass(frozen=True)
class EstimatedRateSettings:
    """A run of `steps` steps; `d0` is the first estimate of the arm's subject."""

    lr: float = 1.0
    weight_decay: float = 0.2
    d0: float = 1.0e-4
    steps: int = 40


PROBES = (
    Probe(
        "harness.probes.variants.averaged_weights",
        "Return what is left of the averaged weights, the lag of the average, and what swapping changes.",
        AveragedWeightsSettings,
        {
            "averaged_left": "share of the averaged weights that remains after the steps without gradient, the worst one (of w0)",
            "trained_left": "share of the trained weights that remains at the end of the run (of w0)",
            "lag": "averaged weight over trained weight at the end (ratio)",
            "swap_error": "worst change by showing the average and putting the trained weights back, twice (of w0)",
        },
    ),
    Probe(
        "harness.probes.variants.cautious_mask",
        "Return what the decay's own part of the last step is in each case, and at a weight of zero.",
        CautiousMaskSettings,
        {
            "shrinking": "decay's part where gradient and update shrink the weight (of lr x weight_decay x w)",
            "growing": "decay's part where gradient and update grow the weight (of lr x weight_decay x w)",
            "idle": "decay's part where there has been no gradient (of lr x weight_decay x w)",
            "turned_to_grow": "decay's part where only the last gradient grows the weight (of lr x weight_decay x w)",
            "turned_to_shrink": "decay's part where only the last gradient shrinks the weight (of lr x weight_decay x w)",
        },
    ),
    Probe(
        "harness.probes.variants.estimated_rate",
        "Return the worst distance of the decay from d x lr x weight_decay, its first value, and how much it grows.",
        EstimatedRateSettings,
        {
            "worst_error": "worst distance of a step's decay from d x lr x weight_decay (of w)",
            "first_decay": "share of the weight that the first step's decay takes (of w)",
            "growth": "decay of the last step over that of the first (ratio)",
        },
    ),
)
