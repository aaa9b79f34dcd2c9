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
    """Settings of the probe constant_gradient.

    - `lr`, `weight_decay`: learning rate and weight decay of the first parameter group (no unit); the second group has 0.75 and 2
      times these values. The learning rate is halved after half of the steps.
    - `law`: the normalised gradient s of the closed form: `adamw` (g / (|g| + eps)), `sgd` (g) or `sign` (the sign of g).
    - `steps`: length of the run (steps).
    - `eps`: eps of the optimizer in the arm (unit of a gradient); only `adamw` uses it.
    """

    lr: float
    weight_decay: float
    law: Literal["adamw", "sgd", "sign"]
    steps: int = 300
    eps: float = 1e-8


@dataclass(frozen=True)
class DecayRangeSettings:
    """Settings of the probe decay_range.

    - `lr`: learning rate (no unit), a power of two, so that lr x weight_decay is exact at every measured value.
    - `weight_decay`: weight decay of the first constructor call and of the effect sizes (no unit).
    - `hidden`: the decay that is expected at a weight decay of 0 (no unit).
    - `steps`: length of the run that is compared with torch's Adam (steps).
    - `seed`: seed of the weights and the gradients.
    """

    lr: float
    weight_decay: float
    hidden: float = 0.0
    steps: int = 4
    seed: int = 68


