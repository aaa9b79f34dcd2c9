"""Right optimizers with their contracts: no claim that applies to one of them may fail.

They are torch's optimizers on each implementation path, published conventions, implementations without torch's code, and
optimizers that are mutants under another contract and right under their own: a declared convention is no fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from harness.spec.contract import Contract, complete


@dataclass(frozen=True)
class Promise:
    """The role of a right optimizer, and the fields of its contract that differ from the role's.

    `expected` are the claims that may fail for it, each with the reason.
    """

    role: str = "decoupled"
    contract: Contract = field(default_factory=dict)
    expected: Mapping[str, str] = field(default_factory=dict)

    @property
    def all(self) -> Contract:
        """The complete contract: these fields, and those of the role."""
        return complete(self.contract, self.role)


@dataclass(frozen=True)
class Right:
    """A right optimizer: its import path, and what it promises."""

    path: str
    promise: Promise = Promise()


def adamw_foreach(params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, **options: Any) -> torch.optim.Optimizer:
    """Return torch's AdamW with its foreach path, which steps all tensors at once."""
    return torch.optim.AdamW(params, lr=lr, weight_decay=weight_decay, foreach=True, **options)


def adamw_fused(params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, **options: Any) -> torch.optim.Optimizer:
    """Return torch's AdamW with its fused path, which is one kernel."""
    return torch.optim.AdamW(params, lr=lr, weight_decay=weight_decay, fused=True, **options)


def adam_with_the_flag(params: Any, lr: float = 1e-3, weight_decay: float = 0.0, **options: Any) -> torch.optim.Optimizer:
    """Return torch's Adam with the flag for decoupled decay."""
    return torch.optim.Adam(params, lr=lr, weight_decay=weight_decay, decoupled_weight_decay=True, foreach=False, **options)


def amsgrad(params: Any, lr: float = 1e-3, weight_decay: float = 1e-2) -> torch.optim.Optimizer:
    """Return torch's AdamW with amsgrad: it divides by the largest second moment so far."""
    return torch.optim.AdamW(params, lr=lr, weight_decay=weight_decay, amsgrad=True, foreach=False)


