"""Faults that a field of the contract notices: the field, the mutant, and the value that is measured of it.

A mutant can stand in several rows. Those that no claim notices stand here only; the others are also in `expectations.MUTANTS`.
"""

from __future__ import annotations

FIELD_FAULTS: tuple[tuple[str, str, str], ...] = (
    # gradients
    ("none_gradient", "TrainableDecayWithoutGradient", "decays"),
    ("none_gradient", "MomentumGoesOn", "moves"),
    ("frozen", "FrozenDecay", "changed"),
    ("unseen_rows", "DecayOnlyWhereGradient", "untouched"),
    ("nan_gradient", "NormOfAll", "spreads"),
    ("zero_start", "NotANumberAtZero", "not_finite"),
    # parameters
    ("repeated", "CountsRepeats", "differs"),
    ("parameter_order", "StepCountedPerParameter", "depends_on_order"),
    ("parameter_order", "NormOfAll", "depends_on_others"),
    ("mixed_dtypes", "BucketsDecayAgain", "differs"),
    # shapes
    ("zero_dim", "ScalarsSkipped", "not_moved"),
    ("one_dim", "VectorsNotDecayed", "not_decayed"),
    ("four_dim", "ImagesOtherwise", "differs"),
    ("non_contiguous", "WritesToACopy", "not_moved"),
    ("non_contiguous", "StridedOtherwise", "differs"),
    ("non_contiguous", "LayoutMatters", "needs_alike_layout"),
    ("large_tensor", "LargeTensorsNotDecayed", "not_decayed"),
    ("large_tensor", "LargeTensorsHalfDecayed", "differs"),
    ("empty", "EmptyEndsTheStep", "differs"),
    # groups
    ("add_param_group", "AddedGroupIgnored", "ignored"),
    ("add_param_group", "DefaultDecayForAllGroups", "decay_of_constructor"),
    ("add_param_group", "LrOfTheConstructor", "lr_of_constructor"),
    ("group_options", "DefaultDecayForAllGroups", "decay_of_constructor"),
    ("group_options", "FirstGroupForAll", "decay_of_first_group"),
    ("group_options", "LrOfTheConstructor", "lr_of_constructor"),
    ("exempt_first", "DecayEndsAtExemptGroup", "not_decayed"),
    ("exempt_first", "StepEndsAtExempt", "not_moved"),
    ("exempt_first", "DefaultDecayForAllGroups", "exempt_decays"),
    ("empty_group", "EmptyGroupRefused", "refused"),
    ("empty_group", "EmptyGroupDropped", "dropped"),
    ("callers_groups", "CallersGroupsScaled", "values_changed"),
    ("weight_decay_schedule", "DefaultDecayForAllGroups", "ignored"),
    # steps
    ("gradient_kept", "GradientOverwritten", "changed"),
    ("gradient_kept", "GradientCleared", "cleared"),
    ("zero_lr", "ZeroLrIsDefault", "moves"),
    ("zero_lr", "ZeroLrDividesBy", "not_finite"),
    ("zero_lr", "ZeroLrDividesZero", "not_finite"),
    ("zero_lr", "DecayNotTimesLr", "decays"),
    ("lr_tensor", "LrTensorCoarse", "differs"),
    ("maximize", "MaximizeFlipsDecay", "decay_flipped"),
    ("maximize", "MaximizeIgnored", "ignored"),
    ("maximize", "MaximizeWithoutDecay", "decay_lost"),
    ("closure", "ClosureStepsEachTime", "differs"),
    ("closure", "ClosureEvaluatedTwice", "several"),
    ("closure", "ClosureIgnored", "not_called"),
    ("closure", "ClosureWithoutGrad", "without_grad"),
    ("closure", "LossLost", "loss_lost"),
    ("deterministic", "UnseededNoise", "no"),
    ("micro_steps", "DecayPerMicroBatch", "differs"),
    ("step_arguments", "ClosureDemanded", "closure"),
    ("first_step", "FirstStepLost", "prepares"),
    # outside of a step
    ("moved_outside_step", "DecayAtConstruction", "construction"),
    ("moved_outside_step", "StateDictTakesAStep", "checkpoint"),
    ("moved_outside_step", "ZeroGradDecays", "zero_grad"),
    ("moved_outside_step", "SwitchToEvalDecays", "modes"),
    # grad_scaler
    ("grad_scaler", "DecayOnSkippedStep", "weights_change"),
    ("grad_scaler", "SkippedStepCounted", "state_changes"),
    ("grad_scaler", "UnscalesTwice", "differs"),
    # state
    ("state_dict", "StateNotSaved", "differs"),
    ("resume_weight_decay", "ConstructorDecayKept", "constructor"),
    ("resume_weight_decay", "ConstructorDecayAtFirst", "stale_first_step"),
    ("resume_weight_decay", "FirstStepByConstructor", "stale_first_step"),
    ("resume_weight_decay", "DecayZeroAfterLoad", "neither"),
    ("resume_weight_decay", "DecayEndsAtLoad", "neither"),
    ("resume_weight_decay", "HalfTheDecayAfterLoad", "neither"),
    ("resume_lr", "ConstructorLrKept", "constructor"),
    ("pickle", "NotPickled", "refused"),
    ("pickle", "PickledWithoutState", "differs"),
    ("deepcopy", "CopySharesState", "shares_state"),
    ("deepcopy", "PickledWithoutState", "differs"),
    ("state_precision", "SingleState", "cast"),
    # options
    ("inert_options", "InertOption", "some"),
    ("inert_options", "OneBetaCounts", "some"),
    ("adam_options", "ConstantsIgnored", "fixed"),
    ("unknown_option", "SwallowsOptions", "swallowed"),
    # the decay and the update
    ("idle_tensor", "IdleTensorSkipped", "untouched"),
    ("precision", "SettingsInSingle", "float32_settings"),
    ("sign_symmetric", "MomentumClippedAbove", "no"),
    ("adam_eps", "EpsBiasCorrected", "before_correction"),
)
