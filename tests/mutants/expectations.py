"""Expectation of every mutant: contract, test that must be red, measurement, answers of the fingerprint.

The twin of a mutant is the first of its base classes in TWINS; both are tested under the contract that TWINS gives. `truth` has
the answers of the fingerprint that the fault changes; None means no answer (a missing decay has no order). The optimizers in
OTHERS have no fault: they are right or harmless, but some claim about torch must fail for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from harness.catalog.loaded_scenario import NoticedBy
from harness.optimizers import averaging, low_precision, prodigy
from harness.optimizers.conventions import CautiousAdamW, CorrectedAdamW, Lamb, Lion
from harness.spec.contract import Contract
from harness.spec.scenario import FIXED
from tests.mutants import (
    checkpoints,
    collection,
    decay_rule,
    gradients,
    groups,
    numerics,
    options,
    other_optimizers,
    shapes,
    timing,
)
from tests.mutants.correct import CORRECT, MATRICES_ONLY, SIMPLE_SQUARE, Promise, Right
from tests.mutants.field_faults import FIELD_FAULTS

Truth = Mapping[str, str | None]

UNKNOWN = "unknown"  # the measured word if no answer fits
NO_DECAY: Truth = {"coupling": "none"} | dict.fromkeys(
    ("scale", "order", "mask", "strength", "groups", "zero_gradient")
)  # a missing decay has no further properties
NO_LAW: Truth = dict.fromkeys(("coupling", "scale", "order", "mask", "strength"))  # a decay that the vocabulary has no words for
NO_FACTOR: Truth = dict.fromkeys(("scale", "strength"))  # the factor of the decay is no multiple of a known one
COUPLED: Truth = {"coupling": "coupled_l2", "scale": "gradient", "order": "inside"}
DECOUPLED: Truth = {"coupling": "decoupled", "scale": "lr", "order": "before"}

COUPLED_RULE: Contract = {"coupling": "coupled_l2", "step_rule": "other"}
TWINS: Mapping[type, Promise] = {
    decay_rule.AdamWTwin: Promise("decoupled", SIMPLE_SQUARE),
    decay_rule.AdamTwin: Promise("coupled", SIMPLE_SQUARE),
    decay_rule.SgdTwin: Promise("sgd"),
    checkpoints.SwitchableAdamTwin: Promise("coupled", SIMPLE_SQUARE),
    checkpoints.PinnedAdamWTwin: Promise("decoupled", SIMPLE_SQUARE),
    gradients.UnscalingAdamWTwin: Promise("decoupled", SIMPLE_SQUARE),
    shapes.MaximizingAdamWTwin: Promise("decoupled", SIMPLE_SQUARE),
    options.CheckingAdamWTwin: Promise("decoupled", SIMPLE_SQUARE),
    numerics.PathsTwin: Promise("decoupled", {"inert_options": "some"}),
    numerics.DifferentiableTwin: Promise("decoupled", {**SIMPLE_SQUARE, "unknown_option": "swallowed"}),
    numerics.SparseRefused: Promise("decoupled", SIMPLE_SQUARE),
    low_precision.StochasticAdamW: Promise("decoupled", {**SIMPLE_SQUARE, "state_precision": "cast", "inert_options": "some"}),
    low_precision.CompensatedAdamW: Promise("decoupled", {**SIMPLE_SQUARE, "state_precision": "cast"}),
    low_precision.MasterWeightsAdamW: Promise("decoupled", {**SIMPLE_SQUARE, "state_precision": "cast"}),
    CorrectedAdamW: Promise("decoupled", {"scale": "lr_squared_over_max", **SIMPLE_SQUARE}),
    CautiousAdamW: Promise("decoupled", {"mask": "cautious", "complex": "refused"}),
    Lamb: Promise("decoupled", {"coupling": "through_norm"}),
    averaging.LookaheadSGD: Promise("coupled", {**COUPLED_RULE, "smallest_decay": "rounded", "zero_lr": "moves"}),
    averaging.ScheduleFreeSGD: Promise(
        "coupled", {**COUPLED_RULE, "smallest_decay": "rounded", "zero_lr": "moves", "moved_outside_step": "modes"}
    ),
    torch.optim.Adafactor: Promise("decoupled", {"step_rule": "other", "empty": "refused", "complex": "refused"}),
    torch.optim.NAdam: Promise("coupled", {**COUPLED_RULE, "state_precision": "cast"}),
    prodigy.Prodigy: Promise(
        "decoupled",
        {
            "step_rule": "other",
            "strength": "unspecified",
            "scale": "unspecified",
            "complex": "refused",
            "idle_tensor": "untouched",
        },
    ),
    Lion: Promise("decoupled", {"step_rule": "sign", "complex": "refused"}),
    torch.optim.Muon: Promise("decoupled", {"step_rule": "orthogonal", **MATRICES_ONLY}),
    other_optimizers.SignumTwin: Promise("decoupled", {"step_rule": "sign", "complex": "refused"}),
    other_optimizers.LarsTwin: Promise("decoupled", {"coupling": "through_norm"}),
    other_optimizers.CoupledLambTwin: Promise("coupled", COUPLED_RULE),
    other_optimizers.SgdwTwin: Promise("decoupled", {"step_rule": "momentum"}),
    other_optimizers.AdagradTwin: Promise("coupled", {**COUPLED_RULE, **SIMPLE_SQUARE}),
    other_optimizers.NAdamWTwin: Promise("decoupled", {"step_rule": "other", "state_precision": "cast"}),
    other_optimizers.RAdamWTwin: Promise("decoupled", {"step_rule": "other"}),
    groups.MatricesDecayTwin: Promise(
        "decoupled", {**SIMPLE_SQUARE, "other_shapes": "differs", "zero_dim": "not_decayed", "one_dim": "not_decayed"}
    ),
    # No field declares an internal warm-up of the learning rate. The contract therefore names an
    # optimizer with the same numbers.
    timing.InnerWarmupTwin: Promise(
        "decoupled",
        {
            "step_rule": "other",
            "scale": "unspecified",
            "strength": "unspecified",
            "equivalent_to": "tests.mutants.timing:InnerWarmupTwin",
            **SIMPLE_SQUARE,
        },
    ),
    timing.MicroStepsTwin: Promise(
        "decoupled",
        {
            "step_rule": "other",
            "scale": "unspecified",
            "strength": "unspecified",
            **SIMPLE_SQUARE,
            "first_step": "prepares",
            "clip": "unspecified",
        },
    ),
    timing.SparseTakenTwin: Promise("decoupled", SIMPLE_SQUARE),
    timing.SwitchedPathsTwin: Promise("decoupled"),
    timing.WrappingTwin: Promise("decoupled", SIMPLE_SQUARE),
}
# Twins that are right only in the arm of a claim: they take no weight_decay, or have a second
# decay of their own.
ONLY_IN_AN_ARM = ("LambdSgdTwin", "UndecayedSgdTwin")


@dataclass(frozen=True)
class Mutant:
    """Expectation of one planted fault.

    - `name`: the class of the mutant.
    - `by`: the claim, or `contract.<field>`, that must be red.
    - `word`: the measured value of that field, or the `arm.measure` that decides that claim.
    - `truth`: question -> answer of the fingerprint that the fault changes.
    - `id`: the number of the fault in our catalogue of claims, or empty.
    - `misread`: question -> the reason for which the fingerprint gives a wrong answer.
    """

    name: str
    by: str
    word: str
    truth: Truth = field(default_factory=dict)
    id: str = ""
    misread: Mapping[str, str] = field(default_factory=dict)

    @property
    def make(self) -> type:
        """The class of the mutant."""
        return collection.CLASSES[self.name]

    @property
    def path(self) -> str:
        return collection.path_of(self.make)

    @property
    def bug(self) -> str:
        """The address of the thread of the real bug, or an empty string."""
        return collection.thread(self.make)

    @property
    def twin(self) -> type:
        """The class without the fault."""
        return next(base for base in self.make.__mro__[1:] if base in TWINS or base.__name__ in ONLY_IN_AN_ARM)

    @property
    def promise(self) -> Promise | None:
        """The contract of the twin; None if the twin can be no subject."""
        return TWINS.get(self.twin)


def _field(name: str, red: str, truth: Truth, id: str = "") -> Mutant:
    """Return the expectation of a mutant that is noticed by the contract field `red`; the measured value is that of `truth`."""
    return Mutant(name, f"contract.{red}", truth[red] or UNKNOWN, truth, id)


_WRITTEN: tuple[Mutant, ...] = (
    # the decay's formula
    _field("DecayForgotten", "coupling", NO_DECAY),
    _field("CoupledL2", "coupling", COUPLED, "M03"),
    _field("DecayAfterUpdate", "order", {"order": "after"}, "M01"),
    _field("DecayNotTimesLr", "scale", {"scale": "constant"}, "M02"),
    _field("DecayTimesLrSquared", "scale", {"scale": "lr_squared"}, "M08"),
    _field("WrongSign", "strength", {"strength": "-1", "zero_gradient": "grows"}, "M04"),
    _field("DecayTwice", "strength", {"strength": None}, "M05"),
    _field("DecayHalved", "strength", {"strength": "0.5"}),
    _field("DecayCaptured", "groups", {"groups": "captured"}),
    Mutant("HiddenDecay", "zero_decay_takes_nothing", "any.zero_factor", {"hidden_decay": "yes"}),
    _field("StaleLr", "scale", {"scale": "initial_lr"}, "M07"),
    _field("DefaultDecayForAllGroups", "groups", {"groups": "constructor"}, "M12"),
    _field("DecayOnlyWhereGradient", "zero_gradient", {"zero_gradient": "untouched"}, "M09"),
    _field("ProximalDecay", "order", {"order": "proximal"}, "M23"),
    _field("ExponentialDecay", "strength", {"strength": None}, "M24"),
    _field("SignDecay", "coupling", NO_LAW, "M16"),
    _field("BiasCorrectedLrDecay", "scale", {"scale": "bias_corrected_lr"}, "M06"),
    _field("SecondMomentWithoutRoot", "step_rule", {"step_rule": "other"}),
    _field("DecayInsideMoments", "coupling", NO_LAW),
    _field("DecayScaledByGradient", "coupling", NO_LAW),
    _field("CoupledButDecoupled", "coupling", DECOUPLED),
    _field("AdamDecayForgotten", "coupling", NO_DECAY),
    _field("AdamDecayTwice", "strength", {"strength": "2"}),
    _field("AdamSquaredDenominator", "step_rule", {"step_rule": "other"}),
    _field("SgdDecayForgotten", "coupling", NO_DECAY),
    _field("SgdDecayTwice", "strength", {"strength": "2"}),
    _field("SgdDecayNotTimesLr", "scale", {**DECOUPLED, "scale": "constant"}),
    _field("SgdDecayAfterUpdate", "order", {**DECOUPLED, "order": "after"}),
    Mutant("SgdDecayOutsideMomentum", "sgd_momentum_decay_equals_a_growing_lr", "sgd_momentum.direction_error", DECOUPLED, "M25"),
    _field("SgdDecayOnlyWhereGradient", "zero_gradient", {"zero_gradient": "untouched"}),
    _field("SgdWrongSign", "strength", {"strength": "-1", "zero_gradient": "grows"}),
    # schedules
    _field("PreviousLrDecay", "scale", {"scale": "previous_lr"}, "M07"),
    Mutant("DecayScheduleOneStepLate", "a_schedule_of_weight_decay_counts_step_by_step", "any.decay_schedule_error", id="M28"),
    Mutant("DecayWrittenWithLr", "schedulers_leave_the_weight_decay_alone", "any.decays_written", {"scale": None}),
    Mutant("LrInDenominator", "a_step_at_zero_lr_is_the_identity", "any.moved_at_zero_lr", {"zero_lr": "not_finite"}),
    # groups
    _field("FirstGroupDecayForAll", "groups", {"groups": "first"}, "M22"),
    Mutant(
        "DecayEndsAtExemptGroup",
        "the_order_of_groups_changes_nothing",
        "any.order_error",
        {"exempt_first": "not_decayed"},
    ),
    Mutant(
        "ExemptNotTrained",
        "an_exempt_group_is_trained_like_any_other",
        "any.exempt_error",
        {**NO_LAW, "step_rule": None, "exempt_first": "not_moved"},
    ),
    Mutant(
        "JoinedGroupNotDecayed",
        "a_joined_group_decays_by_its_own",
        "any.joined_error",
        {"add_param_group": "not_decayed"},
    ),
    Mutant(
        "DecayOfAnotherWeight",
        "the_order_of_groups_changes_nothing",
        "any.order_error",
        {**NO_LAW, "zero_gradient": None, "parameter_order": "depends_on_order"},
        "M27",
    ),
    Mutant(
        "StepCountedPerParameter",
        "a_group_is_as_its_parameters_alone",
        "any.alone_error",
        {"step_rule": "other", "parameter_order": "depends_on_order"},
    ),
    # checkpoints and copies
    Mutant(
        "ConstructorDecayAtFirst",
        "the_first_step_after_a_resume_uses_the_checkpoints_decay",
        "any.first_step_error",
        {"resume_weight_decay": "stale_first_step"},
        "M20",
    ),
    Mutant(
        "ConstructorDecayKept",
        "the_first_step_after_a_resume_uses_the_checkpoints_decay",
        "any.first_step_error",
        {"resume_weight_decay": "constructor"},
    ),
    Mutant("StateForgottenOnLoad", "a_resumed_run_is_the_uninterrupted_one", "any.resume_error", {"state_dict": "differs"}),
    Mutant(
        "DecayLostInCopy",
        "a_copy_keeps_every_groups_decay",
        "any_copied.deepcopy_error",
        {"deepcopy": "differs", "pickle": "differs"},
    ),
    Mutant("OldCheckpointDecoupled", "a_checkpoint_from_before_the_flag_changes_no_decay", "old_adam.loaded_factor"),
    Mutant("CouplingFromCheckpoint", "an_adam_checkpoint_leaves_adamw_decoupled", "adamw_from_adam.loaded_factor"),
    # gradients
    _field("DecayWithoutGradient", "none_gradient", {"none_gradient": "decays", "frozen": "changed"}, "M10"),
    Mutant("StepCountsPauses", "a_pause_is_no_step", "any.pause_error"),
    Mutant(
        "NormOverAllGradients",
        "a_bad_gradient_stays_with_its_weight",
        "any_bad.beside_bad_changed",
        {"step_rule": "other", "nan_gradient": "spreads", "parameter_order": "depends_on_others"},
    ),
    Mutant(
        "DecayOnSkippedStep",
        "a_skipped_step_decays_nothing",
        "any_scaled.skipped_changed",
        {"grad_scaler": "weights_change"},
        "M21",
    ),
    Mutant("ClosureIgnored", "a_closure_is_one_step", "any_closure.closure_changed", {"closure": "not_called"}),
    Mutant("ClosureDecaysAgain", "a_closure_is_one_step", "any_closure.closure_changed", {"closure": "differs"}),
    Mutant(
        "GradientOverwritten",
        "a_step_leaves_the_gradient_alone",
        "adam_l2.gradient_changed",
        {"gradient_kept": "changed"},
    ),
    # accumulation and clipping
    Mutant(
        "DecayPerMicroBatch",
        "micro_batches_decay_once",
        "any.micro_batch_error",
        {**NO_DECAY, "micro_steps": "differs"},
        "M14",
    ),
    Mutant(
        "SgdDecayClipped",
        "clipping_leaves_the_argument_alone",
        "sgd.clipped_survival",
        {"coupling": "through_norm", "strength": None, "mask": None, "clip": "decay_too"},
        "M26",
    ),
    # signs, positions, shapes
    Mutant("ConstantShift", "zero_stays_zero", "any.zero_moved", {**NO_LAW, "zero_gradient": None, "weight_at_zero": "moves"}),
    Mutant("AbsoluteDecay", "decay_knows_no_sign", "any.mirrored_error", {**NO_LAW, "zero_gradient": None}, "M16"),
    Mutant("OnlyFirstRowDecays", "decay_knows_no_position", "any.permuted_error", {**NO_LAW, "other_shapes": "differs"}),
    _field("MaximizeFlipsDecay", "maximize", {"maximize": "decay_flipped"}, "M19"),
    _field("MaximizeIgnored", "maximize", {"maximize": "ignored"}),
    Mutant("ScalarsNotDecayed", "scalars_and_vectors_decay_like_matrices", "any.scalar_error", {"one_dim": "not_decayed"}),
    Mutant("DecayOnContiguousCopy", "gaps_in_memory_do_not_change_decay", "any.strided_error", {"non_contiguous": "differs"}),
    Mutant("StopsAtEmptyTensor", "an_empty_tensor_is_no_obstacle", "any.beside_empty_error", {"empty": "differs"}),
    Mutant("WeightReplaced", "an_expanded_tensor_is_refused", "torch_adamw.expanded_refused", {"expanded": "accepted"}),
    # what is accepted
    Mutant("NegativeDecayAccepted", "torch_refuses_a_negative_decay_and_nan", "torch_adamw.negative_refused"),
    Mutant("NanDecayAccepted", "torch_refuses_a_negative_decay_and_nan", "torch_adamw.nan_refused"),
    Mutant("DecayCutOff", "decay_is_stable_up_to_two", "any.past_factor"),
    Mutant(
        "DecaySwallowed",
        "three_optimizers_take_no_weight_decay",
        "rprop.weight_decay_refused",
        {"unknown_option": "swallowed"},
    ),
    Mutant(
        "OverlapAccepted",
        "a_weight_in_two_groups_is_refused",
        "torch_adamw.overlap_refused",
        {"repeated_across_groups": "accepted"},
        "M13",
    ),
    Mutant("RepeatedWithoutWarning", "a_repeated_weight_decays_twice", "torch_adamw.repeat_warnings"),
    # implementation paths
    Mutant(
        "DecayOncePerBucket", "tensors_of_every_dtype_and_layout_decay_alike", "adamw.worst_double", {"mixed_dtypes": "differs"}
    ),
    Mutant(
        "FirstGroupForAll",
        "foreach_and_fused_adamw_decay_as_the_for_loop",
        "adamw_foreach.worst_double",
        {"groups": "first"},
        "M22",
    ),
    Mutant("FlagIgnored", "adam_with_the_decoupled_flag_is_adamw", "flag_foreach.worst_double", COUPLED),
    Mutant(
        "OnlyRealPartsDecay", "a_complex_weight_decays_as_its_two_parts", "adamw_foreach.worst_complex", {"complex": "differs"}
    ),
    Mutant(
        "ComplexSecondMoment", "a_complex_weight_decays_as_its_two_parts", "adamw_foreach.worst_complex", {"complex": "differs"}
    ),
    Mutant("DecayByFirstBeta", "decay_knows_no_betas", "adamw_other_betas.first_factor"),
    Mutant("OnlyFirstTensorsDecay", "every_tensor_of_a_long_list_decays", "any.many_error"),
    Mutant("DecayOnEverySecondStep", "every_pass_that_steps_decays", "subject.decays_in_backward", NO_FACTOR),
    Mutant("DecayDetached", "weight_decay_can_be_learned_through_a_run", "adamw.by_decay"),
    Mutant("DifferentiableIgnored", "a_run_forgets_its_start_at_the_rate_of_decay", "adamw.by_start"),
    # sparse gradients
    Mutant(
        "OnlyNamedRowsDecay",
        "torch_takes_no_sparse_gradient_beside_weight_decay",
        "adamw.refused",
        {"zero_gradient": "untouched", "sparse_gradient": "accepted"},
    ),
    Mutant(
        "SparseHiddenDecay", "rows_that_no_sparse_gradient_names_stay", "sgd_undecayed.untouched_left", {"hidden_decay": "yes"}
    ),
    # precision
    Mutant(
        "FactorInWeightsPrecision", "just_above_the_threshold_the_mantissa_decides", "bfloat16_between.strength_mean", id="M15"
    ),
    Mutant("DecayTruncated", "bfloat16_loses_every_small_decay", "bfloat16_below.left", id="M15"),
    Mutant("DecayRoundedToNearest", "stochastic_rounding_keeps_the_decay_on_average", "stochastic.left", id="M15"),
    Mutant("CompensationForgotten", "compensated_sums_keep_the_decay", "compensated.left", {"smallest_decay": "rounded"}),
    Mutant("MasterReadBack", "master_weights_keep_the_decay", "master.differing"),
    Mutant("MasterWithoutDecay", "master_weights_keep_the_decay", "master.differing", {"order": "after"}),
    # masks, averages, norms, estimates
    Mutant("LargestRateOfAll", "corrected_decay_follows_the_groups_own_largest_lr", "corrected.residual", NO_FACTOR, "M08"),
    _field("MaskInverted", "mask", {"mask": None}, "M18"),
    _field("MaskOnGradient", "mask", NO_LAW, "M18"),
    Mutant(
        "MaskLeavesIdle",
        "cautious_decay_includes_weights_without_gradient",
        "cautious.idle",
        {"zero_gradient": "untouched"},
    ),
    _field("MaskForgotten", "mask", {"mask": "none"}),
    _field("DecayWhereUpdateAgrees", "mask", {"mask": "cautious"}),
    Mutant("SlowWeightsDecayToo", "lookahead_weakens_the_decay_of_its_inner_optimizer", "lookahead.averaged_left", NO_LAW),
    _field("SlowWeightsForgotten", "step_rule", {"step_rule": "sgd"}),
    Mutant(
        "DecayAtTheOtherPoint",
        "where_schedule_free_decays_decides_how_much",
        "schedule_free.averaged_left",
        {"coupling": "averaged", "scale": "lr", "order": None},
    ),
    Mutant("EvalDecays", "showing_an_average_decays_nothing", "schedule_free.swap_error"),
    _field("UpdateTimesNorm", "step_rule", {"step_rule": "other"}),
    Mutant("DecayTimesNorm", "decay_does_not_depend_on_the_norm_of_its_tensor", "adamw.shrink", NO_FACTOR),
    _field("LambDecayInGradient", "coupling", COUPLED),
    _field("LambDecayBesideRatio", "coupling", DECOUPLED),
    Mutant(
        "AdafactorDecayTimesNorm",
        "adafactor_decays_by_lr_and_steps_by_the_norm",
        "adafactor.own_part",
        NO_FACTOR,
    ),
    Mutant("DecayIgnoresEstimate", "prodigy_decays_by_its_estimate", "prodigy.worst_error"),
    Mutant("DecayByFirstEstimate", "prodigy_decays_by_its_estimate", "prodigy.worst_error"),
    Mutant("DecayByRootOfEstimate", "prodigy_hardly_decays_before_its_estimate_has_grown", "prodigy.first_decay"),
    # other forms: signs, trust ratios, momentum, Muon, Adagrad, NAdam, RAdam
    _field("LionDecayInsideSign", "coupling", {"coupling": "inside_sign", "scale": "gradient", "order": "inside"}),
    Mutant(
        "LionDecaysTheMomentum",
        "contract.zero_gradient",
        "untouched",
        {**NO_LAW, "zero_gradient": "untouched"},
        misread={
            "groups": "a changed weight_decay flips a sign only many steps later, so that the change seems to have no effect"
        },
    ),
    _field("SignumDecayUnread", "coupling", NO_DECAY),
    _field(
        "LarsDecayOnlyInRatio",
        "zero_gradient",
        {"coupling": None, "scale": None, "order": None, "zero_gradient": "untouched"},
    ),
    Mutant("LarsRatioNeedsDecay", "an_exempt_group_is_trained_like_any_other", "any.exempt_error", {"step_rule": "momentum"}),
    Mutant("LambRatioNeedsDecay", "an_exempt_group_is_trained_like_any_other", "any.exempt_error", {"step_rule": "adam"}),
    _field("LambModeDropped", "coupling", {"coupling": "through_norm", "strength": None, "mask": None}),
    _field("DecayNeedsMomentum", "coupling", NO_DECAY),
    _field("PenaltyOfPreviousGradient", "coupling", {**NO_LAW, "zero_gradient": "untouched"}),
    _field("PenaltyBeforeUnscaling", "strength", {**DECOUPLED, "strength": "0.0078125"}),
    Mutant("PenaltyAtLookahead", "sgd_l2_is_one_rule_on_every_path", "sgd_momentum.worst_double"),
    _field("SgdwDecayInBuffer", "coupling", COUPLED, "M25"),
    _field("SgdwByDifference", "coupling", {**COUPLED, "step_rule": "other"}),
    Mutant("LrInBuffer", "a_step_at_zero_lr_is_the_identity", "any.moved_at_zero_lr", {"step_rule": "other", "zero_lr": "moves"}),
    _field("MuonMissingGradientMadeZero", "none_gradient", {"none_gradient": "moves", "frozen": "changed"}, "M10"),
    _field("MuonDecayedTensorUnused", "coupling", NO_DECAY),
    _field("AdagradDecayPastTheSum", "coupling", DECOUPLED),
    _field("NAdamFlagLost", "coupling", COUPLED),
    _field("RAdamDecayOverwritten", "coupling", NO_DECAY),
    Mutant("DecayWaitsForRectification", "decay_asks_no_update", "adamw.shrinking"),
    _field("DecayRectified", "scale", NO_FACTOR),
    # decays of another shape, other steps of Adam
    _field("HuberDecay", "coupling", NO_LAW, "M16"),
    _field("SquaredDecay", "coupling", NO_LAW, "M16"),
    _field("DecayTowardStart", "zero_gradient", {**NO_LAW, "zero_gradient": "untouched"}, "M17"),
    _field("DecayTowardUnitNorm", "strength", NO_FACTOR, "M17"),
    _field(
        "DecayClippedWithUpdate",
        "coupling",
        {
            "coupling": "through_norm",
            "scale": "gradient",
            "order": "inside",
            "step_rule": "other",
            "mask": None,
            "strength": None,
            "clip": "decay_too",
        },
        "M26",
    ),
    _field("DecayOverInitialLr", "scale", {"scale": "schedule"}, "M07"),
    _field("DecayByMeanRate", "scale", {**NO_FACTOR, "zero_lr": "decays"}),
    _field("BiasNotCorrected", "step_rule", {"step_rule": "other"}),
    Mutant("EpsBiasCorrected", "adamw_without_decay_is_adam", "adamw.adam_error"),
    Mutant("EpsInsideRoot", "a_large_eps_softens_the_box", "adamw_large_eps.weight_flat", {"step_rule": "other"}),
    # handling of groups, keywords, shapes
    _field("GroupsFlattened", "groups", {"groups": None, "group_options": "constructor", "empty_group": "dropped"}),
    _field("GroupsConcatenated", "groups", {"groups": None, "group_options": "first_group", "empty_group": "dropped"}),
    Mutant("EmptyGroupDropped", "an_empty_group_keeps_its_place", "any.place_error", {"empty_group": "dropped"}),
    Mutant(
        "ZeroTakenForMissing",
        "an_exempt_group_is_trained_like_any_other",
        "any.exempt_error",
        {"groups": None, "exempt_first": "exempt_decays"},
    ),
    _field("OwnSchedulerOnly", "groups", {"groups": "constructor", "group_options": "decay_of_constructor"}, "M12"),
    _field(
        "CallersDictsAdopted",
        "groups",
        {"groups": "constructor", "group_options": "constructor", "callers_groups": "values_changed"},
    ),
    Mutant("VectorsDecayDespiteTheirGroup", "tensors_of_every_dtype_and_layout_decay_alike", "adamw.worst_double", id="M11"),
    Mutant(
        "LastOfGroupNotDecayed",
        "tensors_of_every_dtype_and_layout_decay_alike",
        "adamw.worst_single",
        {**NO_FACTOR, "parameter_order": "depends_on_order"},
    ),
    _field("OthersOfGroupDecayAgain", "coupling", {**NO_LAW, "parameter_order": "depends_on_order"}),
    Mutant(
        "PaddingReachesNeighbour", "the_order_of_groups_changes_nothing", "any.order_error", {"group_options": "differs"}, "M27"
    ),
    _field("OtherKeyword", "coupling", NO_DECAY),
    _field("ConstructorDecayLost", "coupling", {name: answer for name, answer in NO_DECAY.items() if name != "groups"}),
    _field("RuleOnFlatShapes", "coupling", {**NO_DECAY, "one_dim": "as_usual"}),
    Mutant("OnlyFirstBlockDecays", "a_large_tensor_decays_to_its_last_element", "any.large_error"),
    # some steps, some occasions
    Mutant("DecayIgnoresInnerWarmup", "contract.equivalent_to", "another", {"scale": "lr", "strength": "1"}),
    Mutant("DecayInEveryMicroStep", "a_call_that_only_collects_decays_nothing", "any.decayed_without_update", id="M14"),
    _field("FirstCallRepeated", "step_rule", {**NO_LAW, "step_rule": "other"}),
    Mutant("DecayEndsWithWarmup", "adamw_clips_the_minimum_to_a_box", "adamw.alpha_spread"),
    _field("DecayBeginsLate", "coupling", NO_DECAY),
    Mutant("EveryHundredthDecaySkipped", "unseen_row_shrinks_by_the_product_of_decay_factors", "adamw.unseen_ratio"),
    _field("DecayFadesOut", "strength", NO_FACTOR),
    Mutant("SmallWeightsFlushed", "adamw_is_the_undecayed_run_plus_decay", "adamw.residual"),
    Mutant(
        "InfinityNotPassedOn", "a_skipped_step_decays_nothing", "any_scaled.skipped_changed", {"grad_scaler": "weights_change"}
    ),
    Mutant("ScaleKept", "unscaling_before_a_step_changes_no_bit", "any_scaled.unscaled_changed", {"grad_scaler": "differs"}),
    Mutant(
        "SkippedStepCounted",
        "a_skipped_step_decays_nothing",
        "any_scaled.after_skip_changed",
        {"grad_scaler": "state_changes"},
        "M21",
    ),
    Mutant(
        "RowsNotNamedStay",
        "a_sparse_gradient_hides_no_row_from_decay",
        "any.unlike_dense",
        {"sparse_gradient": "named_rows_only"},
        "M09",
    ),
    _field("ForeachDecaysAfter", "paths", {"paths": "differs"}),
    _field("ForeachHasAnotherEps", "paths", {"paths": "differs"}),
    _field("DifferentiableTakesAnotherTensor", "paths", {"paths": "differs"}),
    _field("InnerSeesNoWeights", "coupling", NO_DECAY),
)
OTHERS: tuple[Mutant, ...] = (
    Mutant("CheckpointFlagIgnored", "an_adamw_checkpoint_turns_adam_decoupled", "adam_from_adamw.loaded_factor"),
    Mutant("OldCheckpointKeepsDecoupling", "a_checkpoint_from_before_the_flag_couples_nadam", "old_nadam.loaded_factor"),
    Mutant("InfiniteDecayRefused", "torch_accepts_an_infinite_decay", "torch_adamw.infinite_refused"),
    Mutant("LargeDecayWarns", "torch_takes_a_decay_that_diverges", "torch_adamw.warnings"),
    Mutant("LambdIgnored", "asgd_decays_at_a_weight_decay_of_zero", "asgd.zero_factor"),
    Mutant("RepeatedSteppedOnce", "a_repeated_weight_decays_twice", "torch_adamw.repeated_factor"),
    Mutant(
        "FactorInFloat32",
        "foreach_rounds_the_decay_factor_first",
        "bfloat16_between_foreach.strength_mean",
        {"precision": "float32"},
    ),
    Mutant("FactorInDouble", "float32_overstates_the_smallest_decays", "float32_above.strength_mean"),
    Mutant(
        "EpsInFloat32",
        "float16_weights_without_gradient_become_nan_at_the_usual_eps",
        "float16_usual_eps.not_finite",
        {"precision": "float32"},
    ),
)
# Classes whose faulty step raises: a claim is red because of the exception, and no number is
# measured.
RAISES = ("ForeachDecaysUnviewed",)
# Base classes of twins, with an option that the suite does not pass to a subject's constructor.
HELPERS = ("LambModesTwin",)
# Classes that no claim notices. A question of the fingerprint does; tests/selftest/fingerprint
# tests each.
FINGERPRINT_ONLY: tuple[str, ...] = (
    "RealPartOnly",
    "ForeachDecaysEachTime",
    "ForeachDecaysEachPrecision",
    "SeededNoise",
    "LionDirectionInsideSign",
    "Lars",
    "LambCoupled",
    "LambDecoupled",
    "LambDecoupledFloored",
    "LambDecoupledFlooredAfter",
    "LambMomentumDecoupled",
    "AdamC",
    "DecaySkipsFirstStep",
    "DecayAtRandom",
    "DecayByFanIn",
    "OnceCautious",
    "SgdDecayBuffer",
    "SingleInside",
    "SingleUpdate",
    "RefusesDouble",
    "StochasticRounding",
    "KeepsRemainder",
)
# Mutants that no claim notices, and a field of the contract does.
FIELD_ONLY: Mapping[str, Mutant] = {
    name: _field(name, question, {question: answer})
    for question, name, answer in reversed(FIELD_FAULTS)  # the first row of a mutant counts
    if name not in {mutant.name for mutant in (*_WRITTEN, *OTHERS)}
}
MUTANTS: tuple[Mutant, ...] = (*_WRITTEN, *reversed(FIELD_ONLY.values()))
BY_NAME: Mapping[str, Mutant] = {mutant.name: mutant for mutant in (*MUTANTS, *OTHERS)}
RIGHT: Mapping[str, Right] = {
    **{make.__name__: Right(collection.path_of(make), promise) for make, promise in TWINS.items()},
    **CORRECT,
}


def noticed_by(name: str) -> NoticedBy:
    """Return the kind of test that notices a class of this folder. Raise LookupError if the class is in no table above."""
    rights = {right.path.rpartition(":")[2] for right in RIGHT.values()}
    if name in FINGERPRINT_ONLY or name in FIELD_ONLY:
        return "fingerprint"
    if name in BY_NAME or name in RAISES:
        return "claims"
    if name in rights or name in (*ONLY_IN_AN_ARM, *HELPERS):
        return "nothing"
    raise LookupError(f"{name} has no expectation: tests/mutants/README.md describes where to write one")


def role_in_arms(name: str) -> str:
    """Return the role of the arms whose optimizer a class of this folder can replace: the role of the class without the fault.

    The role `fixed` means an arm that names its optimizer itself. The result is empty if no claim can name the class.
    """
    if name in FINGERPRINT_ONLY or name in FIELD_ONLY:
        return ""
    for base in collection.CLASSES[name].__mro__:
        if base in TWINS or base.__name__ in ONLY_IN_AN_ARM:
            return TWINS[base].role if base in TWINS else FIXED
    (role,) = [right.promise.role for right in CORRECT.values() if right.path.endswith(f":{name}")]
    return role