def radamw(params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    """Return torch's RAdam with decoupled decay."""
    return torch.optim.RAdam(params, lr=lr, weight_decay=weight_decay, decoupled_weight_decay=True, foreach=False)


def sgd_with_nesterov(params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    """Return torch's SGD with Nesterov's momentum."""
    return torch.optim.SGD(params, lr=lr, momentum=0.9, nesterov=True, weight_decay=weight_decay, foreach=False)


class ReorderingAdamW(torch.optim.AdamW):
    """torch's AdamW that steps the largest tensors of a group first; the groups keep the order of the caller."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, **options: Any) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay, foreach=False, **options)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        given = [group["params"] for group in self.param_groups]
        for group in self.param_groups:
            group["params"] = sorted(group["params"], key=lambda w: -w.numel())
        try:
            return super().step(closure)
        finally:
            for group, params in zip(self.param_groups, given, strict=True):
                group["params"] = params


SIMPLE_SQUARE: Contract = {"complex": "differs"}  # of a second moment that is g x g, also for complex gradients
MATRICES_ONLY: Contract = dict.fromkeys(("zero_dim", "one_dim", "four_dim", "complex"), "refused")
_COUPLED_OTHER: Contract = {"coupling": "coupled_l2", "step_rule": "other"}
_OTHER: Contract = {"step_rule": "other"}
_HERE = "tests.mutants.correct"
_FORMULA = "tests.mutants.decay_rule"
_FUSED_GAPS = "torch's fused CPU kernel ignores strides, as a claim about torch describes (torch_fused_adamw_...)"

CORRECT: Mapping[str, Right] = {
    # torch
    "torch_adamw": Right("torch.optim:AdamW"),
    "torch_adamw_foreach": Right(f"{_HERE}:adamw_foreach"),
    "torch_adamw_fused": Right(
        f"{_HERE}:adamw_fused",
        Promise(
            contract={"non_contiguous": "needs_alike_layout", "expanded": "writes_beyond", "complex": "refused"},
            expected={"gaps_in_memory_do_not_change_decay": _FUSED_GAPS},
        ),
    ),
    "torch_adam": Right("torch.optim:Adam", Promise("coupled")),
    "torch_adam_decoupled": Right(f"{_HERE}:adam_with_the_flag"),
    "torch_amsgrad": Right(f"{_HERE}:amsgrad", Promise(contract=_OTHER)),
    "torch_nadam_decoupled": Right(
        "tests.mutants.other_optimizers:NAdamWTwin", Promise(contract={**_OTHER, "state_precision": "cast"})
    ),
    "torch_radam_decoupled": Right(f"{_HERE}:radamw", Promise(contract=_OTHER)),
    "torch_sgd": Right("torch.optim:SGD", Promise("sgd")),
    "torch_sgd_nesterov": Right(
        f"{_HERE}:sgd_with_nesterov", Promise("sgd", {"coupling": "coupled_l2", "step_rule": "momentum"})
    ),
    "torch_adafactor": Right("torch.optim:Adafactor", Promise(contract={**_OTHER, "empty": "refused", "complex": "refused"})),
    "torch_adagrad": Right("torch.optim:Adagrad", Promise("coupled", _COUPLED_OTHER)),
    "torch_adamax": Right("torch.optim:Adamax", Promise("coupled", _COUPLED_OTHER)),
    "torch_rmsprop": Right("torch.optim:RMSprop", Promise("coupled", _COUPLED_OTHER)),
    "torch_muon": Right("torch.optim:Muon", Promise(contract={"step_rule": "orthogonal", **MATRICES_ONLY})),
    # implementations without torch's code
    "clean_room_adamw": Right(
        "harness.optimizers.numpy_reference:AdamW", Promise(contract={"complex": "refused", "state_precision": "cast"})
    ),
    "clean_room_adam": Right(
        "harness.optimizers.numpy_reference:Adam", Promise("coupled", {"complex": "refused", "state_precision": "cast"})
    ),
    "clean_room_sgd": Right(
        "harness.optimizers.numpy_reference:SGD", Promise("sgd", {"complex": "refused", "state_precision": "cast"})
    ),
    "reordering_adamw": Right(f"{_HERE}:ReorderingAdamW"),
    # published conventions
    "independent_adamw": Right("harness.optimizers:IndependentAdamW", Promise(contract={"scale": "schedule", **SIMPLE_SQUARE})),
    "corrected_adamw": Right(
        "harness.optimizers:CorrectedAdamW", Promise(contract={"scale": "lr_squared_over_max", **SIMPLE_SQUARE})
    ),
    "cautious_adamw": Right("harness.optimizers:CautiousAdamW", Promise(contract={"mask": "cautious", "complex": "refused"})),
    "proximal_sgd": Right("harness.optimizers:ProximalSGD", Promise(contract={"order": "proximal", "step_rule": "sgd"})),
    "lion": Right("harness.optimizers:Lion", Promise(contract={"step_rule": "sign", "complex": "refused"})),
    "sign_sgd": Right("harness.optimizers:SignSGD", Promise(contract={"step_rule": "sign", "complex": "refused"})),
    "sgdw": Right("tests.mutants.other_optimizers:SgdwTwin", Promise(contract={"step_rule": "momentum"})),
    "lamb": Right("harness.optimizers:Lamb", Promise(contract={"coupling": "through_norm"})),
    # right under their own contract, mutants under another
    "adamw_decaying_after": Right(f"{_FORMULA}:DecayAfterUpdate", Promise(contract={"order": "after", **SIMPLE_SQUARE})),
    "proximal_adamw": Right(f"{_FORMULA}:ProximalDecay", Promise(contract={"order": "proximal", **SIMPLE_SQUARE})),
    "adamw_by_weight_decay_alone": Right(
        f"{_FORMULA}:DecayNotTimesLr", Promise(contract={"scale": "constant", **SIMPLE_SQUARE, "zero_lr": "decays"})
    ),
    "adamw_of_half_strength": Right(f"{_FORMULA}:DecayHalved", Promise(contract={"strength": 0.5, **SIMPLE_SQUARE})),
    "adamw_with_one_weight_decay": Right(
        f"{_FORMULA}:DefaultDecayForAllGroups",
        Promise(
            contract={
                "groups": "constructor",
                **SIMPLE_SQUARE,
                "add_param_group": "decay_of_constructor",
                "group_options": "decay_of_constructor",
                "exempt_first": "exempt_decays",
                "weight_decay_schedule": "ignored",
                "clip": "unspecified",
                "resume_weight_decay": "constructor",
            }
        ),
    ),
    "adamw_sparing_idle_weights": Right(
        f"{_FORMULA}:DecayOnlyWhereGradient",
        Promise(
            contract={
                "zero_gradient": "untouched",
                **SIMPLE_SQUARE,
                "unseen_rows": "untouched",
                "smallest_decay": "unspecified",
                "idle_tensor": "untouched",
            }
        ),
    ),
    "adamw_decaying_without_gradient": Right(
        "tests.mutants.gradients:DecayWithoutGradient",
        Promise(contract={"none_gradient": "decays", **SIMPLE_SQUARE, "frozen": "changed"}),
    ),
    "adam_by_another_name": Right(f"{_FORMULA}:CoupledL2", Promise("coupled", {"coupling": "coupled_l2", **SIMPLE_SQUARE})),
    "sgd_with_decoupled_decay": Right(f"{_FORMULA}:SgdDecayOutsideMomentum", Promise(contract={"step_rule": "sgd"})),
}
