"""Declarations of the probes that compare an update rule with its closed form: settings and measures of each.

Nothing in this file imports torch. The closed form and the experiment of a probe are in the module of its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.decay_laws import Law
from harness.probes.probe import Probe

Ridge = Literal["coupled", "decoupled", "independent", "independent_after", "proximal"]
RIVALS: tuple[Law, ...] = ("decoupled", "decay_after", "independent", "proximal", "coupled_momentum")


@dataclass(frozen=True)
class ConstantGradientSettings:
    """`law` names the normalised gradient s; `eps` is the one that the subject was built with (adamw only)."""

    lr: float
    weight_decay: float
    law: Literal["adamw", "sgd", "sign"]
    steps: int = 300
    eps: float = 1e-8


@dataclass(frozen=True)
class DecayRangeSettings:
    """`hidden` is the decay that is expected at weight_decay 0; `lr` is a power of two, so that the points are exact."""

    lr: float
    weight_decay: float
    hidden: float = 0.0
    steps: int = 4
    seed: int = 68


@dataclass(frozen=True)
class FixedPointSettings:
    """`law` names the point of rest; `linear_to_zero` is for adaptive subjects, which chatter at a constant lr.

    `momentum` and `eps` are those that the subject was built with; `eps` is read by finite_eps alone.
    """

    lr: float
    weight_decay: float
    law: Literal[Ridge, "box", "independent_box", "finite_eps", "unbiased"]
    schedule: Literal["constant", "linear_to_zero"] = "constant"
    steps: int = 400
    momentum: float = 0.0
    eps: float = 1e-8


@dataclass(frozen=True)
class ImpulseResponseSettings:
    """`rising` climbs linearly to `lr` and `falling` is the same learning rates in reverse."""

    lr: float
    weight_decay: float
    schedule: Literal["constant", "rising", "falling"] = "constant"
    steps: int = 64


@dataclass(frozen=True)
class ScaleFreenessSettings:
    """`scale` is the largest factor, and 1 / scale the smallest."""

    lr: float
    weight_decay: float
    steps: int = 150
    scale: float = 1e4
    seed: int = 41


@dataclass(frozen=True)
class SuperpositionSettings:
    """`law` is what the subject is held to; `momentum` is the momentum that coupled_momentum assumes."""

    lr: float
    weight_decay: float
    law: Law
    steps: int = 300
    momentum: float = 0.9
    seed: int = 23


@dataclass(frozen=True)
class SymmetrySettings:
    """`law` says what the first step leaves of a weight without a gradient."""

    lr: float
    weight_decay: float
    law: Literal["decoupled", "coupled_adam"] = "decoupled"
    steps: int = 4
    seed: int = 66


@dataclass(frozen=True)
class TwoInitsSettings:
    """`law` names the survival P_T that the subject is held to; gradients span `smallest` to `largest` in size."""

    lr: float
    weight_decay: float
    law: Literal["decoupled", "independent", "coupled_momentum"]
    steps: int = 300
    momentum: float = 0.0
    smallest: float = 1e-4
    largest: float = 1e4
    seed: int = 11


@dataclass(frozen=True)
class ZeroGradientSettings:
    """`law` is the closed form that the subject is held to; `momentum` is read by coupled_momentum alone."""

    lr: float
    weight_decay: float
    law: Literal["decoupled", "independent", "unscaled", "proximal", "coupled_momentum", "coupled_adam"]
    steps: int = 60
    momentum: float = 0.0


PROBES = (
    Probe(
        "harness.probes.rule.constant_gradient",
        "Return the worst departure from the closed form at any step, the bound reached and what it depends on.",
        ConstantGradientSettings,
        {
            "worst_error": "worst departure from the closed form over steps, coordinates and groups (fraction of max |w|)",
            "limit_slope": "slope of log |w_T| against log |g| (0: the gradient's size does not matter; 1: in proportion)",
            "limit_times_decay": "largest |w_T|, times the weight decay (1: the weights end on the box of half-width 1 / lambda)",
            "weak_gradient_growth": "|w_T| / |w_0| where an outward gradient is 40 times weaker than lambda |w_0| (ratio)",
        },
    ),
    Probe(
        "harness.probes.rule.decay_range",
        "Return which values are refused and the factor of a step at the others; of what takes no weight decay, only that.",
        DecayRangeSettings,
        {
            "weight_decay_refused": "whether the constructor refuses the argument weight_decay (1: yes)",
            "negative_refused": "whether a negative weight decay is refused (1: yes)",
            "nan_refused": "whether a weight decay of NaN is refused (1: yes)",
            "infinite_refused": "whether an infinite weight decay is refused (1: yes)",
            "infinite_lost": "weights that are not finite after one step at an infinite weight decay (elements)",
            "half_factor": "one step at lr x weight_decay 0.5 (fraction of w)",
            "whole_factor": "one step at lr x weight_decay 1 (fraction of w)",
            "beyond_factor": "one step at lr x weight_decay 1.5 (fraction of w)",
            "twice_factor": "one step at lr x weight_decay 2 (fraction of w)",
            "past_factor": "one step at lr x weight_decay 2.5 (fraction of w)",
            "warnings": "warnings during these steps (warnings)",
            "zero_factor": "one step at a weight decay of 0 (fraction of w)",
            "adam_error": "end at a weight decay of 0 against torch's Adam (fraction of max |w|)",
        },
    ),
    Probe(
        "harness.probes.rule.fixed_point",
        "Return the point of rest and the ridge penalty alpha = a (w* - w) / w that has its minimum there.",
        FixedPointSettings,
        {
            "alpha": "ridge penalty whose minimum is the point of rest, mean over the axes (penalty)",
            "alpha_spread": "largest minus smallest of it over the axes; 0 for a ridge (penalty)",
            "worst_error": "largest distance of an axis from the law's point of rest (weight)",
            "last_move": "largest move of the last step: is it at rest (weight)",
            "weight_flat": "point of rest on the axis a = 0.1, w* = 3 (weight)",
            "weight_steep": "point of rest on the axis a = 5, w* = 3 (weight)",
            "weight_small": "point of rest on the axis a = 1, w* = 0.4 (weight)",
        },
    ),
    Probe(
        "harness.probes.rule.impulse_response",
        "Return the shares of the start and of the gradients in the final weights, and the kernel's time constant.",
        ImpulseResponseSettings,
        {
            "worst_error": "worst departure of a share from the closed form, over steps and groups (fraction of the share)",
            "initial_share": "share of the start in the final weights, P_T (fraction)",
            "total_share": "shares of all gradients and of the start together (fraction)",
            "early_share": "share of the gradients of the first half of the run (fraction)",
            "timescale": "steps over which the trace of an update falls by e, fitted over the run (steps)",
        },
    ),
    Probe(
        "harness.probes.rule.scale_freeness",
        "Return how far scaling the gradients moves the path, as a fraction of what it travels.",
        ScaleFreenessSettings,
        {
            "change": "worst distance between the paths under scaled and plain gradients (fraction of the way)",
            "change_scaled_up": "the same over coordinates whose gradients were made larger (fraction of the way)",
            "change_scaled_down": "the same over coordinates whose gradients were made smaller (fraction of the way)",
        },
    ),
    Probe(
        "harness.probes.rule.superposition",
        "Return the residual under the law, and under each rival law, so that a subject that fails can be named.",
        SuperpositionSettings,
        {
            "residual": "worst distance at any step from the law held to (fraction of the decay's effect)",
            **{
                f"residual_{law}": f"worst distance at any step from the law {law} (fraction of the decay's effect)"
                for law in RIVALS
            },
        },
    ),
    Probe(
        "harness.probes.rule.symmetry",
        "Return how far mirrored, permuted and turned runs are from the run itself, and what becomes of zero.",
        SymmetrySettings,
        {
            "mirrored_error": "weights and gradients of the other sign against the same path mirrored (fraction of max |w|)",
            "permuted_error": "elements in another order against the same path reordered (fraction of max |w|)",
            "turned_error": "weights without gradient turned before the steps against turned after them (fraction of max |w|)",
            "zero_moved": "elements that leave zero without a gradient (elements)",
            "quiet_factor": "what the first step without a gradient leaves of a weight (fraction of w)",
            "update_response": "which way a step without decay goes along the gradient (-1 down, 1 up)",
        },
    ),
    Probe(
        "harness.probes.rule.two_inits",
        "Return the surviving share after one decay time, its spread over coordinates and the worst departure at any step.",
        TwoInitsSettings,
        {
            "survival": "share of the difference that remains after one decay time, mean over coordinates (fraction of d)",
            "survival_spread": "largest minus smallest of it over coordinates with gradients of different sizes (fraction of d)",
            "worst_error": "worst departure from the law over steps, coordinates and groups (fraction of d)",
        },
    ),
    Probe(
        "harness.probes.rule.zero_gradient",
        "Return the factors, the worst departure from the law, and what a step's shrink responds to.",
        ZeroGradientSettings,
        {
            "first_factor": "w after the first step over w before (factor a step)",
            "last_factor": "w after the last step over w before, at half the learning rate (factor a step)",
            "worst_error": "worst departure from the law over steps, weights and groups (fraction of w)",
            "magnitude_slope": "slope of log |first step| against log |w| (1: in proportion to w; 0: constant)",
            "lr_response": "shrink of the first step at twice the lr, over that at the lr (ratio)",
            "schedule_response": "shrink of the last step, when the schedule has halved the lr, over that of the first (ratio)",
            "factor_after_change": "w after a step with the group's weight decay doubled over w before (factor a step)",
            "factor_at_zero_lr": "w after a step at a learning rate of zero over w before (factor a step)",
            "exempt_factor": "w after three steps in a group whose weight decay is 0 over w before (fraction of w)",
            "decay_response": "shrink of the first step at twice the weight decay, over that at the weight decay (ratio)",
        },
    ),
)
