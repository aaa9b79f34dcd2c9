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
    """Settings of the probe averaged_weights; b, k and p are the symbols of its formulas.

    - `law`: the closed form: `ema` (moving average), `equal` (plain mean), `lookahead`, `schedule_free_y` or `schedule_free_z`
      (decay at the point y or z of Schedule-Free).
    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit).
    - `steps`: length of the run (steps); `lookahead` needs a multiple of `every`.
    - `keep`: b, the share of the old average that a step keeps (no unit); `ema` and `schedule_free_y` use it.
    - `every`: k, the number of steps between two updates of Lookahead's slow weights (steps).
    - `pull`: p, the share of the way that the slow weights move toward the fast weights (no unit).

    If the optimizer itself computes the average, these values must be those of the arm's constructor options.
    """

    law: Literal["ema", "equal", "lookahead", "schedule_free_y", "schedule_free_z"]
    lr: float = 0.1
    weight_decay: float = 0.5
    steps: int = 40
    keep: float = 0.9
    every: int = 5
    pull: float = 0.5


@dataclass(frozen=True)
class CautiousMaskSettings:
    """Settings of the probe cautious_mask.

    - `cautious`: True if decay is expected only where update and weight have one sign; False if it is expected in every case.
    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit).
    - `steps`: length of the runs (steps); the last step is measured.
    """

    cautious: bool
    lr: float = 0.05
    weight_decay: float = 0.8
    steps: int = 5


@dataclass(frozen=True)
class EstimatedRateSettings:
    """Settings of the probe estimated_rate.

    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit).
    - `d0`: first estimate of the learning rate (no unit); it must be that of the arm's constructor options.
    - `steps`: length of the run (steps).
    """

    lr: float = 1.0
    weight_decay: float = 0.2
    d0: float = 1.0e-4
    steps: int = 40


PROBES = (
    Probe(
        "harness.probes.variants.averaged_weights",
        "Return the remaining shares of the averaged and of the trained weights, their ratio, and the error of swapping them.",
        AveragedWeightsSettings,
        {
            "averaged_left": "remaining share of the averaged weights, at the weight furthest from the closed form (of w0)",
            "trained_left": "remaining share of the trained weights at the end of the run (of w0)",
            "lag": "averaged weight over trained weight at the end (ratio)",
            "swap_error": "largest change of a weight after swapping in the average and swapping back, twice (of w0)",
        },
    ),
    Probe(
        "harness.probes.variants.cautious_mask",
        "Return the part of the last step that weight decay causes, in each case.",
        CautiousMaskSettings,
        {
            "shrinking": "part of the step due to decay where gradient and update shrink w (of lr x weight_decay x w)",
            "growing": "part of the step due to decay where gradient and update grow w (of lr x weight_decay x w)",
            "idle": "part of the step due to decay where all gradients were zero (of lr x weight_decay x w)",
            "turned_to_grow": "part of the step due to decay where only the last gradient grows w (of lr x weight_decay x w)",
            "turned_to_shrink": "part of the step due to decay where only the last gradient shrinks w (of lr x weight_decay x w)",
        },
    ),
    Probe(
        "harness.probes.variants.estimated_rate",
        "Return the largest distance of the decay from d x lr x weight_decay, the decay of the first step, and its growth.",
        EstimatedRateSettings,
        {
            "worst_error": "largest distance of a step's decay from d x lr x weight_decay (of w)",
            "first_decay": "decrease of the weight in the first step (of w)",
            "growth": "decay of the last step over that of the first (ratio)",
        },
    ),
)
