"""What is known of every mutant: what it would promise, what its fault changes, and which test must be red in which words?

A mutant's twin is the first of its bases that stands in TWINS; both are held to the contract that the twin declares there.
`truth` gives what a fingerprint has to say where the fault changes it, None where there is no longer an answer (a decay that
is not there has no order). What stands in OTHERS is no fault: right or harmless, and still not what some claim describes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from harness.optimizers import averaging, conventions, low_precision, prodigy
from harness.spec.contract import Contract, complete
from tests.mutants import decay_rule, groups, handling, numerics, other_optimizers, timing
from tests.mutants.correct import HONEST

Truth = Mapping[str, str | None]

NO_DECAY: Truth = {"coupling": "none"} | dict.fromkeys(
    ("scale", "order", "mask", "strength", "groups", "zero_gradient")
)  # what is not there has no further properties
NO_LAW: Truth = dict.fromkeys(("coupling", "scale", "order", "mask", "strength"))  # a decay that has no name
NO_FACTOR: Truth = dict.fromkeys(("scale", "strength"))  # one that is no multiple of anything that has a name
COUPLED: Truth = {"coupling": "coupled_l2", "scale": "gradient", "order": "inside"}
DECOUPLED: Truth = {"coupling": "decoupled", "scale": "lr", "order": "before"}


@dataclass(frozen=True)
class Promise:
    """The role that a right optimizer takes, and what it declares in its contract beside what the role promises.

    `expected` are claims that it is right to fail, each with the reason.
    """

    role: str
    contract: Contract = field(default_factory=dict)
    expected: Mapping[str, str] = field(default_factory=dict)

    @property
    def all(self) -> Contract:
        """Every field of the contract."""
        return complete(self.contract, self.role)


@dataclass(frozen=True)
class Right:
    """A right optimizer: its import path, and what it promises."""

    path: str
    promise: Promise


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
    conventions.CorrectedAdamW: Promise("decoupled", {"scale": "lr_squared_over_max"}),
    conventions.CautiousAdamW: Promise("decoupled", {"mask": "cautious"}),
    conventions.Lamb: Promise("decoupled", {"coupling": "through_norm"}),
    averaging.LookaheadSGD: Promise("coupled", COUPLED_RULE),
    averaging.ScheduleFreeSGD: Promise("coupled", COUPLED_RULE),
    torch.optim.Adafactor: Promise("decoupled", {"step_rule": "other"}),
    torch.optim.NAdam: Promise("coupled", COUPLED_RULE),
    prodigy.Prodigy: Promise("decoupled", {"step_rule": "other", "strength": "unspecified", "scale": "unspecified"}),
    conventions.Lion: Promise("decoupled", {"step_rule": "sign"}),
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
    """One planted fault. `by` is a claim, or `contract.<field>`, that must be red with `says` in its first line.

    `id` is the fault's number in our catalogue of claims, where it has one; `misread` are questions to which the fingerprint
    gives a wrong answer, with the reason.
    """

    make: type
    by: str
    says: str
    truth: Truth = field(default_factory=dict)
    id: str = ""
    misread: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.make.__name__

    @property
    def path(self) -> str:
        return path_of(self.make)

    @property
    def bug(self) -> str:
        """The thread of the real bug, or nothing."""
        found = re.search(r"https://\S+?(?=[.,:;]?(\s|$))", self.make.__doc__ or "")
        return found[0] if found else ""

    @property
    def twin(self) -> type:
        """The optimizer that the mutant is without its fault."""
        return next(base for base in self.make.__mro__[1:] if base in TWINS or base in ONLY_IN_AN_ARM)

    @property
    def promise(self) -> Promise | None:
        """What the twin declares; None for one that is no subject."""
        return TWINS.get(self.twin)


def path_of(make: type) -> str:
    """Return an optimizer's import path; torch's own are named where torch shows them."""
    module = "torch.optim" if make.__module__.startswith("torch.optim") else make.__module__
    return f"{module}:{make.__name__}"


def _field(make: type, name: str, truth: Truth, id: str = "") -> Mutant:
    """Return a mutant whose contract is red in the field `name`, and says there what the fault makes of it."""
    told = truth[name]
    return Mutant(make, f"contract.{name}", f"says {told}: " if told else "says unknown: ", truth, id)


F, H, N, R, G, W = decay_rule, handling, numerics, other_optimizers, groups, timing
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
    Mutant(F.HiddenDecay, "zero_decay_takes_nothing", "at weight_decay 0", {"hidden_decay": "yes"}),
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
    Mutant(F.SgdDecayOutsideMomentum, "sgd_momentum_decay_equals_a_growing_lr", "sgd_momentum", DECOUPLED, "M25"),
    _field(F.SgdDecayOnlyWhereGradient, "zero_gradient", {"zero_gradient": "untouched"}),
    _field(F.SgdWrongSign, "strength", {"strength": "-1", "zero_gradient": "grows"}),
    # schedules
    _field(H.PreviousLrDecay, "scale", {"scale": "previous_lr"}, "M07"),
    Mutant(H.DecayScheduleOneStepLate, "a_schedule_of_weight_decay_counts_step_by_step", "decay_schedule_error", id="M28"),
    Mutant(H.DecayWrittenWithLr, "schedulers_leave_the_weight_decay_alone", "decays_written", NO_LAW),
    Mutant(H.LrInDenominator, "a_step_at_zero_lr_is_the_identity", "moved_at_zero_lr", {"zero_lr": "not_finite"}),
    # groups
    _field(H.FirstGroupDecayForAll, "groups", {"groups": None}, "M22"),
    Mutant(H.DecayEndsAtExemptGroup, "the_order_of_groups_changes_nothing", "order_error", {"exempt_first": "not_decayed"}),
    Mutant(
        H.ExemptNotTrained,
        "an_exempt_group_is_trained_like_any_other",
        "exempt_error",
        {**NO_LAW, "step_rule": None, "exempt_first": "not_moved"},
    ),
    Mutant(H.JoinedGroupNotDecayed, "a_joined_group_decays_by_its_own", "joined_error", {"add_param_group": "not_decayed"}),
    Mutant(
        H.DecayOfAnotherWeight,
        "the_order_of_groups_changes_nothing",
        "order_error",
        {**NO_LAW, "zero_gradient": None, "parameter_order": "depends_on_order"},
        "M27",
    ),
    Mutant(
        H.StepCountedPerParameter,
        "a_group_is_as_its_parameters_alone",
        "alone_error",
        {"step_rule": "other", "parameter_order": "depends_on_order"},
    ),
    # checkpoints and copies
    Mutant(
        H.ConstructorDecayAtFirst,
        "the_first_step_after_a_resume_uses_the_checkpoints_decay",
        "first_step_error",
        {"resume_weight_decay": "stale_first_step"},
        "M20",
    ),
    Mutant(
        H.ConstructorDecayKept,
        "the_first_step_after_a_resume_uses_the_checkpoints_decay",
        "first_step_error",
        {"resume_weight_decay": "constructor"},
    ),
    Mutant(H.StateForgottenOnLoad, "a_resumed_run_is_the_uninterrupted_one", "resume_error", {"state_dict": "differs"}),
    Mutant(H.DecayLostInCopy, "a_copy_keeps_every_groups_decay", "deepcopy_error", {"deepcopy": "differs", "pickle": "differs"}),
    Mutant(H.OldCheckpointDecoupled, "a_checkpoint_from_before_the_flag_changes_no_decay", "loaded_factor"),
    Mutant(H.CouplingFromCheckpoint, "an_adam_checkpoint_leaves_adamw_decoupled", "loaded_factor"),
    # gradients
    _field(H.DecayWithoutGradient, "none_gradient", {"none_gradient": "decays", "frozen": "changed"}, "M10"),
    Mutant(H.StepCountsPauses, "a_pause_is_no_step", "pause_error"),
    Mutant(
        H.NormOverAllGradients,
        "a_bad_gradient_stays_with_its_weight",
        "beside_bad_changed",
        {"step_rule": "other", "nan_gradient": "spreads", "parameter_order": "depends_on_others"},
    ),
    Mutant(H.DecayOnSkippedStep, "a_skipped_step_decays_nothing", "skipped_changed", {"grad_scaler": "weights_change"}, "M21"),
    Mutant(H.ClosureIgnored, "a_closure_is_one_step", "closure_changed", {"closure": "not_called"}),
    Mutant(H.ClosureDecaysAgain, "a_closure_is_one_step", "closure_changed", {"closure": "differs"}),
    Mutant(H.GradientOverwritten, "a_step_leaves_the_gradient_alone", "gradient_changed", {"gradient_kept": "changed"}),
    # accumulation and clipping
    Mutant(H.DecayPerMicroBatch, "micro_batches_decay_once", "micro_batch_error", {**NO_DECAY, "micro_steps": "differs"}, "M14"),
    Mutant(
        H.SgdDecayClipped,
        "clipping_leaves_the_argument_alone",
        "clipped_survival",
        {"coupling": "through_norm", "strength": None, "mask": None, "clip": "decay_too"},
        "M26",
    ),
    # signs, positions, shapes
    Mutant(H.ConstantShift, "zero_stays_zero", "zero_moved", {**NO_LAW, "zero_gradient": None, "weight_at_zero": "moves"}),
    Mutant(H.AbsoluteDecay, "decay_knows_no_sign", "mirrored_error", {**NO_LAW, "zero_gradient": None}, "M16"),
    Mutant(H.OnlyFirstRowDecays, "decay_knows_no_position", "permuted_error", {**NO_LAW, "other_shapes": "differs"}),
    _field(H.MaximizeFlipsDecay, "maximize", {"maximize": "decay_flipped"}, "M19"),
    _field(H.MaximizeIgnored, "maximize", {"maximize": "ignored"}),
    Mutant(H.ScalarsNotDecayed, "scalars_and_vectors_decay_like_matrices", "scalar_error", {"one_dim": "not_decayed"}),
    Mutant(H.DecayOnContiguousCopy, "gaps_in_memory_do_not_change_decay", "strided_error", {"non_contiguous": "differs"}),
    Mutant(H.StopsAtEmptyTensor, "an_empty_tensor_is_no_obstacle", "beside_empty_error", {"empty": "differs"}),
    Mutant(H.WeightReplaced, "an_expanded_tensor_is_refused", "expanded_refused", {"expanded": "accepted"}),
    # what is accepted
    Mutant(H.NegativeDecayAccepted, "torch_refuses_a_negative_decay_and_nan", "negative_refused"),
    Mutant(H.NanDecayAccepted, "torch_refuses_a_negative_decay_and_nan", "nan_refused"),
    Mutant(H.DecayCutOff, "decay_is_stable_up_to_two", "past_factor"),
    Mutant(H.DecaySwallowed, "three_optimizers_take_no_weight_decay", "weight_decay_refused", {"unknown_option": "swallowed"}),
    Mutant(
        H.OverlapAccepted, "a_weight_in_two_groups_is_refused", "overlap_refused", {"repeated_across_groups": "accepted"}, "M13"
    ),
    Mutant(H.RepeatedWithoutWarning, "a_repeated_weight_decays_twice", "repeat_warnings"),
    # implementation paths
    Mutant(N.DecayOncePerBucket, "tensors_of_every_dtype_and_layout_decay_alike", "worst_double", {"mixed_dtypes": "differs"}),
    Mutant(N.FirstGroupForAll, "foreach_and_fused_adamw_decay_as_the_for_loop", "worst_double", {"groups": None}, "M22"),
    Mutant(N.FlagIgnored, "adam_with_the_decoupled_flag_is_adamw", "worst_double", COUPLED),
    Mutant(N.OnlyRealPartsDecay, "a_complex_weight_decays_as_its_two_parts", "worst_complex", {"complex": "differs"}),
    Mutant(N.ComplexSecondMoment, "a_complex_weight_decays_as_its_two_parts", "worst_complex", {"complex": "differs"}),
    Mutant(N.DecayByFirstBeta, "decay_knows_no_betas", "of adamw_other_betas"),
    Mutant(N.OnlyFirstTensorsDecay, "every_tensor_of_a_long_list_decays", "many_error"),
    Mutant(N.DecayOnEverySecondStep, "every_pass_that_steps_decays", "decays_in_backward", NO_FACTOR),
    Mutant(N.DecayDetached, "weight_decay_can_be_learned_through_a_run", "by_decay"),
    Mutant(N.DifferentiableIgnored, "a_run_forgets_its_start_at_the_rate_of_decay", "by_start"),
    # sparse gradients
    Mutant(
        N.OnlyNamedRowsDecay,
        "torch_takes_no_sparse_gradient_beside_weight_decay",
        "refused of adamw",
        {"zero_gradient": "untouched", "sparse_gradient": "accepted"},
    ),
    Mutant(N.SparseHiddenDecay, "rows_that_no_sparse_gradient_names_stay", "untouched_left", {"hidden_decay": "yes"}),
    # precision
    Mutant(N.FactorInWeightsPrecision, "just_above_the_threshold_the_mantissa_decides", "strength_mean", id="M15"),
    Mutant(N.DecayTruncated, "bfloat16_loses_every_small_decay", "left of bfloat16_below", id="M15"),
    Mutant(N.DecayRoundedToNearest, "stochastic_rounding_keeps_the_decay_on_average", "no noise at all", id="M15"),
    Mutant(N.CompensationForgotten, "compensated_sums_keep_the_decay", "left of compensated", {"smallest_decay": "rounded"}),
    Mutant(N.MasterReadBack, "master_weights_keep_the_decay", "differing of master"),
    Mutant(N.MasterWithoutDecay, "master_weights_keep_the_decay", "differing of master", {"order": "after"}),
    # masks, averages, norms, estimates
    Mutant(N.LargestRateOfAll, "corrected_decay_follows_the_groups_own_largest_lr", "residual", NO_FACTOR, "M08"),
    _field(N.MaskInverted, "mask", {"mask": None}, "M18"),
    _field(N.MaskOnGradient, "mask", NO_LAW, "M18"),
    Mutant(
        N.MaskLeavesIdle,
        "cautious_decay_includes_weights_without_gradient",
        "idle of cautious",
        {**NO_LAW, "zero_gradient": "untouched"},
    ),
    _field(N.MaskForgotten, "mask", {"mask": "none"}),
    _field(N.DecayWhereUpdateAgrees, "mask", {"mask": "cautious"}),
    Mutant(N.SlowWeightsDecayToo, "lookahead_weakens_the_decay_of_its_inner_optimizer", "averaged_left", NO_LAW),
    _field(N.SlowWeightsForgotten, "step_rule", {"step_rule": "sgd"}),
    Mutant(N.DecayAtTheOtherPoint, "where_schedule_free_decays_decides_how_much", "averaged_left", NO_LAW),
    Mutant(N.EvalDecays, "showing_an_average_decays_nothing", "swap_error"),
    _field(N.UpdateTimesNorm, "step_rule", {"step_rule": "other"}),
    Mutant(N.DecayTimesNorm, "decay_does_not_depend_on_the_norm_of_its_tensor", "shrink of adamw", NO_FACTOR),
    _field(N.LambDecayInGradient, "coupling", COUPLED),
    _field(N.LambDecayBesideRatio, "coupling", DECOUPLED),
    Mutant(
        N.AdafactorDecayTimesNorm,
        "adafactor_decays_by_lr_and_steps_by_the_norm",
        "own_part of adafactor",
        NO_FACTOR,
    ),
    Mutant(N.DecayIgnoresEstimate, "prodigy_decays_by_its_estimate", "worst_error"),
    Mutant(N.DecayByFirstEstimate, "prodigy_decays_by_its_estimate", "worst_error"),
    Mutant(N.DecayByRootOfEstimate, "prodigy_hardly_decays_before_its_estimate_has_grown", "first_decay"),
    # other forms: signs, trust ratios, momentum, Muon, Adagrad, NAdam, RAdam
    _field(R.LionDecayInsideSign, "coupling", {"coupling": "inside_sign", "scale": "gradient", "order": "inside"}),
    Mutant(
        R.LionDecaysTheMomentum,
        "contract.zero_gradient",
        "says untouched: ",
        {**NO_LAW, "zero_gradient": "untouched"},
        misread={"groups": "a changed weight_decay turns a sign only many steps later, which looks like none"},
    ),
    _field(R.SignumDecayUnread, "coupling", NO_DECAY),
    _field(
        R.LarsDecayOnlyInRatio,
        "zero_gradient",
        {"coupling": None, "scale": None, "order": None, "zero_gradient": "untouched"},
    ),
    Mutant(R.LarsRatioNeedsDecay, "an_exempt_group_is_trained_like_any_other", "exempt_error", {"step_rule": "momentum"}),
    Mutant(R.LambRatioNeedsDecay, "an_exempt_group_is_trained_like_any_other", "exempt_error", {"step_rule": "adam"}),
    _field(R.LambModeDropped, "coupling", {"coupling": "through_norm", "strength": None, "mask": None}),
    _field(R.DecayNeedsMomentum, "coupling", NO_DECAY),
    _field(R.PenaltyOfPreviousGradient, "coupling", {**NO_LAW, "zero_gradient": "untouched"}),
    _field(R.PenaltyBeforeUnscaling, "strength", {**DECOUPLED, "strength": "0.0078125"}),
    Mutant(R.PenaltyAtLookahead, "sgd_l2_is_one_rule_on_every_path", "of sgd_momentum"),
    _field(R.SgdwDecayInBuffer, "coupling", COUPLED, "M25"),
    Mutant(R.LrInBuffer, "a_step_at_zero_lr_is_the_identity", "moved_at_zero_lr", {"step_rule": "other", "zero_lr": "moves"}),
    _field(R.MuonMissingGradientMadeZero, "none_gradient", {"none_gradient": "moves", "frozen": "changed"}, "M10"),
    _field(R.MuonDecayedTensorUnused, "coupling", NO_DECAY),
    _field(R.AdagradDecayPastTheSum, "coupling", DECOUPLED),
    _field(R.NAdamFlagLost, "coupling", COUPLED),
    _field(R.RAdamDecayOverwritten, "coupling", NO_DECAY),
    Mutant(R.DecayWaitsForRectification, "decay_asks_no_update", "shrinking of adamw is 0"),
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
    Mutant(R.EpsBiasCorrected, "adamw_without_decay_is_adam", "adam_error"),
    Mutant(R.EpsInsideRoot, "a_large_eps_softens_the_box", "weight_flat", {"step_rule": "other"}),
    # what becomes of groups, keywords, shapes
    _field(G.GroupsFlattened, "groups", {"groups": None, "group_options": "constructor", "empty_group": "dropped"}),
    _field(G.GroupsConcatenated, "groups", {"groups": None, "group_options": "first_group", "empty_group": "dropped"}),
    Mutant(G.EmptyGroupDropped, "an_empty_group_keeps_its_place", "place_error", {"empty_group": "dropped"}),
    Mutant(
        G.ZeroTakenForMissing,
        "an_exempt_group_is_trained_like_any_other",
        "exempt_error",
        {"groups": None, "exempt_first": "exempt_decays"},
    ),
    _field(G.OwnSchedulerOnly, "groups", {"groups": "constructor", "group_options": "decay_of_constructor"}, "M12"),
    _field(
        G.CallersDictsAdopted,
        "groups",
        {"groups": "constructor", "group_options": "constructor", "callers_groups": "values_changed"},
    ),
    Mutant(G.VectorsDecayDespiteTheirGroup, "tensors_of_every_dtype_and_layout_decay_alike", "worst_double", id="M11"),
    Mutant(
        G.LastOfGroupNotDecayed,
        "tensors_of_every_dtype_and_layout_decay_alike",
        "worst_",
        {**NO_FACTOR, "parameter_order": "depends_on_order"},
    ),
    _field(G.OthersOfGroupDecayAgain, "coupling", {**NO_LAW, "parameter_order": "depends_on_order"}),
    Mutant(G.PaddingReachesNeighbour, "the_order_of_groups_changes_nothing", "order_error", {"group_options": "differs"}, "M27"),
    _field(G.OtherKeyword, "coupling", NO_DECAY),
    _field(G.ConstructorDecayLost, "coupling", {name: says for name, says in NO_DECAY.items() if name != "groups"}),
    _field(G.RuleOnFlatShapes, "coupling", {**NO_DECAY, "one_dim": "as_usual"}),
    Mutant(G.OnlyFirstBlockDecays, "a_large_tensor_decays_to_its_last_element", "large_error"),
    # some steps, some occasions
    Mutant(W.DecayIgnoresInnerWarmup, "contract.equivalent_to", "InnerWarmupTwin", {"scale": "lr", "strength": "1"}),
    Mutant(W.DecayInEveryMicroStep, "a_call_that_only_collects_decays_nothing", "decayed_without_update", id="M14"),
    _field(W.FirstCallRepeated, "step_rule", {**NO_LAW, "step_rule": "other"}),
    Mutant(W.DecayEndsWithWarmup, "adamw_clips_the_minimum_to_a_box", "alpha_spread"),
    _field(W.DecayBeginsLate, "coupling", NO_DECAY),
    Mutant(W.EveryHundredthDecaySkipped, "unseen_row_shrinks_by_the_product_of_decay_factors", "unseen_ratio"),
    _field(W.DecayFadesOut, "strength", NO_FACTOR),
    Mutant(W.SmallWeightsFlushed, "adamw_is_the_undecayed_run_plus_decay", "residual of adamw"),
    Mutant(W.InfinityNotPassedOn, "a_skipped_step_decays_nothing", "skipped_changed", {"grad_scaler": "weights_change"}),
    Mutant(W.ScaleKept, "unscaling_before_a_step_changes_no_bit", "unscaled_changed", {"grad_scaler": "differs"}),
    Mutant(W.SkippedStepCounted, "a_skipped_step_decays_nothing", "after_skip_changed", {"grad_scaler": "state_changes"}, "M21"),
    Mutant(
        W.RowsNotNamedStay,
        "a_sparse_gradient_hides_no_row_from_decay",
        "unlike_dense",
        {"sparse_gradient": "named_rows_only"},
        "M09",
    ),
    _field(W.ForeachDecaysAfter, "paths", {"paths": "differs"}),
    _field(W.ForeachHasAnotherEps, "paths", {"paths": "differs"}),
    _field(W.DifferentiableTakesAnotherTensor, "paths", {"paths": "differs"}),
    _field(W.InnerSeesNoWeights, "coupling", NO_DECAY),
)
OTHERS: tuple[Mutant, ...] = (
    Mutant(H.CheckpointFlagIgnored, "an_adamw_checkpoint_turns_adam_decoupled", "loaded_factor"),
    Mutant(H.OldCheckpointKeepsDecoupling, "a_checkpoint_from_before_the_flag_couples_nadam", "loaded_factor"),
    Mutant(H.InfiniteDecayRefused, "torch_accepts_an_infinite_decay", "infinite_refused"),
    Mutant(H.LargeDecayWarns, "torch_takes_a_decay_that_diverges", "warnings of torch_adamw"),
    Mutant(H.LambdIgnored, "asgd_decays_at_a_weight_decay_of_zero", "zero_factor"),
    Mutant(H.RepeatedSteppedOnce, "a_repeated_weight_decays_twice", "repeated_factor"),
    Mutant(N.FactorInFloat32, "foreach_rounds_the_decay_factor_first", "strength_mean", {"precision": "float32"}),
    Mutant(N.FactorInDouble, "float32_overstates_the_smallest_decays", "strength_mean"),
    Mutant(
        N.EpsInFloat32, "float16_weights_without_gradient_become_nan_at_the_usual_eps", "not_finite", {"precision": "float32"}
    ),
)
BY_NAME: Mapping[str, Mutant] = {one.name: one for one in (*MUTANTS, *OTHERS)}
RIGHT: Mapping[str, Right] = {make.__name__: Right(path_of(make), promise) for make, promise in TWINS.items()} | {
    name: Right(one.path, Promise(one.role, one.contract, one.expected)) for name, one in HONEST.items()
}
