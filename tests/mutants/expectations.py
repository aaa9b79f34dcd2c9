"""The expectations of every mutant: what it would promise, what its fault changes, which test must be red and by what.

A mutant's twin is the first of its bases that stands in TWINS; both are held to the contract that the twin declares there.
`truth` gives what a fingerprint must answer where the fault changes it, None where there is no longer an answer (a decay that
is not there has no order). What stands in OTHERS is no fault: right or harmless, and still not what some claim describes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from harness.catalog.entry import NoticedBy
from harness.optimizers import averaging, low_precision, prodigy
from harness.optimizers.conventions import CautiousAdamW, CorrectedAdamW, Lamb, Lion
from harness.spec.contract import Contract
from tests.mutants import collection, conventions, decay_rule, groups, handling, numerics, other_optimizers, timing
from tests.mutants.correct import CORRECT, Promise, Right

Truth = Mapping[str, str | None]

UNKNOWN = "unknown"  # what is measured where no answer fits
NO_DECAY: Truth = {"coupling": "none"} | dict.fromkeys(
    ("scale", "order", "mask", "strength", "groups", "zero_gradient")
)  # what is not there has no further properties
NO_LAW: Truth = dict.fromkeys(("coupling", "scale", "order", "mask", "strength"))  # a decay that has no name
NO_FACTOR: Truth = dict.fromkeys(("scale", "strength"))  # one that is no multiple of anything that has a name
COUPLED: Truth = {"coupling": "coupled_l2", "scale": "gradient", "order": "inside"}
DECOUPLED: Truth = {"coupling": "decoupled", "scale": "lr", "order": "before"}

COUPLED_RULE: Contract = {"coupling": "coupled_l2", "step_rule": "other"}
TWINS: Mapping[type, Promise] = {
    decay_rule.AdamWTwin: Promise("decoupled"),
    decay_rule.AdamTwin: Promise("coupled"),
    decay_rule.SgdTwin: Promise("sgd"),
    handling.SwitchableAdamTwin: Promise("coupled"),
    handling.PinnedAdamWTwin: Promise("decoupled"),
    handling.UnscalingAdamWTwin: Promise("decoupled"),
    handling.MaximizingAdamWTwin: Promise("decoupled"),
    handling.CheckingAdamWTwin: Promise("decoupled"),
    numerics.PathsTwin: Promise("decoupled"),
    numerics.DifferentiableTwin: Promise("decoupled"),
    numerics.SparseRefused: Promise("decoupled"),
    low_precision.StochasticAdamW: Promise("decoupled"),
    low_precision.CompensatedAdamW: Promise("decoupled"),
    low_precision.MasterWeightsAdamW: Promise("decoupled"),
    CorrectedAdamW: Promise("decoupled", {"scale": "lr_squared_over_max"}),
    CautiousAdamW: Promise("decoupled", {"mask": "cautious"}),
    Lamb: Promise("decoupled", {"coupling": "through_norm"}),
    averaging.LookaheadSGD: Promise("coupled", COUPLED_RULE),
    averaging.ScheduleFreeSGD: Promise("coupled", COUPLED_RULE),
    torch.optim.Adafactor: Promise("decoupled", {"step_rule": "other"}),
    torch.optim.NAdam: Promise("coupled", COUPLED_RULE),
    prodigy.Prodigy: Promise("decoupled", {"step_rule": "other", "strength": "unspecified", "scale": "unspecified"}),
    Lion: Promise("decoupled", {"step_rule": "sign"}),
    torch.optim.Muon: Promise("decoupled", {"step_rule": "orthogonal"}),
    other_optimizers.SignumTwin: Promise("decoupled", {"step_rule": "sign"}),
    other_optimizers.LarsTwin: Promise("decoupled", {"coupling": "through_norm"}),
    other_optimizers.CoupledLambTwin: Promise("coupled", COUPLED_RULE),
    other_optimizers.SgdwTwin: Promise("decoupled", {"step_rule": "momentum"}),
    other_optimizers.AdagradTwin: Promise("coupled", COUPLED_RULE),
    other_optimizers.NAdamWTwin: Promise("decoupled", {"step_rule": "other"}),
    other_optimizers.RAdamWTwin: Promise("decoupled", {"step_rule": "other"}),
    groups.MatricesDecayTwin: Promise(
        "decoupled",
        {},
        dict.fromkeys(
            (
                "ranks_and_padding_leave_no_trace",
                "a_flat_buffer_has_one_weight_decay",
                "tensors_of_every_dtype_and_layout_decay_alike",
                "scalars_and_vectors_decay_like_matrices",
                "adam_l2_without_data_gradients_falls_by_lr_a_step",
                "decay_before_a_normaliser_leaves_the_function_alone",
                "decay_acts_once_an_update_however_long_the_unroll",
            ),
            "it exempts vectors by a rule of its own, which no field of a contract declares",
        ),
    ),
    # a rate of its own, which no field names: whoever takes the warm-up over promises its numbers
    timing.InnerWarmupTwin: Promise(
        "decoupled",
        {
            "step_rule": "other",
            "scale": "unspecified",
            "strength": "unspecified",
            "equivalent_to": "tests.mutants.timing:InnerWarmupTwin",
        },
    ),
    timing.MicroStepsTwin: Promise("decoupled", {"step_rule": "other", "scale": "unspecified", "strength": "unspecified"}),
    timing.SparseTakenTwin: Promise("decoupled"),
    timing.SwitchedPathsTwin: Promise("decoupled"),
    timing.WrappingTwin: Promise("decoupled"),
}
# Twins that are right only where a claim gives them an arm of its own: they take no weight_decay, or have one of their own.
ONLY_IN_AN_ARM = (handling.LambdSgdTwin, handling.UndecayedSgdTwin)


@dataclass(frozen=True)
class Mutant:
    """One planted fault. `by` is the claim, or `contract.<field>`, that must be red, and `word` what was measured there.

    For a field the word is the value that is measured; for a claim it is the `arm.measure` that decides. `id` is the fault's
    number in our catalogue of claims, where it has one; `misread` are questions to which the fingerprint gives a wrong answer,
    with the reason.
    """

    make: type
    by: str
    word: str
    truth: Truth = field(default_factory=dict)
    id: str = ""
    misread: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.make.__name__

    @property
    def path(self) -> str:
        return collection.path_of(self.make)

    @property
    def bug(self) -> str:
        """The thread of the real bug, or nothing."""
        return collection.thread(self.make)

    @property
    def twin(self) -> type:
        """The optimizer that the mutant is without its fault."""
        return next(base for base in self.make.__mro__[1:] if base in TWINS or base in ONLY_IN_AN_ARM)

    @property
    def promise(self) -> Promise | None:
        """What the twin declares; None for one that is no subject."""
        return TWINS.get(self.twin)


def _field(make: type, name: str, truth: Truth, id: str = "") -> Mutant:
    """Return a mutant whose contract is red in the field `name`, where what the fault makes of it is measured."""
    return Mutant(make, f"contract.{name}", truth[name] or UNKNOWN, truth, id)


F, H, N, R, G, W, C = decay_rule, handling, numerics, other_optimizers, groups, timing, conventions
MUTANTS: tuple[Mutant, ...] = (
    # the decay's formula
    _field(F.DecayForgotten, "coupling", NO_DECAY),
    _field(F.CoupledL2, "coupling", COUPLED, "M03"),
    _field(F.DecayAfterUpdate, "order", {"order": "after"}, "M01"),
    _field(F.DecayNotTimesLr, "scale", {"scale": "constant"}, "M02"),
    _field(F.DecayTimesLrSquared, "scale", {"scale": "lr_squared"}, "M08"),
    _field(F.WrongSign, "strength", {"strength": "-1", "zero_gradient": "grows"}, "M04"),
    _field(F.DecayTwice, "strength", {"strength": "2"}, "M05"),
    _field(F.DecayHalved, "strength", {"strength": "0.5"}),
    _field(F.DecayCaptured, "groups", {"groups": "captured"}),
    Mutant(F.HiddenDecay, "zero_decay_takes_nothing", "any.zero_factor", {"hidden_decay": "yes"}),
    _field(F.StaleLr, "scale", {"scale": "initial_lr"}, "M07"),
    _field(F.DefaultDecayForAllGroups, "groups", {"groups": "constructor"}, "M12"),
    _field(F.DecayOnlyWhereGradient, "zero_gradient", {"zero_gradient": "untouched"}, "M09"),
    _field(F.ProximalDecay, "order", {"order": "proximal"}, "M23"),
    _field(F.ExponentialDecay, "strength", {"strength": None}, "M24"),
    _field(F.SignDecay, "coupling", NO_LAW, "M16"),
    _field(F.BiasCorrectedLrDecay, "scale", {"scale": "bias_corrected_lr"}, "M06"),
    _field(F.SecondMomentWithoutRoot, "step_rule", {"step_rule": "other"}),
    _field(F.DecayInsideMoments, "coupling", NO_LAW),
    _field(F.DecayScaledByGradient, "coupling", NO_LAW),
    _field(F.CoupledButDecoupled, "coupling", DECOUPLED),
    _field(F.AdamDecayForgotten, "coupling", NO_DECAY),
    _field(F.AdamDecayTwice, "strength", {"strength": "2"}),
    _field(F.AdamSquaredDenominator, "step_rule", {"step_rule": "other"}),
    _field(F.SgdDecayForgotten, "coupling", NO_DECAY),
    _field(F.SgdDecayTwice, "strength", {"strength": "2"}),
    _field(F.SgdDecayNotTimesLr, "scale", {**DECOUPLED, "scale": "constant"}),
    _field(F.SgdDecayAfterUpdate, "order", {**DECOUPLED, "order": "after"}),
    Mutant(F.SgdDecayOutsideMomentum, "sgd_momentum_decay_equals_a_growing_lr", "sgd_momentum.direction_error", DECOUPLED, "M25"),
    _field(F.SgdDecayOnlyWhereGradient, "zero_gradient", {"zero_gradient": "untouched"}),
    _field(F.SgdWrongSign, "strength", {"strength": "-1", "zero_gradient": "grows"}),
    # schedules
    _field(H.PreviousLrDecay, "scale", {"scale": "previous_lr"}, "M07"),
    Mutant(H.DecayScheduleOneStepLate, "a_schedule_of_weight_decay_counts_step_by_step", "any.decay_schedule_error", id="M28"),
    Mutant(H.DecayWrittenWithLr, "schedulers_leave_the_weight_decay_alone", "any.decays_written", NO_LAW),
    Mutant(H.LrInDenominator, "a_step_at_zero_lr_is_the_identity", "any.moved_at_zero_lr", {"zero_lr": "not_finite"}),
    # groups
    _field(H.FirstGroupDecayForAll, "groups", {"groups": None}, "M22"),
    Mutant(H.DecayEndsAtExemptGroup, "the_order_of_groups_changes_nothing", "any.order_error", {"exempt_first": "not_decayed"}),
    Mutant(
        H.ExemptNotTrained,
        "an_exempt_group_is_trained_like_any_other",
        "any.exempt_error",
        {**NO_LAW, "step_rule": None, "exempt_first": "not_moved"},
    ),
    Mutant(H.JoinedGroupNotDecayed, "a_joined_group_decays_by_its_own", "any.joined_error", {"add_param_group": "not_decayed"}),
    Mutant(
        H.DecayOfAnotherWeight,
        "the_order_of_groups_changes_nothing",
        "any.order_error",
        {**NO_LAW, "zero_gradient": None, "parameter_order": "depends_on_order"},
        "M27",
    ),
    Mutant(
        H.StepCountedPerParameter,
        "a_group_is_as_its_parameters_alone",
        "any.alone_error",
        {"step_rule": "other", "parameter_order": "depends_on_order"},
    ),
    # checkpoints and copies
    Mutant(
        H.ConstructorDecayAtFirst,
        "the_first_step_after_a_resume_uses_the_checkpoints_decay",
        "any.first_step_error",
        {"resume_weight_decay": "stale_first_step"},
        "M20",
    ),
    Mutant(
        H.ConstructorDecayKept,
        "the_first_step_after_a_resume_uses_the_checkpoints_decay",
        "any.first_step_error",
        {"resume_weight_decay": "constructor"},
    ),
    Mutant(H.StateForgottenOnLoad, "a_resumed_run_is_the_uninterrupted_one", "any.resume_error", {"state_dict": "differs"}),
    Mutant(
        H.DecayLostInCopy,
        "a_copy_keeps_every_groups_decay",
        "any_copied.deepcopy_error",
        {"deepcopy": "differs", "pickle": "differs"},
    ),
    Mutant(H.OldCheckpointDecoupled, "a_checkpoint_from_before_the_flag_changes_no_decay", "old_adam.loaded_factor"),
    Mutant(H.CouplingFromCheckpoint, "an_adam_checkpoint_leaves_adamw_decoupled", "adamw_from_adam.loaded_factor"),
    # gradients
    _field(H.DecayWithoutGradient, "none_gradient", {"none_gradient": "decays", "frozen": "changed"}, "M10"),
    Mutant(H.StepCountsPauses, "a_pause_is_no_step", "any.pause_error"),
    Mutant(
        H.NormOverAllGradients,
        "a_bad_gradient_stays_with_its_weight",
        "any_bad.beside_bad_changed",
        {"step_rule": "other", "nan_gradient": "spreads", "parameter_order": "depends_on_others"},
    ),
    Mutant(
        H.DecayOnSkippedStep,
        "a_skipped_step_decays_nothing",
        "any_scaled.skipped_changed",
        {"grad_scaler": "weights_change"},
        "M21",
    ),
    Mutant(H.ClosureIgnored, "a_closure_is_one_step", "any_closure.closure_changed", {"closure": "not_called"}),
    Mutant(H.ClosureDecaysAgain, "a_closure_is_one_step", "any_closure.closure_changed", {"closure": "differs"}),
    Mutant(H.GradientOverwritten, "a_step_leaves_the_gradient_alone", "adam_l2.gradient_changed", {"gradient_kept": "changed"}),
    # accumulation and clipping
    Mutant(
        H.DecayPerMicroBatch, "micro_batches_decay_once", "any.micro_batch_error", {**NO_DECAY, "micro_steps": "differs"}, "M14"
    ),
    Mutant(
        H.SgdDecayClipped,
        "clipping_leaves_the_argument_alone",
        "sgd.clipped_survival",
        {"coupling": "through_norm", "strength": None, "mask": None, "clip": "decay_too"},
        "M26",
    ),
    # signs, positions, shapes
    Mutant(H.ConstantShift, "zero_stays_zero", "any.zero_moved", {**NO_LAW, "zero_gradient": None, "weight_at_zero": "moves"}),
    Mutant(H.AbsoluteDecay, "decay_knows_no_sign", "any.mirrored_error", {**NO_LAW, "zero_gradient": None}, "M16"),
    Mutant(H.OnlyFirstRowDecays, "decay_knows_no_position", "any.permuted_error", {**NO_LAW, "other_shapes": "differs"}),
    _field(H.MaximizeFlipsDecay, "maximize", {"maximize": "decay_flipped"}, "M19"),
    _field(H.MaximizeIgnored, "maximize", {"maximize": "ignored"}),
    Mutant(H.ScalarsNotDecayed, "scalars_and_vectors_decay_like_matrices", "any.scalar_error", {"one_dim": "not_decayed"}),
    Mutant(H.DecayOnContiguousCopy, "gaps_in_memory_do_not_change_decay", "any.strided_error", {"non_contiguous": "differs"}),
    Mutant(H.StopsAtEmptyTensor, "an_empty_tensor_is_no_obstacle", "any.beside_empty_error", {"empty": "differs"}),
    Mutant(H.WeightReplaced, "an_expanded_tensor_is_refused", "torch_adamw.expanded_refused", {"expanded": "accepted"}),
    # what is accepted
    Mutant(H.NegativeDecayAccepted, "torch_refuses_a_negative_decay_and_nan", "torch_adamw.negative_refused"),
    Mutant(H.NanDecayAccepted, "torch_refuses_a_negative_decay_and_nan", "torch_adamw.nan_refused"),
    Mutant(H.DecayCutOff, "decay_is_stable_up_to_two", "any.past_factor"),
    Mutant(
        H.DecaySwallowed, "three_optimizers_take_no_weight_decay", "rprop.weight_decay_refused", {"unknown_option": "swallowed"}
    ),
    Mutant(
        H.OverlapAccepted,
        "a_weight_in_two_groups_is_refused",
        "torch_adamw.overlap_refused",
        {"repeated_across_groups": "accepted"},
        "M13",
    ),
    Mutant(H.RepeatedWithoutWarning, "a_repeated_weight_decays_twice", "torch_adamw.repeat_warnings"),
    # implementation paths
    Mutant(
        N.DecayOncePerBucket, "tensors_of_every_dtype_and_layout_decay_alike", "adamw.worst_double", {"mixed_dtypes": "differs"}
    ),
    Mutant(
        N.FirstGroupForAll, "foreach_and_fused_adamw_decay_as_the_for_loop", "adamw_foreach.worst_double", {"groups": None}, "M22"
    ),
    Mutant(N.FlagIgnored, "adam_with_the_decoupled_flag_is_adamw", "flag_foreach.worst_double", COUPLED),
    Mutant(
        N.OnlyRealPartsDecay, "a_complex_weight_decays_as_its_two_parts", "adamw_foreach.worst_complex", {"complex": "differs"}
    ),
    Mutant(
        N.ComplexSecondMoment, "a_complex_weight_decays_as_its_two_parts", "adamw_foreach.worst_complex", {"complex": "differs"}
    ),
    Mutant(N.DecayByFirstBeta, "decay_knows_no_betas", "adamw_other_betas.first_factor"),
    Mutant(N.OnlyFirstTensorsDecay, "every_tensor_of_a_long_list_decays", "any.many_error"),
    Mutant(N.DecayOnEverySecondStep, "every_pass_that_steps_decays", "subject.decays_in_backward", NO_FACTOR),
    Mutant(N.DecayDetached, "weight_decay_can_be_learned_through_a_run", "adamw.by_decay"),
    Mutant(N.DifferentiableIgnored, "a_run_forgets_its_start_at_the_rate_of_decay", "adamw.by_start"),
    # sparse gradients
    Mutant(
        N.OnlyNamedRowsDecay,
        "torch_takes_no_sparse_gradient_beside_weight_decay",
        "adamw.refused",
        {"zero_gradient": "untouched", "sparse_gradient": "accepted"},
    ),
    Mutant(
        N.SparseHiddenDecay, "rows_that_no_sparse_gradient_names_stay", "sgd_undecayed.untouched_left", {"hidden_decay": "yes"}
    ),
    # precision
    Mutant(
        N.FactorInWeightsPrecision, "just_above_the_threshold_the_mantissa_decides", "bfloat16_between.strength_mean", id="M15"
    ),
    Mutant(N.DecayTruncated, "bfloat16_loses_every_small_decay", "bfloat16_below.left", id="M15"),
    Mutant(N.DecayRoundedToNearest, "stochastic_rounding_keeps_the_decay_on_average", "stochastic.left", id="M15"),
    Mutant(N.CompensationForgotten, "compensated_sums_keep_the_decay", "compensated.left", {"smallest_decay": "rounded"}),
    Mutant(N.MasterReadBack, "master_weights_keep_the_decay", "master.differing"),
    Mutant(N.MasterWithoutDecay, "master_weights_keep_the_decay", "master.differing", {"order": "after"}),
    # masks, averages, norms, estimates
    Mutant(N.LargestRateOfAll, "corrected_decay_follows_the_groups_own_largest_lr", "corrected.residual", NO_FACTOR, "M08"),
    _field(N.MaskInverted, "mask", {"mask": None}, "M18"),
    _field(N.MaskOnGradient, "mask", NO_LAW, "M18"),
    Mutant(
        N.MaskLeavesIdle,
        "cautious_decay_includes_weights_without_gradient",
        "cautious.idle",
        {**NO_LAW, "zero_gradient": "untouched"},
    ),
    _field(N.MaskForgotten, "mask", {"mask": "none"}),
    _field(N.DecayWhereUpdateAgrees, "mask", {"mask": "cautious"}),
    Mutant(N.SlowWeightsDecayToo, "lookahead_weakens_the_decay_of_its_inner_optimizer", "lookahead.averaged_left", NO_LAW),
    _field(N.SlowWeightsForgotten, "step_rule", {"step_rule": "sgd"}),
    Mutant(N.DecayAtTheOtherPoint, "where_schedule_free_decays_decides_how_much", "schedule_free.averaged_left", NO_LAW),
    Mutant(N.EvalDecays, "showing_an_average_decays_nothing", "schedule_free.swap_error"),
    _field(N.UpdateTimesNorm, "step_rule", {"step_rule": "other"}),
    Mutant(N.DecayTimesNorm, "decay_does_not_depend_on_the_norm_of_its_tensor", "adamw.shrink", NO_FACTOR),
    _field(N.LambDecayInGradient, "coupling", COUPLED),
    _field(N.LambDecayBesideRatio, "coupling", DECOUPLED),
    Mutant(
        N.AdafactorDecayTimesNorm,
        "adafactor_decays_by_lr_and_steps_by_the_norm",
        "adafactor.own_part",
        NO_FACTOR,
    ),
    Mutant(N.DecayIgnoresEstimate, "prodigy_decays_by_its_estimate", "prodigy.worst_error"),
    Mutant(N.DecayByFirstEstimate, "prodigy_decays_by_its_estimate", "prodigy.worst_error"),
    Mutant(N.DecayByRootOfEstimate, "prodigy_hardly_decays_before_its_estimate_has_grown", "prodigy.first_decay"),
    # other forms: signs, trust ratios, momentum, Muon, Adagrad, NAdam, RAdam
    _field(R.LionDecayInsideSign, "coupling", {"coupling": "inside_sign", "scale": "gradient", "order": "inside"}),
    Mutant(
        R.LionDecaysTheMomentum,
        "contract.zero_gradient",
        "untouched",
        {**NO_LAW, "zero_gradient": "untouched"},
        misread={"groups": "a changed weight_decay turns a sign only many steps later, which looks like none"},
    ),
    _field(R.SignumDecayUnread, "coupling", NO_DECAY),
    _field(
        R.LarsDecayOnlyInRatio,
        "zero_gradient",
        {"coupling": None, "scale": None, "order": None, "zero_gradient": "untouched"},
    ),
    Mutant(R.LarsRatioNeedsDecay, "an_exempt_group_is_trained_like_any_other", "any.exempt_error", {"step_rule": "momentum"}),
    Mutant(R.LambRatioNeedsDecay, "an_exempt_group_is_trained_like_any_other", "any.exempt_error", {"step_rule": "adam"}),
    _field(R.LambModeDropped, "coupling", {"coupling": "through_norm", "strength": None, "mask": None}),
    _field(R.DecayNeedsMomentum, "coupling", NO_DECAY),
    _field(R.PenaltyOfPreviousGradient, "coupling", {**NO_LAW, "zero_gradient": "untouched"}),
    _field(R.PenaltyBeforeUnscaling, "strength", {**DECOUPLED, "strength": "0.0078125"}),
    Mutant(R.PenaltyAtLookahead, "sgd_l2_is_one_rule_on_every_path", "sgd_momentum.worst_double"),
    _field(R.SgdwDecayInBuffer, "coupling", COUPLED, "M25"),
    Mutant(R.LrInBuffer, "a_step_at_zero_lr_is_the_identity", "any.moved_at_zero_lr", {"step_rule": "other", "zero_lr": "moves"}),
    _field(R.MuonMissingGradientMadeZero, "none_gradient", {"none_gradient": "moves", "frozen": "changed"}, "M10"),
    _field(R.MuonDecayedTensorUnused, "coupling", NO_DECAY),
    _field(R.AdagradDecayPastTheSum, "coupling", DECOUPLED),
    _field(R.NAdamFlagLost, "coupling", COUPLED),
    _field(R.RAdamDecayOverwritten, "coupling", NO_DECAY),
    Mutant(R.DecayWaitsForRectification, "decay_asks_no_update", "adamw.shrinking"),
    _field(R.DecayRectified, "scale", NO_FACTOR),
    # decays of another shape, other steps of Adam
    _field(R.HuberDecay, "coupling", NO_LAW, "M16"),
    _field(R.SquaredDecay, "coupling", NO_LAW, "M16"),
    _field(R.DecayTowardStart, "zero_gradient", {**NO_LAW, "zero_gradient": "untouched"}, "M17"),
    _field(R.DecayTowardUnitNorm, "strength", NO_FACTOR, "M17"),
    _field(
        R.DecayClippedWithUpdate,
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
    _field(R.DecayOverInitialLr, "scale", {"scale": "schedule"}, "M07"),
    _field(R.DecayByMeanRate, "scale", {**NO_FACTOR, "zero_lr": "decays"}),
    _field(R.BiasNotCorrected, "step_rule", {"step_rule": "other"}),
    Mutant(R.EpsBiasCorrected, "adamw_without_decay_is_adam", "adamw.adam_error"),
    Mutant(R.EpsInsideRoot, "a_large_eps_softens_the_box", "adamw_large_eps.weight_flat", {"step_rule": "other"}),
    # what becomes of groups, keywords, shapes
    _field(G.GroupsFlattened, "groups", {"groups": None, "group_options": "constructor", "empty_group": "dropped"}),
    _field(G.GroupsConcatenated, "groups", {"groups": None, "group_options": "first_group", "empty_group": "dropped"}),
    Mutant(G.EmptyGroupDropped, "an_empty_group_keeps_its_place", "any.place_error", {"empty_group": "dropped"}),
    Mutant(
        G.ZeroTakenForMissing,
        "an_exempt_group_is_trained_like_any_other",
        "any.exempt_error",
        {"groups": None, "exempt_first": "exempt_decays"},
    ),
    _field(G.OwnSchedulerOnly, "groups", {"groups": "constructor", "group_options": "decay_of_constructor"}, "M12"),
    _field(
        G.CallersDictsAdopted,
        "groups",
        {"groups": "constructor", "group_options": "constructor", "callers_groups": "values_changed"},
    ),
    Mutant(G.VectorsDecayDespiteTheirGroup, "tensors_of_every_dtype_and_layout_decay_alike", "adamw.worst_double", id="M11"),
    Mutant(
        G.LastOfGroupNotDecayed,
        "tensors_of_every_dtype_and_layout_decay_alike",
        "adamw.worst_single",
        {**NO_FACTOR, "parameter_order": "depends_on_order"},
    ),
    _field(G.OthersOfGroupDecayAgain, "coupling", {**NO_LAW, "parameter_order": "depends_on_order"}),
    Mutant(
        G.PaddingReachesNeighbour, "the_order_of_groups_changes_nothing", "any.order_error", {"group_options": "differs"}, "M27"
    ),
    _field(G.OtherKeyword, "coupling", NO_DECAY),
    _field(G.ConstructorDecayLost, "coupling", {name: says for name, says in NO_DECAY.items() if name != "groups"}),
    _field(G.RuleOnFlatShapes, "coupling", {**NO_DECAY, "one_dim": "as_usual"}),
    Mutant(G.OnlyFirstBlockDecays, "a_large_tensor_decays_to_its_last_element", "any.large_error"),
    # some steps, some occasions
    Mutant(W.DecayIgnoresInnerWarmup, "contract.equivalent_to", "another", {"scale": "lr", "strength": "1"}),
    Mutant(W.DecayInEveryMicroStep, "a_call_that_only_collects_decays_nothing", "any.decayed_without_update", id="M14"),
    _field(W.FirstCallRepeated, "step_rule", {**NO_LAW, "step_rule": "other"}),
    Mutant(W.DecayEndsWithWarmup, "adamw_clips_the_minimum_to_a_box", "adamw.alpha_spread"),
    _field(W.DecayBeginsLate, "coupling", NO_DECAY),
    Mutant(W.EveryHundredthDecaySkipped, "unseen_row_shrinks_by_the_product_of_decay_factors", "adamw.unseen_ratio"),
    _field(W.DecayFadesOut, "strength", NO_FACTOR),
    Mutant(W.SmallWeightsFlushed, "adamw_is_the_undecayed_run_plus_decay", "adamw.residual"),
    Mutant(
        W.InfinityNotPassedOn, "a_skipped_step_decays_nothing", "any_scaled.skipped_changed", {"grad_scaler": "weights_change"}
    ),
    Mutant(W.ScaleKept, "unscaling_before_a_step_changes_no_bit", "any_scaled.unscaled_changed", {"grad_scaler": "differs"}),
    Mutant(
        W.SkippedStepCounted,
        "a_skipped_step_decays_nothing",
        "any_scaled.after_skip_changed",
        {"grad_scaler": "state_changes"},
        "M21",
    ),
    Mutant(
        W.RowsNotNamedStay,
        "a_sparse_gradient_hides_no_row_from_decay",
        "any.unlike_dense",
        {"sparse_gradient": "named_rows_only"},
        "M09",
    ),
    _field(W.ForeachDecaysAfter, "paths", {"paths": "differs"}),
    _field(W.ForeachHasAnotherEps, "paths", {"paths": "differs"}),
    _field(W.DifferentiableTakesAnotherTensor, "paths", {"paths": "differs"}),
    _field(W.InnerSeesNoWeights, "coupling", NO_DECAY),
)
OTHERS: tuple[Mutant, ...] = (
    Mutant(H.CheckpointFlagIgnored, "an_adamw_checkpoint_turns_adam_decoupled", "adam_from_adamw.loaded_factor"),
    Mutant(H.OldCheckpointKeepsDecoupling, "a_checkpoint_from_before_the_flag_couples_nadam", "old_nadam.loaded_factor"),
    Mutant(H.InfiniteDecayRefused, "torch_accepts_an_infinite_decay", "torch_adamw.infinite_refused"),
    Mutant(H.LargeDecayWarns, "torch_takes_a_decay_that_diverges", "torch_adamw.warnings"),
    Mutant(H.LambdIgnored, "asgd_decays_at_a_weight_decay_of_zero", "asgd.zero_factor"),
    Mutant(H.RepeatedSteppedOnce, "a_repeated_weight_decays_twice", "torch_adamw.repeated_factor"),
    Mutant(
        N.FactorInFloat32,
        "foreach_rounds_the_decay_factor_first",
        "bfloat16_between_foreach.strength_mean",
        {"precision": "float32"},
    ),
    Mutant(N.FactorInDouble, "float32_overstates_the_smallest_decays", "float32_above.strength_mean"),
    Mutant(
        N.EpsInFloat32,
        "float16_weights_without_gradient_become_nan_at_the_usual_eps",
        "float16_usual_eps.not_finite",
        {"precision": "float32"},
    ),
)
# Classes whose step raises where it is wrong: a claim is red by the exception, and no number comes of them.
RAISES = (W.ForeachDecaysUnviewed,)
# Twins of twins, which take an option that a subject's constructor is not given.
HELPERS = (R.LambModesTwin,)
# Classes that no claim notices: a question of the fingerprint does, and tests/selftest/fingerprint tries each.
FINGERPRINT_ONLY: tuple[type, ...] = (
    *(H.ZeroLrDividesZero, H.ZeroLrDividesBy, H.ZeroLrIsDefault),
    *(H.StateNotSaved, H.ConstructorLrKept, H.DecayZeroAfterLoad, H.DecayEndsAtLoad, H.HalfTheDecayAfterLoad),
    *(H.FirstStepByConstructor, H.NotPickled, H.PickledWithoutState, H.CopySharesState, H.SingleState),
    *(H.TrainableDecayWithoutGradient, H.FrozenDecay, H.MomentumGoesOn, H.NormOfAll, H.GradientCleared, H.NotANumberAtZero),
    *(H.ClosureStepsEachTime, H.ClosureWithoutGrad, H.LossLost, H.MaximizeWithoutDecay),
    *(H.ScalarsSkipped, H.VectorsNotDecayed, H.ImagesOtherwise, H.WritesToACopy, H.StridedOtherwise, H.LayoutMatters),
    *(H.EmptyEndsTheStep, H.RealPartOnly, H.CountsRepeats),
    *(G.EmptyGroupRefused, G.StepEndsAtExempt, G.CallersGroupsScaled, G.LrOfTheConstructor, G.AddedGroupIgnored),
    *(G.BucketsDecayAgain, G.SwallowsOptions, G.InertOption, G.OneBetaCounts, G.LrTensorCoarse),
    *(W.UnscalesTwice, W.ForeachDecaysEachTime, W.ForeachDecaysEachPrecision, R.SeededNoise, R.UnseededNoise),
    *(C.LionDirectionInsideSign, C.Lars, C.LambCoupled, C.LambDecoupled, C.LambDecoupledFloored, C.LambDecoupledFlooredAfter),
    *(C.LambMomentumDecoupled, C.AdamC, C.DecaySkipsFirstStep, C.DecayAtRandom, C.DecayByFanIn, C.OnceCautious),
    *(C.SgdDecayBuffer, C.SingleInside, C.SingleUpdate, C.RefusesDouble, C.StochasticRounding, C.KeepsRemainder),
)
BY_NAME: Mapping[str, Mutant] = {one.name: one for one in (*MUTANTS, *OTHERS)}
RIGHT: Mapping[str, Right] = {
    **{make.__name__: Right(collection.path_of(make), promise) for make, promise in TWINS.items()},
    **CORRECT,
}


def noticed_by(make: type) -> NoticedBy:
    """Return what notices a class of this folder. Raises LookupError for one that stands in none of the tables above."""
    rights = {right.path for right in RIGHT.values()}
    if make.__name__ in BY_NAME or make in RAISES:
        return "claims"
    if make in FINGERPRINT_ONLY:
        return "fingerprint"
    if collection.path_of(make) in rights or make in (*ONLY_IN_AN_ARM, *HELPERS):
        return "nothing"
    raise LookupError(f"{make.__name__} has no expectation: tests/mutants/README.md says where to write one")
