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
    """`steps` is the length of the runs of the survivals and of `micro_batch_error`; the others have fixed lengths."""

    lr: float
    weight_decay: float
    steps: int = 5
    seed: int = 65


@dataclass(frozen=True)
class CheckpointSettings:
    """Settings of the probe checkpoint.

    `checkpoint` selects the state that is loaded for `loaded_factor`: a state of no steps, from the optimizer that it
    names. `before_the_flag` is the subject's own state in the form of torch versions that had no group key for
    decoupled decay. `law` is the closed form of the step after that load. With `copied`, only the two measures of
    copies are read, so that a subject that cannot be copied fails no other claim.
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
    """`law` selects the exponent of the growth; `momentum` is the momentum that the subject is built with.

    Choose a small lr * weight_decay (for mu = 0.9 the root in the probe's docstring is real up to 2.6e-3) and few
    steps: a decayed run on a full-batch scale-invariant loss turns chaotic once its norm has fallen, and then
    amplifies rounding to order 1.
    """

    law: Literal["sgd", "sign"]
    lr: float
    weight_decay: float
    momentum: float = 0.0
    steps: int = 100
    seed: int = 24


@dataclass(frozen=True)
class FlatBufferSettings:
    """`steps` is the length of each run, with gradients and without."""

    lr: float = 0.1
    weight_decay: float = 0.6
    steps: int = 10
    seed: int = 91


@dataclass(frozen=True)
class LayoutsSettings:
    """`steps` is the length of the run of each layout."""

    lr: float
    weight_decay: float
    steps: int = 4
    seed: int = 67


@dataclass(frozen=True)
class MissingGradientsSettings:
    """`part` selects the measures: a subject that refuses a NaN, a closure or a scaler fails only that part."""

    lr: float
    weight_decay: float
    part: Literal["gradients", "bad_gradient", "skipped_step", "closure"] = "gradients"
    steps: int = 3
    seed: int = 64


@dataclass(frozen=True)
class ParameterGroupsSettings:
    """`steps` is the length of a run; the groups that join late are added after half of it."""

    lr: float
    weight_decay: float
    steps: int = 6
    seed: int = 61


@dataclass(frozen=True)
class RepeatedParametersSettings:
    """With `repeated`, the probe also lists one weight twice, which an optimizer may refuse."""

    lr: float
    weight_decay: float
    repeated: bool = False
    seed: int = 69


@dataclass(frozen=True)
class SchedulesSettings:
    """With `tensor_lr`, the probe also gives the learning rate as a float32 tensor, an option of torch's optimizers."""

    lr: float
    weight_decay: float
    steps: int = 10
    seed: int = 62
    tensor_lr: bool = False


PROBES = (
    Probe(
        "harness.probes.handling.accumulation",
        "Return what accumulation, reduction, clipping and batch size do to decay.",
        AccumulationSettings,
        {
            "summed_survival": (
                "share of the distance between two starts that remains when gradients are summed, at the worst coordinate"
            ),
            "averaged_survival": "the same when the sum is divided by the four micro-batches (fraction)",
            "clipped_survival": "the same when each gradient is clipped to a norm of 0.05 before the step (fraction)",
            "reduction_effect": "distance of the summed and the averaged survival (fraction)",
            "micro_batch_error": "four backward passes a step against their sum given at once (fraction of max |w|)",
            "decayed_without_update": "calls after the first update in which weights decay though gradients move none (calls)",
            "clipped_penalty_factor": "one step on the clipped gradient of the penalty, weight_decay 0 (fraction of w)",
            "epoch_ratio": "left at 4 times batch and weight decay, over left at the batch, after the same epochs (ratio)",
        },
    ),
    Probe(
        "harness.probes.handling.checkpoint",
        "Return how far a resumed (or a copied) run is from the uninterrupted one, and what a loaded decay does.",
        CheckpointSettings,
        {
            "first_step_error": "first step after a resume against the uninterrupted run (fraction of max |w|)",
            "resume_error": "end of the resumed run against the uninterrupted one (fraction of max |w|)",
            "deepcopy_error": "end of a deep copy of the optimizer against the original (fraction of max |w|)",
            "pickle_error": "end of a pickled and restored optimizer against the original (fraction of max |w|)",
            "loaded_factor": "one step without gradient after the checkpoint of `checkpoint` was loaded (fraction of w)",
        },
    ),
    Probe(
        "harness.probes.handling.exponential_lr",
        "Return how far a decayed run is from one without decay whose learning rate grows.",
        ExponentialLrSettings,
        {
            "direction_error": "largest distance between the directions of the decayed run and of the growing learning rate",
            "norm_ratio": "norm of the decayed run over that of the growing learning rate, at the end",
            "other_exponent_error": "that distance when the growth is that of the other law (2t+1 for t+1)",
            "constant_lr_error": "that distance when the learning rate does not grow: what decay changes",
            "lr_growth": "learning rate that decay stands for at the end, over the first",
            "effective_lr_gain": "effective learning rate at the end with decay, over that without decay",
        },
    ),
    Probe(
        "harness.probes.handling.flat_buffer",
        "Return how far pieces end from the parameters, what becomes of padding, and what is left of an exempt parameter.",
        FlatBufferSettings,
        {
            "sharded_error": (
                "worst distance of padded pieces, for 1, 2, 4 and 7 ranks, from the parameters (of the decay's effect)"
            ),
            "padding": "largest number that ever stands in the padding at the end (1)",
            "exempt_left_in_one_buffer": "share of an exempt parameter that remains in one buffer with the others (of w0)",
            "exempt_left_in_its_own": "share of an exempt parameter that remains in a buffer of its own group (of w0)",
        },
    ),
    Probe(
        "harness.probes.handling.layouts",
        "Return how far each layout is from the plain matrix.",
        LayoutsSettings,
        {
            "vector_error": "a vector against the matrix of the same numbers (fraction of max |w|)",
            "transposed_error": "a matrix that lies transposed in memory against the plain one (fraction of max |w|)",
            "strided_error": "a matrix with gaps in memory against the plain one (fraction of max |w|)",
            "channels_last_error": "an image in channels-last layout against the plain matrix (fraction of max |w|)",
            "scalar_error": "twelve 0-dim tensors against the matrix of the same numbers (fraction of max |w|)",
            "beside_empty_error": "a matrix beside an empty tensor against the matrix alone (fraction of max |w|)",
            "large_error": "417 copies in one tensor, without gradients, against the matrix (fraction of max |w|)",
            "many_error": "300 copies as tensors of one group, without gradients, against the matrix (fraction of max |w|)",
            "scalar_factor": "one step without gradient of a 0-dim weight (fraction of w)",
            "expanded_refused": "whether a step on an expanded tensor is refused (1: yes)",
        },
    ),
    Probe(
        "harness.probes.handling.missing_gradients",
        "Return what gradients that are missing, zeroed or bad do to a weight and to its neighbour, or what "
        "the other parts read.",
        MissingGradientsSettings,
        {
            "without_gradient_changed": "elements that change in a weight whose gradient is None (elements)",
            "frozen_changed": "elements that change in a weight that requires no gradient (elements)",
            "with_gradient_changed": "elements that change in their neighbour, which has a gradient (elements)",
            "pause_error": "a weight without gradient in two steps of six against its four steps alone (fraction of max |w|)",
            "hooked_factor": "share of a weight that remains when a hook sets its gradients to zero (fraction of w)",
            "beside_bad_changed": "elements that change in a weight because its neighbour's gradient is NaN (elements)",
            "skipped_changed": "elements that change in a step that torch's GradScaler skips (elements)",
            "after_skip_changed": "elements in which the run with the skipped step differs from one without it (elements)",
            "unscaled_changed": "elements in which two scaled steps, one unscaled before it, differ from plain steps (elements)",
            "closure_changed": "elements in which step(closure) differs from backward and step() (elements)",
            "gradient_changed": "elements of .grad that a step changes (elements)",
        },
    ),
    Probe(
        "harness.probes.handling.parameter_groups",
        "Return how far grouped parameters are from the same ones alone, reordered, or joined late.",
        ParameterGroupsSettings,
        {
            "alone_error": "parameters in four groups against each of them alone with its group's options (fraction of max |w|)",
            "order_error": ("the same groups in the opposite order (fraction of max |w|)"),
            "exempt_error": "the group whose weight decay is 0 against a weight decay of 1e-16 (fraction of max |w|)",
            "place_error": "two of four groups filled, options set by place, against each parameter alone (fraction of max |w|)",
            "joined_error": (
                "a group that joins halfway, with a weight decay of its own, against a fresh one (fraction of max |w|)"
            ),
            "joined_default_error": "the same for a group that names none and gets the constructor's (fraction of max |w|)",
            "reused_factor": "one step of a second optimizer that is built from the dicts of a first one (fraction of w)",
            "defaults_written": "whether the constructor wrote weight_decay into the caller's dict (1: yes)",
        },
    ),
    Probe(
        "harness.probes.handling.repeated_parameters",
        "Return the factor of a step of a shared weight, of a normalised one, and with `repeated` of one listed twice.",
        RepeatedParametersSettings,
        {
            "tied_factor": "one step without gradient of a table that embedding and head share (fraction of w)",
            "normalised_factor": "one step of a weight-normalised layer, length and direction decayed (fraction of w)",
            "direction_decay_change": "the same with the direction alone decayed: largest change (fraction of w)",
            "direction_factor": "what that step leaves of the direction itself (fraction of v)",
            "repeated_factor": "one step without gradient of a weight that is listed twice, with `repeated` (fraction of w)",
            "repeat_warnings": "warnings of the constructor that is given it, with `repeated` (warnings)",
            "overlap_refused": "whether a weight in two groups is refused, with `repeated` (1: yes)",
        },
    ),
    Probe(
        "harness.probes.handling.schedules",
        "Return how well decay follows torch's schedulers, a schedule of the weight decay, and a rate of zero.",
        SchedulesSettings,
        {
            "scheduler_error": (
                "worst departure from prod(1 - lr_t x weight_decay) under six of torch's schedulers (fraction of w)"
            ),
            "decays_written": "groups whose weight_decay is another after a schedule of the learning rate (elements)",
            "decay_schedule_error": "departure from prod(1 - lr x weight_decay_t) when each step has its own (fraction of w)",
            "moved_at_zero_lr": "weights with a gradient that a step at a learning rate of zero changes (elements)",
            "falling_survival": "share of the distance between two starts that a falling rate leaves, at the worst coordinate",
            "rising_survival": "the same under the same rates backwards (fraction)",
            "order_effect": "distance of the ends of the falling and the rising run (of a weight)",
            "tensor_lr_factor": "one step at a learning rate given as a float32 tensor, with `tensor_lr` (fraction of w)",
            "tensor_lr_error": "its distance from 1 - lr x weight_decay (fraction of w)",
        },
    ),
)
