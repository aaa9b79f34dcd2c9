"""Declarations of the handling probes: parameter groups, gradients, optimizer state, layouts, schedules.

Each declaration lists what a scenario can set and what the probe measures. Nothing here imports torch. The module with a
probe's name holds its closed form and its experiment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.probes.probe import Probe


@dataclass(frozen=True)
class AccumulationSettings:
    """Settings of the probe accumulation.

    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit).
    - `steps`: length of the runs of the three survivals and of `micro_batch_error` (steps); the other runs have fixed lengths.
    - `seed`: seed of the weights and the gradients.
    """

    lr: float
    weight_decay: float
    steps: int = 5
    seed: int = 65


@dataclass(frozen=True)
class CheckpointSettings:
    """Settings of the probe checkpoint.

    - `lr`, `weight_decay`: learning rate and weight decay in the checkpoint (no unit).
    - `checkpoint`: the state that is loaded for `loaded_factor`. No step has been taken in it. It is the state of the same
      optimizer (`own`), of torch's Adam (`of_adam`) or of torch's AdamW (`of_adamw`). `before_the_flag` is the own state without
      the group key for decoupled decay, as older torch versions wrote it.
    - `law`: the closed form of the step after this state was loaded.
    - `copied`: True to measure only copies of the optimizer (`deepcopy_error`, `pickle_error`). Then an optimizer that cannot be
      copied fails only the claims about copies.
    - `steps`: length of the run before the checkpoint, and of the run after it (steps).
    - `seed`: seed of the weights and the gradients.
    """

    lr: float
    weight_decay: float
    checkpoint: Literal["own", "of_adam", "of_adamw", "before_the_flag"] = "own"
    law: Literal["decoupled", "coupled_adam", "coupled_nadam"] = "decoupled"
    copied: bool = False
    steps: int = 4
    seed: int = 63


@dataclass(frozen=True)
class ExponentialLrSettings:
    """Settings of the probe exponential_lr.

    - `law`: the exponent of the growing learning rate: `sgd` (2t + 1), or `sign` (t + 1).
    - `lr`: constant learning rate of the run with decay (no unit).
    - `weight_decay`: weight decay of that run (no unit). lr * weight_decay must be small: with momentum 0.9 the root in the
      docstring of the probe is real up to 2.6e-3.
    - `momentum`: momentum of the optimizer in the arm (no unit).
    - `steps`: length of the runs (steps). It is small: decay makes the norm of the weights smaller and so the effective learning
      rate larger, and in a long run rounding errors would then grow to the size of the weights.
    - `seed`: seed of the regression and the initial weight.
    """

    law: Literal["sgd", "sign"]
    lr: float
    weight_decay: float
    momentum: float = 0.0
    steps: int = 100
    seed: int = 24


@dataclass(frozen=True)
class FlatBufferSettings:
    """Settings of the probe flat_buffer.

    - `lr`: learning rate of the first half of the steps; the second half has half of it (no unit).
    - `weight_decay`: weight decay of the optimizer (no unit).
    - `steps`: length of each run, with gradients and without (steps).
    - `seed`: seed of the weights and the gradients.
    """

    lr: float = 0.1
    weight_decay: float = 0.6
    steps: int = 10
    seed: int = 91


@dataclass(frozen=True)
class LayoutsSettings:
    """Settings of the probe layouts.

    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit).
    - `steps`: length of the run of each layout (steps).
    - `seed`: seed of the weights and the gradients.
    """

    lr: float
    weight_decay: float
    steps: int = 4
    seed: int = 67


@dataclass(frozen=True)
class MissingGradientsSettings:
    """Settings of the probe missing_gradients.

    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit).
    - `part`: the measures of the arm. An optimizer that refuses a NaN, a gradient scaler or a closure then fails only the claims
      about that part.
    - `steps`: length of the runs that have no fixed length (steps).
    - `seed`: seed of the weights and the gradients.
    """

    lr: float
    weight_decay: float
    part: Literal["gradients", "bad_gradient", "skipped_step", "closure"] = "gradients"
    steps: int = 3
    seed: int = 64


@dataclass(frozen=True)
class ParameterGroupsSettings:
    """Settings of the probe parameter_groups.

    - `lr`, `weight_decay`: learning rate and weight decay of the constructor (no unit); the groups have multiples of them.
    - `steps`: length of a run (steps); groups that join late are added after half of the steps.
    - `seed`: seed of the weights and the gradients.
    """

    lr: float
    weight_decay: float
    steps: int = 6
    seed: int = 61


@dataclass(frozen=True)
class RepeatedParametersSettings:
    """Settings of the probe repeated_parameters.

    - `lr`, `weight_decay`: learning rate and weight decay of the optimizer (no unit).
    - `repeated`: True to measure also a weight that is listed twice, which an optimizer may refuse.
    - `seed`: seed of the weights.
    """

    lr: float
    weight_decay: float
    repeated: bool = False
    seed: int = 69


@dataclass(frozen=True)
class SchedulesSettings:
    """Settings of the probe schedules.

    - `lr`: largest learning rate of the schedules (no unit).
    - `weight_decay`: weight decay of the constructor, and of the first step of the schedule of the weight decay (no unit).
    - `steps`: length of a schedule (steps).
    - `seed`: seed of the weights and the gradients.
    - `tensor_lr`: True to measure also a learning rate that is a float32 tensor, which torch's optimizers accept.
    """

    lr: float
    weight_decay: float
    steps: int = 10
    seed: int = 62
    tensor_lr: bool = False


PROBES = (
    Probe(
        "harness.probes.handling.accumulation",
        "Return the effects of gradient accumulation, reduction, clipping and batch size on decay.",
        AccumulationSettings,
        {
            "summed_survival": (
                "share of the distance between two starts that remains when gradients are summed, at the worst coordinate"
            ),
            "averaged_survival": "this share when the sum is divided by the number of micro-batches, four (fraction)",
            "clipped_survival": "this share when each gradient is clipped to a norm of 0.05 before the step (fraction)",
            "reduction_effect": "difference between the summed and the averaged survival (fraction)",
            "micro_batch_error": "four backward passes per step against one gradient, their sum (fraction of max |w|)",
            "decayed_without_update": "calls of step() after the first update that decay the weights without an update (calls)",
            "clipped_penalty_factor": "factor of a step on the clipped gradient of a penalty, weight_decay 0 (fraction of w)",
            "epoch_ratio": "remaining share at 4 times batch and weight decay, over that at 1 time, after equal epochs (ratio)",
        },
    ),
    Probe(
        "harness.probes.handling.checkpoint",
        "Return the distance of a resumed or copied run from the uninterrupted run, and the factor of a step after a load.",
        CheckpointSettings,
        {
            "first_step_error": "weights after the first resumed step against the uninterrupted run (fraction of max |w|)",
            "resume_error": "last weights of the resumed run against those of the uninterrupted run (fraction of max |w|)",
            "deepcopy_error": "last weights of a deep copy of the optimizer against the original's (fraction of max |w|)",
            "pickle_error": "last weights of a pickled and restored optimizer against the original's (fraction of max |w|)",
            "loaded_factor": "factor of a step without gradient after the state named by `checkpoint` was loaded (fraction of w)",
        },
    ),
    Probe(
        "harness.probes.handling.exponential_lr",
        "Return the distance of a run with decay from a run without decay whose learning rate grows.",
        ExponentialLrSettings,
        {
            "direction_error": "largest distance between the directions of the run with decay and the run with growing lr",
            "norm_ratio": "last norm of the run with decay, over that of the run with the growing learning rate",
            "other_exponent_error": "`direction_error` if the learning rate grows with the exponent of the other law",
            "constant_lr_error": "`direction_error` if the learning rate does not grow: the effect of decay",
            "lr_growth": "last learning rate of the run with the growing learning rate, over its first",
            "effective_lr_gain": "effective learning rate at the end with decay, over that without decay",
        },
    ),
    Probe(
        "harness.probes.handling.flat_buffer",
        "Return the distance of sharded pieces from the parameters, the padding, and the remaining share of an exempt parameter.",
        FlatBufferSettings,
        {
            "sharded_error": (
                "largest distance of padded pieces, for 1, 2, 4 and 7 ranks, from the parameters (of the decay's effect)"
            ),
            "padding": "largest number in the padding at the end of the runs (no unit)",
            "exempt_left_in_one_buffer": "remaining share of an exempt parameter in one buffer with the others (of w0)",
            "exempt_left_in_its_own": "remaining share of an exempt parameter in a buffer of its own group (of w0)",
        },
    ),
    Probe(
        "harness.probes.handling.layouts",
        "Return the distance of the last weights in each memory layout from those of the plain matrix.",
        LayoutsSettings,
        {
            "vector_error": "a vector against the matrix of the same numbers (fraction of max |w|)",
            "transposed_error": "a matrix that is stored transposed against the plain matrix (fraction of max |w|)",
            "strided_error": "a matrix with gaps in memory against the plain matrix (fraction of max |w|)",
            "channels_last_error": "an image in channels-last layout against the plain matrix (fraction of max |w|)",
            "scalar_error": "twelve 0-dim tensors against the matrix of the same numbers (fraction of max |w|)",
            "beside_empty_error": "a matrix beside an empty tensor against the matrix alone (fraction of max |w|)",
            "large_error": "417 copies in one tensor, without gradients, against the matrix (fraction of max |w|)",
            "many_error": "300 copies as tensors of one group, without gradients, against the matrix (fraction of max |w|)",
            "scalar_factor": "factor of one step without gradient on a 0-dim weight (fraction of w)",
            "expanded_refused": "1 if a step on an expanded tensor is refused, else 0",
        },
    ),
    Probe(
        "harness.probes.handling.missing_gradients",
        "Return the effects of missing, zero and bad gradients, or those of skipped steps or of a closure.",
        MissingGradientsSettings,
        {
            "without_gradient_changed": "elements that change in a weight whose gradient is None (elements)",
            "frozen_changed": "elements that change in a weight that requires no gradient (elements)",
            "with_gradient_changed": "elements that change in their neighbour, which has a gradient (elements)",
            "pause_error": "a weight without gradient in two steps of six against its four steps alone (fraction of max |w|)",
            "hooked_factor": "share of a weight that remains when a hook sets its gradients to zero (fraction of w)",
            "beside_bad_changed": "elements that change in a weight because its neighbour's gradient is NaN (elements)",
            "skipped_changed": "elements that change in a step that torch's GradScaler skips (elements)",
            "after_skip_changed": "elements in which the run with the skipped step differs from the run without it (elements)",
            "unscaled_changed": "elements in which two scaled steps, one unscaled before it, differ from plain steps (elements)",
            "closure_changed": "elements in which step(closure) differs from backward and step() (elements)",
            "gradient_changed": "elements of .grad that a step changes (elements)",
        },
    ),
    Probe(
        "harness.probes.handling.parameter_groups",
        "Return the distance of grouped parameters from the same parameters alone, in another order, or in a late group.",
        ParameterGroupsSettings,
        {
            "alone_error": "parameters in four groups against each of them alone with its group's options (fraction of max |w|)",
            "order_error": ("the same groups in the opposite order (fraction of max |w|)"),
            "exempt_error": "the group whose weight decay is 0 against a weight decay of 1e-16 (fraction of max |w|)",
            "place_error": "two of four groups empty, options set by index, against each parameter alone (fraction of max |w|)",
            "joined_error": (
                "a group that joins halfway, with its own weight decay, against a new optimizer (fraction of max |w|)"
            ),
            "joined_default_error": "the same for a group that gets the constructor's weight decay (fraction of max |w|)",
            "reused_factor": "factor of one step of a second optimizer that is built from the dicts of the first (fraction of w)",
            "defaults_written": "1 if the constructor wrote weight_decay into the caller's dict, else 0",
        },
    ),
    Probe(
        "harness.probes.handling.repeated_parameters",
        "Return the factor of a step for a shared weight, a normalised weight and, with `repeated`, a weight listed twice.",
        RepeatedParametersSettings,
        {
            "tied_factor": "factor of one step without gradient on a table that embedding and head share (fraction of w)",
            "normalised_factor": "factor of one step on a weight-normalised layer, length and direction decayed (fraction of w)",
            "direction_decay_change": "largest change of that layer's weight if only the direction is decayed (fraction of w)",
            "direction_factor": "factor of the direction in that step (fraction of v)",
            "repeated_factor": "factor of a step without gradient on a weight listed twice, with `repeated` (fraction of w)",
            "repeat_warnings": "warnings of the constructor for a weight that is listed twice, with `repeated` (warnings)",
            "overlap_refused": "1 if a weight in two groups is refused, else 0, with `repeated`",
        },
    ),
    Probe(
        "harness.probes.handling.schedules",
        "Return the errors of decay under torch's schedulers, a schedule of the weight decay, and a learning rate of zero.",
        SchedulesSettings,
        {
            "scheduler_error": (
                "largest distance from prod(1 - lr_t x weight_decay) under six of torch's schedulers (fraction of w)"
            ),
            "decays_written": "groups whose weight_decay has changed after a schedule of the learning rate (elements)",
            "decay_schedule_error": "distance from prod(1 - lr x weight_decay_t) in a schedule of weight decay (fraction of w)",
            "moved_at_zero_lr": "weights with a gradient that a step at a learning rate of zero changes (elements)",
            "falling_survival": "share of the distance between two starts that a falling rate leaves, at the worst coordinate",
            "rising_survival": "this share with the same learning rates in reverse order (fraction)",
            "order_effect": "distance between the last weights of the falling and the rising run (of a weight)",
            "tensor_lr_factor": "factor of a step at a learning rate that is a float32 tensor, with `tensor_lr` (fraction of w)",
            "tensor_lr_error": "distance of that factor from 1 - lr x weight_decay (fraction of w)",
        },
    ),
)