@dataclass(frozen=True)
class FixedPointSettings:
    """Settings of the probe fixed_point.

    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit).
    - `law`: the closed form of the point of rest; the docstring of the probe lists them.
    - `schedule`: `constant`, or `linear_to_zero` for adaptive optimizers, which oscillate around the point of rest at a constant
      learning rate.
    - `steps`: length of the run (steps).
    - `momentum`: momentum of the optimizer in the arm (no unit).
    - `eps`: eps of the optimizer in the arm (unit of a gradient); only `finite_eps` uses it.
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
    """Settings of the probe impulse_response.

    - `lr`, `weight_decay`: learning rate (the largest of the schedule) and weight decay of the first parameter group (no unit);
      the second group has 0.75 and 2 times these values.
    - `schedule`: `constant`, `rising` (linear, up to `lr`), or `falling` (the same learning rates in reverse order).
    - `steps`: length of the run (steps).
    """

    lr: float
    weight_decay: float
    schedule: Literal["constant", "rising", "falling"] = "constant"
    steps: int = 64


@dataclass(frozen=True)
class ScaleFreenessSettings:
    """Settings of the probe scale_freeness.

    - `lr`, `weight_decay`: learning rate and weight decay of the first parameter group (no unit); the second group has 0.75 and 2
      times these values. The learning rate is halved after half of the steps.
    - `steps`: length of the run (steps).
    - `scale`: largest factor of a gradient; the smallest factor is 1 / scale (no unit).
    - `seed`: seed of the weights and the gradients.
    """

    lr: float
    weight_decay: float
    steps: int = 150
    scale: float = 1e4
    seed: int = 41


@dataclass(frozen=True)
class SuperpositionSettings:
    """Settings of the probe superposition.

    - `lr`, `weight_decay`: learning rate and weight decay of the first parameter group (no unit); the second group has 0.75 and 2
      times these values. The learning rate is halved after half of the steps.
    - `law`: the law whose path the weights are compared with.
    - `steps`: length of the run (steps).
    - `momentum`: momentum in the law coupled_momentum (no unit); the other laws do not use it.
    - `seed`: seed of the weights and the gradients.
    """

    lr: float
    weight_decay: float
    law: Law
    steps: int = 300
    momentum: float = 0.9
    seed: int = 23


@dataclass(frozen=True)
class SymmetrySettings:
    """Settings of the probe symmetry.

    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit).
    - `law`: the closed form of the first step on a weight without a gradient: `decoupled`, or `coupled_adam` (Adam with L2).
    - `steps`: length of the run (steps).
    - `seed`: seed of the weights, the gradients, the permutation and the rotation.
    """

    lr: float
    weight_decay: float
    law: Literal["decoupled", "coupled_adam"] = "decoupled"
    steps: int = 4
    seed: int = 66


@dataclass(frozen=True)
class TwoInitsSettings:
    """Settings of the probe two_inits.

    - `lr`, `weight_decay`: learning rate and weight decay of the first parameter group (no unit); the second group has 0.75 and 2
      times these values. The learning rate is halved after 10 steps.
    - `law`: the closed form of P_T, the share of the difference that remains after T steps.
    - `steps`: length of the run (steps).
    - `momentum`: momentum of the optimizer in the arm (no unit); only `coupled_momentum` uses it.
    - `smallest`, `largest`: sizes of the gradients: each coordinate has its own size between them (unit of a gradient).
    - `seed`: seed of the weights and the gradients.
    """

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
    """Settings of the probe zero_gradient.

    - `lr`, `weight_decay`: learning rate and weight decay of the first parameter group (no unit); the second group has 0.75 and 2
      times these values. The learning rate is halved after half of the steps.
    - `law`: the closed form that the weights are compared with.
    - `steps`: length of the run (steps).
    - `momentum`: momentum of the optimizer in the arm (no unit); only `coupled_momentum` uses it.
    """

    lr: float
    weight_decay: float
    law: Literal["decoupled", "independent", "unscaled", "proximal", "coupled_momentum", "coupled_adam"]
    steps: int = 60
    momentum: float = 0.0


PROBES = (
    Probe(
        "harness.probes.rule.constant_gradient",
        "Return the largest distance from the closed form, the bound that the weights reach, and its dependence on the gradient.",
        ConstantGradientSettings,
        {
            "worst_error": "largest distance from the closed form over steps, coordinates and groups (fraction of max |w|)",
            "limit_slope": "slope of log |w_T| against log |g| (0: the gradient's size does not matter; 1: in proportion)",
            "limit_times_decay": "largest |w_T|, times the weight decay (1: the weights end on the box of half-width 1 / lambda)",
            "weak_gradient_growth": "|w_T| / |w_0| where an outward gradient is 40 times weaker than lambda |w_0| (ratio)",
        },
    ),
    Probe(
        "harness.probes.rule.decay_range",
        "Return the values of weight_decay that are refused and the factor of a step at the others, or that all are refused.",
        DecayRangeSettings,
        {
            "weight_decay_refused": "1 if the constructor refuses the argument weight_decay, else 0",
            "negative_refused": "1 if a negative weight decay is refused, else 0",
            "nan_refused": "1 if a weight decay of NaN is refused, else 0",
            "infinite_refused": "1 if an infinite weight decay is refused, else 0",
            "infinite_lost": "weights that are not finite after one step at an infinite weight decay (elements)",
            "half_factor": "one step at lr x weight_decay 0.5 (fraction of w)",
            "whole_factor": "one step at lr x weight_decay 1 (fraction of w)",
            "beyond_factor": "one step at lr x weight_decay 1.5 (fraction of w)",
            "twice_factor": "one step at lr x weight_decay 2 (fraction of w)",
            "past_factor": "one step at lr x weight_decay 2.5 (fraction of w)",
            "warnings": "warnings during these steps (warnings)",
            "zero_factor": "one step at a weight decay of 0 (fraction of w)",
            "adam_error": "last weights at a weight decay of 0 against those of torch's Adam (fraction of max |w|)",
        },
    ),
    Probe(
        "harness.probes.rule.fixed_point",
        "Return the point of rest and the ridge penalty alpha = a (w* - w) / w that has its minimum there.",
        FixedPointSettings,
        {
            "alpha": "ridge penalty whose minimum is the point of rest, mean over the axes (penalty)",
            "alpha_spread": "largest minus smallest alpha over the axes; 0 for a ridge penalty (penalty)",
            "worst_error": "largest distance of an axis from the law's point of rest (weight)",
            "last_move": "largest move of a weight in the last step; it is small at rest (weight)",
            "weight_flat": "point of rest on the axis a = 0.1, w* = 3 (weight)",
            "weight_steep": "point of rest on the axis a = 5, w* = 3 (weight)",
            "weight_small": "point of rest on the axis a = 1, w* = 0.4 (weight)",
        },
    ),
    Probe(
        "harness.probes.rule.impulse_response",
        "Return the shares of the start and of the gradients in the final weights, and the time constant of the decay.",
        ImpulseResponseSettings,
        {
            "worst_error": "largest distance of a share from the closed form, over steps and groups (fraction of the share)",
            "initial_share": "share of the start in the final weights, P_T (fraction)",
            "total_share": "shares of all gradients and of the start together (fraction)",
            "early_share": "share of the gradients of the first half of the run (fraction)",
            "timescale": "steps over which the share of an update falls to 1 / e, fitted over the run (steps)",
        },
    ),
    Probe(
        "harness.probes.rule.scale_freeness",
        "Return the distance between the paths with scaled and unscaled gradients, as a fraction of the largest move.",
        ScaleFreenessSettings,
        {
            "change": "largest distance between the paths with scaled and unscaled gradients (fraction of the largest move)",
            "change_scaled_up": "this distance over coordinates with larger scaled gradients (fraction of the largest move)",
            "change_scaled_down": "this distance over coordinates with smaller scaled gradients (fraction of the largest move)",
        },
    ),
    Probe(
        "harness.probes.rule.superposition",
        "Return the distance from the law of the settings and from each other law, which names the law of a subject that fails.",
        SuperpositionSettings,
        {
            "residual": "largest distance at any step from the law of the settings (fraction of the decay's effect)",
            **{
                f"residual_{law}": f"largest distance at any step from the law {law} (fraction of the decay's effect)"
                for law in RIVALS
            },
        },
    ),
    Probe(
        "harness.probes.rule.symmetry",
        "Return the distances of mirrored, permuted and rotated runs from the run itself, and the moves of weights at zero.",
        SymmetrySettings,
        {
            "mirrored_error": "run with weights and gradients of the other sign, against minus the run (fraction of max |w|)",
            "permuted_error": "run with permuted elements, against the permuted last weights of the run (fraction of max |w|)",
            "turned_error": "weights without gradient rotated before the steps, against rotated after them (fraction of max |w|)",
            "zero_moved": "elements that start at zero, have no gradient and change (elements)",
            "quiet_factor": "factor of the first step on a weight without a gradient (fraction of w)",
            "update_response": "direction of a step without decay along the gradient (-1 down, 1 up)",
        },
    ),
    Probe(
        "harness.probes.rule.two_inits",
        "Return the remaining share of a difference after one decay time, its spread over coordinates, and the largest error.",
        TwoInitsSettings,
        {
            "survival": "share of the difference that remains after one decay time, mean over coordinates (fraction of d)",
            "survival_spread": "largest minus smallest share over coordinates with gradients of different sizes (fraction of d)",
            "worst_error": "largest distance from the law over steps, coordinates and groups (fraction of d)",
        },
    ),
    Probe(
        "harness.probes.rule.zero_gradient",
        "Return the factors of steps, the largest distance from the law, and the response of a step's shrink to the settings.",
        ZeroGradientSettings,
        {
            "first_factor": "w after the first step over w before (factor a step)",
            "last_factor": "w after the last step over w before, at half the learning rate (factor a step)",
            "worst_error": "largest distance from the law over steps, weights and groups (fraction of w)",
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
