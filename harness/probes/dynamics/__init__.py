"""Declarations of the probes of many steps (noise, norms, equilibria): settings and measures of each.

Nothing in this file imports torch. The closed form and the experiment of a probe are in the module of its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.probes.probe import Probe


@dataclass(frozen=True)
class LoudQuietAxesSettings:
    """Settings of the probe loud_quiet_axes.

    - `law`: the expected decay: `isotropic` (equal on all axes), or `preconditioned` (divided by the square root of Adam's second
      moment).
    - `lr`, `weight_decay`: learning rate and weight decay of the experiments silent and noise (no unit). Their product is 1e-3:
      the closed form of `preconditioned` is true only while |weight_decay * w| is much smaller than the noise.
    - `steps`: length of the experiment noise (steps).
    - `replicas`: number of pairs of runs, with the gradients g and -g, in the experiment noise (pairs).
    - `axes`: standard deviation of the gradient noise on each axis, the largest first (unit of a gradient).
    - `known_lr`, `known_weight_decay`: learning rate and weight decay of the last step of the experiment known (no unit).
    - `seed`: seed of the noise.
    """

    law: Literal["isotropic", "preconditioned"]
    lr: float = 0.01
    weight_decay: float = 0.1
    steps: int = 300
    replicas: int = 256
    axes: tuple[float, ...] = (10.0, 1.0, 0.1)
    known_lr: float = 2.0
    known_weight_decay: float = 0.05
    seed: int = 20


@dataclass(frozen=True)
class NoisyQuadraticSettings:
    """Settings of the probe noisy_quadratic.

    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit).
    - `law`: the closed form of the mean point of rest: `adamw` (each axis has another ridge penalty), or `ridge` (every axis has
      the ridge penalty `weight_decay`).
    - `steps`: length of the run (steps); the mean is over its second half.
    - `pairs`: number of pairs of runs, with the noise xi and -xi (pairs).
    - `seed`: seed of the noise.
    """

    lr: float
    weight_decay: float
    law: Literal["adamw", "ridge"]
    steps: int = 1000
    pairs: int = 128
    seed: int = 37


@dataclass(frozen=True)
class NormScaledDecaySettings:
    """Settings of the probe norm_scaled_decay.

    - `law`: the closed form that the measures are compared with: `adamw`, `adafactor` or `lamb`.
    - `lr`, `weight_decay`: learning rate and weight decay of the first step (no unit); single measures double them.
    - `seed`: seed of the initial weights and the gradient.
    """

    law: Literal["adamw", "adafactor", "lamb"]
    lr: float = 0.05
    weight_decay: float = 0.6
    seed: int = 81


@dataclass(frozen=True)
class NullSpaceSettings:
    """Settings of the probe null_space.

    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit). Their product is about 0.01: the data are
      fitted after about 10 steps, and at that time the decay must have removed only a small part of the weights.
    - `law`: the closed form in the null space: `plain` (SGD without momentum), or `heavy_ball` (the penalty goes through the
      momentum buffer).
    - `momentum`: momentum of the optimizer in the arm (no unit); only `heavy_ball` uses it.
    - `null_norm`: norm of the part of the initial weights that is in the null space (in units of |w*|).
    - `steps`: length of the run (steps).
    - `seed`: seed of the features and the initial weights.
    """

    lr: float
    weight_decay: float
    law: Literal["plain", "heavy_ball"] = "plain"
    momentum: float = 0.0
    null_norm: float = 10.0
    steps: int = 300
    seed: int = 25


@dataclass(frozen=True)
class RotationalEquilibriumSettings:
    """Settings of the probe rotational_equilibrium; its noise has the shape (replicas, inputs).

    - `law`: the update rule, which selects the gradients and the closed form: `sgd`, `heavy_ball` or `adamw`.
    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit). Their product is 1e-3 to 1e-2, because the
      formulas for `heavy_ball` and `adamw` are of first order in it.
    - `momentum`: momentum of the optimizer in the arm (no unit); only `heavy_ball` uses it.
    - `beta1`: coefficient of Adam's first moment in the arm (no unit); only `adamw` uses it.
    - `start_decay`: weight decay at whose equilibrium norm the run starts (no unit); 0 means `weight_decay`. With it, an arm
      without decay can start at the same norm as an arm with decay.
    - `steps`: length of the run (steps).
    - `replicas`: number of independent weight vectors (vectors); the standard error is over them.
    - `inputs`: length of each weight vector (elements).
    - `seed`: seed of the noise and the initial directions.
    """

    law: Literal["sgd", "heavy_ball", "adamw"]
    lr: float
    weight_decay: float
    momentum: float = 0.0
    beta1: float = 0.9
    start_decay: float = 0.0
    steps: int = 400
    replicas: int = 32
    inputs: int = 256
    seed: int = 26

    @property
    def reference(self) -> float:
        """The weight decay at whose equilibrium the run starts."""
        return self.start_decay or self.weight_decay


@dataclass(frozen=True)
class ScaleInvarianceSettings:
    """Settings of the probe scale_invariance.

    - `law`: the dependence of a step on the size of the gradient: `sgd` (proportional), or `normalised` (none).
    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit).
    - `steps`: length of the runs (steps). It is small: decay makes the norm of the weights smaller and so the effective learning
      rate larger, and in a long run rounding errors would then grow to the size of the weights.
    - `seed`: seed of the regression and the initial weight.
    """

    law: Literal["sgd", "normalised"]
    lr: float
    weight_decay: float
    steps: int = 30
    seed: int = 23


@dataclass(frozen=True)
class UnseenRowSettings:
    """Settings of the probe unseen_row.

    - `lr`: learning rate, or the largest learning rate of the schedule (no unit).
    - `weight_decay`: weight decay of the optimizer (no unit).
    - `law`: the expected change of the row in step t: `decoupled` (it is multiplied by 1 - lr_t * weight_decay), or `normalised`
      (Adam's coupled penalty: each element loses lr_t).
    - `schedule`: `constant`, or `warmup_cosine` (10 % linear warm-up, then a cosine to 10 % of `lr`).
    - `steps`: length of the training (steps).
    - `seed`: seed of the initial weights.
    """

    lr: float
    weight_decay: float
    law: Literal["decoupled", "normalised"] = "decoupled"
    schedule: Literal["constant", "warmup_cosine"] = "constant"
    steps: int = 300
    seed: int = 22


@dataclass(frozen=True)
class WeightSharingSettings:
    """Settings of the probe weight_sharing; the gradient noise of each use has the standard deviation 1.

    - `law`: the expected decay: `isotropic` (the same rate for any number of uses), or `preconditioned` (divided by the square
      root of Adam's second moment).
    - `lr`, `weight_decay`: learning rate and weight decay of the first experiment (no unit). Their product is 1e-3: the closed
      form of `preconditioned` is true only while |weight_decay * w| is much smaller than 1 / sqrt(uses).
    - `steps`: length of the first experiment (steps).
    - `few`, `many`: the two numbers of uses of a weight in a step that are compared with one use (uses).
    - `replicas`: number of pairs of runs, with the gradients g and -g (pairs).
    - `unroll`: number of uses of the recurrent weight in an update of the second experiment (uses).
    - `unroll_lr`, `unroll_weight_decay`: learning rate and weight decay of the second experiment (no unit).
    - `seed`: seed of the noise.
    """

    law: Literal["isotropic", "preconditioned"]
    lr: float = 0.02
    weight_decay: float = 0.05
    steps: int = 300
    few: int = 4
    many: int = 64
    replicas: int = 64
    unroll: int = 200
    unroll_lr: float = 0.5
    unroll_weight_decay: float = 0.2
    seed: int = 21


PROBES = (
    Probe(
        "harness.probes.dynamics.loud_quiet_axes",
        "Return the decay of weights with large and with small gradients, and the direction of the weight vector after it.",
        LoudQuietAxesSettings,
        {
            "loud_multiplier": "decay of the loud weight in the step after a known history, in lr x weight_decay x w",
            "quiet_multiplier": "decay of the quiet weight in the step after a known history, in lr x weight_decay x w",
            "loud_cosine_before": "cosine between (loud, quiet) and the loud axis before that step",
            "loud_cosine_after": "cosine between (loud, quiet) and the loud axis after that step",
            "silent_pace": "mean decrease per step of a weight of 1, over 20 steps with zero gradient, in units of lr",
            "silent_ratio": "total decrease of that weight at 100 times the weight decay, over the decrease at the weight decay",
            "loud_remaining": "mean weight left on the loudest axis under noise, as a fraction of w0",
            "quiet_remaining": "mean weight left on the quietest axis under noise, as a fraction of w0",
            "noise_loud_cosine": "cosine between the mean (loudest, quietest) weights and the loudest axis after the noise",
            "rate_slope": "slope of log decay rate against log gradient noise over the two loudest axes",
        },
    ),
    Probe(
        "harness.probes.dynamics.noisy_quadratic",
        "Return the mean point of rest on each axis, and the ridge penalty alpha that has its minimum there.",
        NoisyQuadraticSettings,
        {
            "weight_quiet": "mean point of rest on the axis with sigma = 0.5 (weight)",
            "weight_middle": "mean point of rest on the axis with sigma = 2 (weight)",
            "weight_loud": "mean point of rest on the axis with sigma = 8 (weight)",
            "alpha_quiet": "ridge penalty with its minimum at the quiet axis's point of rest (penalty)",
            "alpha_loud": "ridge penalty with its minimum at the loud axis's point of rest (penalty)",
            "alpha_slope": "slope of log alpha against log RMS gradient (1: the penalty grows with the noise; 0: it does not)",
        },
    ),
    Probe(
        "harness.probes.dynamics.norm_scaled_decay",
        "Return the effects of weight decay, learning rate and the norm of the weights on the first step.",
        NormScaledDecaySettings,
        {
            "shrink": "decrease of the weights in the first step without a gradient (fraction of w)",
            "decay_response": "`shrink` at twice the weight decay, over `shrink` (ratio)",
            "lr_response": "`shrink` at twice the learning rate, over `shrink` (ratio)",
            "update_response": (
                "length of the first step without decay at three times the weights, over the length at the weights (ratio)"
            ),
            "length_with_decay": "length of the first step with gradient and decay over that without decay (ratio)",
            "turn": "angle between the first steps with and without decay, on the same gradient (1 - cosine)",
            "own_part": "change of the first step by decay, at the weight furthest from 1 (of lr x weight_decay x w)",
        },
    ),
    Probe(
        "harness.probes.dynamics.null_space",
        "Return the norm of the null-space part, and the steps after which the training loss and the test error are small.",
        NullSpaceSettings,
        {
            "null_norm": "norm of the weights' null-space part at the end, in units of |w*|",
            "null_deviation": "largest deviation of that norm from its law at any step, in units of |w*|",
            "null_lost": "norm of the change of the null-space part since the start, in units of |w*|",
            "train_loss": "training loss at the end, as a fraction of the initial one",
            "test_error": "|w - w*|^2 at the end, in units of |w*|^2",
            "fitted_at": "first step at which the training loss is under 1 % of its initial value (the last step if none)",
            "learnt_at": "first step at which the test error is under 1 % of its initial value (the last step if none)",
        },
    ),
    Probe(
        "harness.probes.dynamics.rotational_equilibrium",
        "Return the norm and the turn per step in the second half of a run that starts at the predicted norm.",
        RotationalEquilibriumSettings,
        {
            "norm": "mean norm of the weights over the second half of the steps",
            "turn": "mean angle between the weights before and after a step over the second half, in radians",
            "last_turn": "angle between the weights before and after the last step, in radians",
            "last_norm": "norm after the last step, as a fraction of the initial norm",
            "relaxation": "rate at which |w|^4 approaches its equilibrium (plain SGD only), in lr x weight_decay per step",
        },
    ),
    Probe(
        "harness.probes.dynamics.scale_invariance",
        "Return measures of gradients, norms, loss and directions of weights before a normaliser, with and without decay.",
        ScaleInvarianceSettings,
        {
            "gradient_cosine": "largest |cosine| between weight and gradient over the run",
            "gradient_scaling": "distance of 3 * grad L(3 w) from grad L(w), as a fraction of the gradient's norm",
            "norm_defect": "largest defect of |w'|^2 = (1 - lr wd)^2 |w|^2 + lr^2 |g|^2 over the steps, as a fraction of |w|^2",
            "smallest_growth": "smallest relative growth of the norm in a step when weight decay is 0",
            "norm_without_decay": "norm at the end when weight decay is 0, as a fraction of the initial norm",
            "norm_with_decay": "norm at the end with weight decay, as a fraction of the initial norm",
            "idle_norm": "norm after 10 steps with zero gradients, as a fraction of the initial norm",
            "function_change": "change of the loss over those steps, normaliser without eps",
            "function_change_with_eps": "change of the loss over those steps, normaliser with eps 1e-5",
            "smallest_penalised_drop": "smallest decrease of loss + weight_decay/2 |w|^2 in any of those steps",
            "rescaled_turn": "largest distance between the directions of (w0, lr, wd) and (3 w0, 3^p lr, wd / 3^p)",
        },
    ),
    Probe(
        "harness.probes.dynamics.unseen_row",
        "Return the changes of embedding rows that training never looks up, and of the others, with and without weight decay.",
        UnseenRowSettings,
        {
            "unseen_ratio": "norm of the rows never looked up, as a fraction of their initial norm",
            "unseen_turn": "distance between the directions of those rows before and after",
            "half_life": "steps in which those rows halve, at their mean rate of decay",
            "early_pace": "mean decrease of |w| in those rows over the first 20 steps, in units of lr per step",
            "unseen_in_steps": "largest weight left in those rows, in units of lr",
            "unseen_change_without_decay": "largest change of a weight in those rows when weight decay is 0",
            "seen_ratio": "norm of the rows that are looked up, as a fraction of their initial norm",
            "seen_change_without_decay": "largest change of a weight in the rows that are looked up when weight decay is 0",
        },
    ),
    Probe(
        "harness.probes.dynamics.weight_sharing",
        "Return the decay rate of shared weights, relative to the rate of a weight that is used once in a step.",
        WeightSharingSettings,
        {
            "sum_few": "decay rate with few independent uses summed, relative to one use",
            "sum_many": "decay rate with many independent uses summed, relative to one use",
            "mean_few": "decay rate with few independent uses averaged, relative to one use",
            "mean_many": "decay rate with many independent uses averaged, relative to one use",
            "coherent_few": ("decay rate with few equal gradients summed, relative to one use"),
            "coherent_many": "decay rate with many equal gradients summed, relative to one use",
            "once_remaining": "mean weight left when it is used once, as a fraction of w0",
            "unroll_difference": (
                "recurrent weight after updates through a long unroll minus through one use, as a fraction of w0"
            ),
            "unroll_remaining": "recurrent weight left after the updates through the long unroll, as a fraction of w0",
        },
    ),
)
