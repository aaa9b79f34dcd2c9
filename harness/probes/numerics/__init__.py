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
    """A run of `steps` steps with the learning rate halved midway; the subject gets `weight_decay` as a tensor with gradient."""

    lr: float = 0.1
    weight_decay: float = 0.6
    steps: int = 10
    seed: int = 51


@dataclass(frozen=True)
class ImplementationPathsSettings:
    """`rule` selects the formula that the subject is compared with; `complex_weights` adds complex tensors, which some refuse."""

    rule: Rule
    lr: float = 0.2
    weight_decay: float = 0.5
    steps: int = 8
    complex_weights: bool = False
    seed: int = 31


@dataclass(frozen=True)
class RoundingRemediesSettings:
    """`copies` is the number of copies of every weight: many for a subject that draws random numbers, whose mean is judged."""

    copies: int = 1
    lr: float = 2.0e-3
    weight_decay: float = 0.5
    steps: int = 60
    noisy_steps: int = 20
    seed: int = 71


@dataclass(frozen=True)
class RoundingThresholdSettings:
    """Settings of the probe rounding_threshold.

    `lr_decay` is lr x weight_decay (at weight_decay 0.5); `factor_bits` the precision of 1 - lr_decay in bits; with
    `finite` the weights are expected to stay finite, else none of them. `noisy_steps` adds two runs with gradients.
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
    """`refused` is the expected value of the measure `refused`; `untouched_left` is expected to be 1 in both cases."""

    refused: bool
    lr: float = 0.1
    weight_decay: float = 0.6
    steps: int = 3


@dataclass(frozen=True)
class StepInBackwardSettings:
    """`passes` is the number of backward passes per update in the second experiment."""

    lr: float = 0.1
    weight_decay: float = 0.6
    steps: int = 8
    passes: int = 3
    seed: int = 41


PROBES = (
    Probe(
        "harness.probes.numerics.differentiable_step",
        "Return the two derivatives of the mean weight, over their closed forms.",
        DifferentiableStepSettings,
        {
            "by_decay": "derivative of the summed last weights by weight_decay, over its closed form (1)",
            "by_start": "derivative of a last weight by its starting value: the product of the decay factors (1)",
        },
    ),
    Probe(
        "harness.probes.numerics.implementation_paths",
        "Return the worst distance from the rule over the float64, the float32 and the complex tensors.",
        ImplementationPathsSettings,
        {
            "worst_double": "worst distance from the rule over float64 tensors (of the decay's effect)",
            "worst_single": "worst distance from the rule over float32 tensors (of the decay's effect)",
            "worst_complex": "worst distance from the rule over complex tensors, each part by itself (of the decay's effect)",
        },
    ),
    Probe(
        "harness.probes.numerics.rounding_remedies",
        "Return the mean of what is left, with its error, and how far runs with gradients lie from the rounded float32 run.",
        RoundingRemediesSettings,
        {
            "left": "mean bfloat16 weight left after the steps without gradient (of w0)",
            "differing": "bfloat16 weights that differ from the float32 run's, rounded, under gradients (share of weights)",
            "felt": "what decay takes on average from bfloat16 weights under gradients, over what it takes in float32 (ratio)",
        },
    ),
    Probe(
        "harness.probes.numerics.rounding_threshold",
        "Return which share of the weights decays, how strongly, what many steps leave, and whether gradients change that.",
        RoundingThresholdSettings,
        {
            "moved": "weights that decay moved at all (share of weights)",
            "left": "mean of what the steps leave of the weights (of w0)",
            "strength_least": "decay of the weight that lost least, over what lr x weight_decay asks for (ratio)",
            "strength_mean": "mean decay over what lr x weight_decay asks for (ratio)",
            "strength_most": "decay of the weight that lost most, over what lr x weight_decay asks for (ratio)",
            "not_finite": "weights that are no numbers after the steps (share of weights)",
            "changed_by_decay": "weights that decay changes by the end of a run with gradients (share of weights)",
        },
    ),
    Probe(
        "harness.probes.numerics.sparse_gradient",
        "Return whether a step on a sparse gradient is refused, and what is left of rows with and without a gradient.",
        SparseGradientSettings,
        {
            "refused": "whether a step on a sparse gradient raises (1 if so)",
            "untouched_left": "mean share that remains of the rows without a gradient (of w0)",
            "unlike_dense": (
                "largest distance of rows that no gradient named from their place under dense ones; 0 if refused (of w)"
            ),
            "named_moved": "mean change of the row that the gradient named (of w0)",
        },
    ),
    Probe(
        "harness.probes.numerics.step_in_backward",
        "Return how many elements differ between the two ways, and how often an update of several passes decays.",
        StepInBackwardSettings,
        {
            "differing": "elements that differ between steps in backward and one step over all parameters (elements)",
            "decays_accumulated": "decays of an update whose gradient is accumulated over the passes (decays an update)",
            "decays_in_backward": "decays of an update that steps in each backward pass (decays an update)",
        },
    ),
)
