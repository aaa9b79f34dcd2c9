"""Declarations of the numerics probes: rounding, implementation paths, sparse gradients, autograd.

Each declaration lists what a scenario can set and what the probe measures. Nothing here imports torch. The module with a
probe's name holds its closed form and its experiment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.probes.probe import Probe

Rule = Literal["adamw", "adam_l2", "sgd_l2"]


@dataclass(frozen=True)
class DifferentiableStepSettings:
    """Settings of the probe differentiable_step.

    - `lr`: learning rate of the first half of the steps; the second half has half of it (no unit).
    - `weight_decay`: weight decay (no unit); the optimizer gets it as a tensor that requires a gradient.
    - `steps`: length of the run (steps).
    - `seed`: seed of the gradients.
    """

    lr: float = 0.1
    weight_decay: float = 0.6
    steps: int = 10
    seed: int = 51


@dataclass(frozen=True)
class ImplementationPathsSettings:
    """Settings of the probe implementation_paths.

    - `rule`: the update rule that the weights are compared with: `adamw`, `adam_l2` or `sgd_l2` (momentum 0.9).
    - `lr`, `weight_decay`: learning rate and weight decay of the first parameter group (no unit); the second group has 0.75 and 2
      times these values.
    - `steps`: length of the run (steps).
    - `complex_weights`: True if the run also has complex tensors, which some implementations refuse.
    - `seed`: seed of the weights and the gradients.
    """

    rule: Rule
    lr: float = 0.2
    weight_decay: float = 0.5
    steps: int = 8
    complex_weights: bool = False
    seed: int = 31


@dataclass(frozen=True)
class RoundingRemediesSettings:
    """Settings of the probe rounding_remedies.

    - `copies`: number of copies of every weight (no unit). With more than 1 only the mean remaining share is measured, with its
      standard error: an optimizer that rounds at random needs many copies.
    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit).
    - `steps`: length of the run without gradient (steps).
    - `noisy_steps`: length of the runs with gradients (steps).
    - `seed`: seed of the gradients.
    """

    copies: int = 1
    lr: float = 2.0e-3
    weight_decay: float = 0.5
    steps: int = 60
    noisy_steps: int = 20
    seed: int = 71


@dataclass(frozen=True)
class RoundingThresholdSettings:
    """Settings of the probe rounding_threshold.

    - `dtype`: number format of the weights.
    - `lr_decay`: lr x weight_decay (no unit); the weight decay is 0.5 and lr is twice this number.
    - `factor_bits`: precision of the factor 1 - lr_decay (bits of the significand).
    - `steps`: length of the run without gradient (steps).
    - `finite`: True if all weights are expected to be finite after the run; False if none is.
    - `noisy_steps`: length of two further runs, with gradients (steps); 0 means that there are none.
    - `seed`: seed of the gradients.
    """

    dtype: Literal["bfloat16", "float16", "float32"]
    lr_decay: float
    factor_bits: int = 24
    steps: int = 1
    finite: bool = True
    noisy_steps: int = 0
    seed: int = 61


@dataclass(frozen=True)
class SparseGradientSettings:
    """Settings of the probe sparse_gradient.

    - `refused`: True if a step on a sparse gradient is expected to raise an exception.
    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit).
    - `steps`: length of the runs (steps).
    """

    refused: bool
    lr: float = 0.1
    weight_decay: float = 0.6
    steps: int = 3


@dataclass(frozen=True)
class StepInBackwardSettings:
    """Settings of the probe step_in_backward.

    - `lr`, `weight_decay`: learning rate and weight decay of the optimizers (no unit).
    - `steps`: length of the first experiment (steps).
    - `passes`: number of backward passes in an update of the second experiment (passes).
    - `seed`: seed of the weights and the gradients.
    """

    lr: float = 0.1
    weight_decay: float = 0.6
    steps: int = 8
    passes: int = 3
    seed: int = 41


PROBES = (
    Probe(
        "harness.probes.numerics.differentiable_step",
        "Return the derivatives of the last weights by weight_decay and by the starting weights.",
        DifferentiableStepSettings,
        {
            "by_decay": "derivative of the sum of the last weights by weight_decay, over its closed form (no unit)",
            "by_start": "mean derivative of a last weight by its starting value: the product of the decay factors (no unit)",
        },
    ),
    Probe(
        "harness.probes.numerics.implementation_paths",
        "Return the largest distance from the update rule of the float64, the float32 and the complex tensors.",
        ImplementationPathsSettings,
        {
            "worst_double": "largest distance from the rule over float64 tensors (of the decay's effect)",
            "worst_single": "largest distance from the rule over float32 tensors (of the decay's effect)",
            "worst_complex": "largest distance from the rule over complex tensors, as two real parts (of the decay's effect)",
        },
    ),
    Probe(
        "harness.probes.numerics.rounding_remedies",
        "Return the mean remaining share of the weights, and the distance of runs with gradients from the rounded float32 run.",
        RoundingRemediesSettings,
        {
            "left": "mean bfloat16 weight after the steps without gradient (of w0)",
            "differing": "bfloat16 weights that differ from the float32 run's, rounded, under gradients (share of weights)",
            "felt": "mean effect of decay on bfloat16 weights under gradients, over the effect on float32 weights (ratio)",
        },
    ),
    Probe(
        "harness.probes.numerics.rounding_threshold",
        "Return the share of the weights that decay, their mean and extreme decay, and the share that decays under gradients.",
        RoundingThresholdSettings,
        {
            "moved": "weights that decay changed (share of weights)",
            "left": "mean weight after the steps (of w0)",
            "strength_least": "smallest decay of a weight, over the exact decay 1 - (1 - lr x weight_decay)^steps (ratio)",
            "strength_mean": "mean decay of the weights, over that exact decay (ratio)",
            "strength_most": "largest decay of a weight, over that exact decay (ratio)",
            "not_finite": "weights that are NaN or infinite after the steps (share of weights)",
            "changed_by_decay": "weights that decay changes by the end of a run with gradients (share of weights)",
        },
    ),
    Probe(
        "harness.probes.numerics.sparse_gradient",
        "Return 1 if a step on a sparse gradient is refused, and the changes of rows with and without a gradient.",
        SparseGradientSettings,
        {
            "refused": "1 if a step on a sparse gradient raises an exception, else 0",
            "untouched_left": "mean remaining share of the rows without a gradient (of w0)",
            "unlike_dense": (
                "largest distance of the rows without a gradient from these rows under dense gradients; 0 if refused (of w)"
            ),
            "named_moved": "mean change of the row with a gradient (of w0)",
        },
    ),
    Probe(
        "harness.probes.numerics.step_in_backward",
        "Return the elements that differ from one step over all parameters, and the decays of an update of several passes.",
        StepInBackwardSettings,
        {
            "differing": "elements that differ between steps in backward and one step over all parameters (elements)",
            "decays_accumulated": "decays of an update whose gradient is accumulated over the passes (decays an update)",
            "decays_in_backward": "decays of an update that steps in each backward pass (decays an update)",
        },
    ),
)
