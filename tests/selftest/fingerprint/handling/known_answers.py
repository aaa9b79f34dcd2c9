"""Known answers to the questions about handling, for each class of torch.optim."""

from __future__ import annotations

from collections.abc import Mapping

MATRICES_ONLY = {"": "as_usual", "Muon": "refused"}
# By question: the answer for most classes under the key "", and for each class with another answer.
# All classes take the for-loop implementation, in float64.
TORCH_ANSWERS: Mapping[str, Mapping[str, str]] = {
    # gradients
    "none_gradient": {"": "untouched"},  # every step takes only the parameters with a gradient
    "unseen_rows": {"": "decays"},  # a dense gradient of zero counts as a gradient
    # SGD adds weight_decay * w to the gradient, which fails for a sparse one. Adagrad refuses the
    # combination with an error of its own. The others refuse all sparse gradients.
    "sparse_gradient": {"": "refused", "SGD": "without_decay_only", "Adagrad": "without_decay_only"},
    "frozen": {"": "untouched"},
    "nan_gradient": {"": "isolated"},
    "zero_start": {"": "finite"},
    # parameters
    "tied": {"": "once"},  # model.parameters() lists a shared weight once
    "repeated": {"": "twice"},  # torch warns, and steps twice
    "repeated_across_groups": {"": "refused"},
    "parameter_order": {"": "independent"},
    "mixed_dtypes": {"": "as_alone"},
    # shapes
    "zero_dim": MATRICES_ONLY,
    "one_dim": MATRICES_ONLY,
    "four_dim": MATRICES_ONLY,
    "large_tensor": {"": "as_usual"},
    "empty": {"": "as_usual", "Adafactor": "refused"},  # it divides by the length of a row
    "non_contiguous": {"": "as_usual"},
    "expanded": {"": "refused"},  # torch does not write in place to a tensor whose elements share memory
    "complex": {"": "as_usual", "Muon": "refused", "Adafactor": "refused"},  # both refuse with an error of their own
    # groups
    "add_param_group": {"": "as_fresh"},
    "group_options": {"": "own"},
    "exempt_first": {"": "decayed"},
    "empty_group": {"": "accepted"},
    "callers_groups": {"": "defaults_written"},  # Optimizer.add_param_group writes defaults into the given dict
    "weight_decay_schedule": {"": "counts"},
    # steps
    "gradient_kept": {"": "kept"},
    "step_arguments": {"": "none"},
    "first_step": {"": "moves"},
    "moved_outside_step": {"": "never"},
    "zero_lr": {"": "identity", "ASGD": "moves"},  # ASGD computes its learning rate one step in advance
    "lr_tensor": {"": "same"},
    "maximize": {"": "as_minimize_of_minus_g", "Muon": "absent"},
    "closure": {"": "as_plain"},
    "deterministic": {"": "yes"},
    "micro_steps": {"": "once"},
    # A decay that is decoupled, or that the rule does not rescale (SGD, ASGD), does not depend on
    # the gradient.
    "clip": {"": "decay_too"} | dict.fromkeys(("AdamW", "Muon", "Adafactor", "SGD", "ASGD"), "gradient_only"),
    # grad_scaler
    "grad_scaler": {"": "skipped"},
    # state
    # NAdam keeps a float32 product, which loading casts to the weights' precision.
    "state_dict": {"": "identical", "NAdam": "to_single_rounding"},
    "resume_weight_decay": {"": "checkpoint"},
    "resume_lr": {"": "checkpoint"},
    "pickle": {"": "same"},
    "deepcopy": {"": "same"},
    "state_precision": {"": "kept", "NAdam": "cast", "ASGD": "cast"},
    # options
    "default_options": {"": "stated"},
    "adam_options": {"": "fixed"} | dict.fromkeys(("AdamW", "Adam", "NAdam", "RAdam", "Adamax"), "taken"),
    "inert_options": {"": "none"},
    "unknown_option": {"": "refused"},
    "rejects": {"": "some"},  # infinite weight_decay is accepted
    # kernels
    # With differentiable=True the Adam family corrects its bias with the step count, a float32
    # tensor. The learning rate of ASGD with foreach=True is a float32 tensor too.
    "paths": {"": "agree", "Muon": "absent"} | dict.fromkeys(("AdamW", "Adam", "NAdam", "ASGD"), "agree_in_single"),
}
