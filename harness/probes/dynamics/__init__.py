"""Declarations of the probes of many steps (noise, norms, equilibria): settings and measures of each.

Nothing in this file imports torch. The closed form and the experiment of a probe are in the module of its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.probes.probe import Probe


@dataclass(frozen=True)
class LoudQuietAxesSettings:
    """What a scenario decides: `isotropic` decay, or decay `preconditioned` by the root of the second moment.

    `lr`, `weight_decay`, `steps`, `axes` (noise per axis, loudest first) belong to the noise. Its range is
    lr * weight_decay = 1e-3 over 300 steps: the first-order rate needs |weight_decay * w| well under the noise. The known
    preconditioner takes one step at `known_lr` * `known_weight_decay` = 0.1.
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
    """`law` names the point of rest; the second half of the steps is averaged, over `pairs` pairs of replicas."""

    lr: float
    weight_decay: float
    law: Literal["adamw", "ridge"]
    steps: int = 1000
    pairs: int = 128
    seed: int = 37


@dataclass(frozen=True)
class NormScaledDecaySettings:
    """`law` is what the subject is held to."""

    law: Literal["adamw", "adafactor", "lamb"]
    lr: float = 0.05
    weight_decay: float = 0.6
    seed: int = 81


@dataclass(frozen=True)
class NullSpaceSettings:
    """What a scenario decides: the law of the null space, and how much of the start lies in it (in units of |w*|).

    lr * weight_decay is about 0.01: fitting takes some 10 steps and must be over long before the decay is.
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
    """What a scenario decides: the update's law and the rates; the noise is drawn for (replicas, inputs).

    `start_decay` is the weight decay at whose equilibrium the run starts, `weight_decay` unless given: arms with and without
    decay can then start alike. lr * weight_decay is 1e-3 to 1e-2: the formulas with momentum are of first order in it.
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
    """What a scenario decides: how the optimizer's step scales with the gradient, and lr * weight_decay.

    Training with decay on a scale-invariant loss turns chaotic once the norm has fallen (the effective learning rate has then
    risen), so steps are few and short.
    """

    law: Literal["sgd", "normalised"]
    lr: float
    weight_decay: float
    steps: int = 30
    seed: int = 23


@dataclass(frozen=True)
class UnseenRowSettings:
    """What a scenario decides: which law the row follows, and the learning rate's schedule.

    `decoupled` is prod(1 - lr_t * weight_decay); `normalised` is Adam's coupled penalty, lr a step.
    """

    lr: float
    weight_decay: float
    law: Literal["decoupled", "normalised"] = "decoupled"
    schedule: Literal["constant", "warmup_cosine"] = "constant"
    steps: int = 300
    seed: int = 22


@dataclass(frozen=True)
class WeightSharingSettings:
    """What a scenario decides: decay `isotropic`, or `preconditioned` by the root of the second moment.

    The noise has standard deviation 1 a use. lr * weight_decay = 1e-3 and 300 steps, below the usual range: the first-order
    rate needs |weight_decay * w| well under 1 / sqrt(uses), and that is where the two laws part.
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
        "Return what is left of loud and quiet axes, and where the weight vector then points.",
        LoudQuietAxesSettings,
        {
            "loud_multiplier": "decay of the loud weight in the step after a known history, in lr x weight_decay x w",
            "quiet_multiplier": "decay of the quiet weight in the step after a known history, in lr x weight_decay x w",
            "loud_cosine_before": "cosine between (loud, quiet) and the loud axis before that step",
            "loud_cosine_after": "cosine between (loud, quiet) and the loud axis after that step",
            "silent_pace": "fall of a weight of 1 a step over 20 zero gradients, in units of lr",
            "silent_ratio": "that fall at 100 times the weight decay, over the fall at the weight decay",
            "loud_remaining": "mean weight left on the loudest axis under noise, as a fraction of w0",
            "quiet_remaining": "mean weight left on the quietest axis under noise, as a fraction of w0",
            "noise_loud_cosine": "cosine between the mean (loudest, quietest) weights and the loudest axis after the noise",
            "rate_slope": "slope of log decay rate against log gradient noise over the two loudest axes",
        },
    ),
    Probe(
        "harness.probes.dynamics.noisy_quadratic",
        "Return the mean point of rest on each axis, and the ridge penalty alpha that it amounts to.",
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
        "Return how first steps answer: without a gradient to weight decay and lr, with one to the size of the weights.",
        NormScaledDecaySettings,
        {
            "shrink": "share of the weight that the first step without gradient takes (of w)",
            "decay_response": "that share at twice the weight decay, over it at the weight decay (ratio)",
            "lr_response": "that share at twice the learning rate, over it at the learning rate (ratio)",
            "update_response": (
                "length of the first step without decay from weights three times as large, over the usual one (ratio)"
            ),
            "length_with_decay": "length of the first step with gradient and decay over that without decay (ratio)",
            "turn": "what decay turns the first step with a gradient by (1 - cosine)",
            "own_part": "what decay adds to the first step with a gradient, the worst of the weights (of lr x weight_decay x w)",
        },
    ),
    Probe(
        "harness.probes.dynamics.null_space",
        "Return what is left in the null space, and when the data are fitted and the rule is learnt.",
        NullSpaceSettings,
        {
            "null_norm": "norm of the weights' null-space part at the end, in units of |w*|",
            "null_deviation": "largest deviation of that norm from its law at any step, in units of |w*|",
            "null_lost": "norm of what the null-space part has lost since the start, in units of |w*|",
            "train_loss": "training loss at the end, as a fraction of the initial one",
            "test_error": "|w - w*|^2 at the end, in units of |w*|^2",
            "fitted_at": "first step at which the training loss is under 1 % of the initial one (the last step if never)",
            "learnt_at": "first step at which the test error is under 1 % of the initial one (the last step if never)",
        },
    ),
    Probe(
        "harness.probes.dynamics.rotational_equilibrium",
        "Return norm and turn per step in the second half of a run that starts at the predicted norm.",
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
        "Return how gradients, norms, the function and directions behave under decay before a normaliser.",
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
            "smallest_penalised_drop": "smallest fall of loss + weight_decay/2 |w|^2 in one of those steps",
            "rescaled_turn": "largest distance between the directions of (w0, lr, wd) and (3 w0, 3^p lr, wd / 3^p)",
        },
    ),
    Probe(
        "harness.probes.dynamics.unseen_row",
        "Return what training leaves of embedding rows that it never looks up, with weight decay and without.",
        UnseenRowSettings,
        {
            "unseen_ratio": "norm of the rows never looked up, as a fraction of their initial norm",
            "unseen_turn": "distance between the directions of those rows before and after",
            "half_life": "steps in which those rows halve, at their mean pace",
            "early_pace": "mean fall of their weights' sizes over the first 20 steps, in units of lr per step",
            "unseen_in_steps": "largest weight left in those rows, in units of lr",
            "unseen_change_without_decay": "largest change of a weight in those rows when weight decay is 0",
            "seen_ratio": "norm of the rows that are looked up, as a fraction of their initial norm",
            "seen_change_without_decay": "largest change of a weight in the rows that are looked up when weight decay is 0",
        },
    ),
    Probe(
        "harness.probes.dynamics.weight_sharing",
        "Return the decay rate of shared weights relative to a weight that is used once.",
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
