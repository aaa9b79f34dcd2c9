"""Which optimizers are right, each by a contract of its own? None of them may be failed by a claim that applies to it.

torch's own on their several paths, published conventions, implementations that share no line with torch's; and optimizers that
are mutants under another's contract and right under their own: a convention that is declared is no fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from harness.spec.contract import Contract


@dataclass(frozen=True)
class Honest:
    """An import path, the role that it takes, what its contract declares, and the claims that it is right to fail, and why."""

    path: str
    role: str = "decoupled"
    contract: Contract = field(default_factory=dict)
    expected: Mapping[str, str] = field(default_factory=dict)


def adamw_foreach(params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, **options: Any) -> torch.optim.Optimizer:
    """torch's AdamW that steps all tensors at once."""
    return torch.optim.AdamW(params, lr=lr, weight_decay=weight_decay, foreach=True, **options)


def adamw_fused(params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, **options: Any) -> torch.optim.Optimizer:
    """torch's AdamW in one kernel."""
    return torch.optim.AdamW(params, lr=lr, weight_decay=weight_decay, fused=True, **options)


def adam_with_the_flag(params: Any, lr: float = 1e-3, weight_decay: float = 0.0, **options: Any) -> torch.optim.Optimizer:
    """torch's Adam that is told to decouple."""
    return torch.optim.Adam(params, lr=lr, weight_decay=weight_decay, decoupled_weight_decay=True, foreach=False, **options)


def amsgrad(params: Any, lr: float = 1e-3, weight_decay: float = 1e-2) -> torch.optim.Optimizer:
    """torch's AdamW that divides by the largest second moment so far."""
    return torch.optim.AdamW(params, lr=lr, weight_decay=weight_decay, amsgrad=True, foreach=False)


def radamw(params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    """torch's RAdam with its decay decoupled."""
    return torch.optim.RAdam(params, lr=lr, weight_decay=weight_decay, decoupled_weight_decay=True, foreach=False)


def sgd_with_nesterov(params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    """torch's SGD with Nesterov's momentum."""
    return torch.optim.SGD(params, lr=lr, momentum=0.9, nesterov=True, weight_decay=weight_decay, foreach=False)


class ReorderingAdamW(torch.optim.AdamW):
    """torch's AdamW that steps the largest tensors first, and keeps its groups as they were given."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, **options: Any) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay, foreach=False, **options)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        own = [group["params"] for group in self.param_groups]
        for group in self.param_groups:
            group["params"] = sorted(group["params"], key=lambda w: -w.numel())
        try:
            return super().step(closure)
        finally:
            for group, params in zip(self.param_groups, own, strict=True):
                group["params"] = params


_COUPLED_OTHER: Contract = {"coupling": "coupled_l2", "step_rule": "other"}
_OTHER: Contract = {"step_rule": "other"}
_HERE = "tests.mutants.correct"
_FORMULA = "tests.mutants.decay_rule"
_FUSED_GAPS = "torch's fused CPU kernel walks memory and not the tensor, which a claim about torch says (torch_fused_adamw_...)"

HONEST: Mapping[str, Honest] = {
    # torch
    "torch_adamw": Honest("torch.optim:AdamW"),
    "torch_adamw_foreach": Honest(f"{_HERE}:adamw_foreach"),
    "torch_adamw_fused": Honest(f"{_HERE}:adamw_fused", expected={"gaps_in_memory_do_not_change_decay": _FUSED_GAPS}),
    "torch_adam": Honest("torch.optim:Adam", "coupled"),
    "torch_adam_decoupled": Honest(f"{_HERE}:adam_with_the_flag"),
    "torch_amsgrad": Honest(f"{_HERE}:amsgrad", contract=_OTHER),
    "torch_nadam_decoupled": Honest("tests.mutants.other_optimizers:NAdamWTwin", contract=_OTHER),
    "torch_radam_decoupled": Honest(f"{_HERE}:radamw", contract=_OTHER),
    "torch_sgd": Honest("torch.optim:SGD", "sgd"),
    "torch_sgd_nesterov": Honest(f"{_HERE}:sgd_with_nesterov", "sgd", {"coupling": "coupled_l2", "step_rule": "momentum"}),
    "torch_adafactor": Honest("torch.optim:Adafactor", contract=_OTHER),
    "torch_adagrad": Honest("torch.optim:Adagrad", "coupled", _COUPLED_OTHER),
    "torch_adamax": Honest("torch.optim:Adamax", "coupled", _COUPLED_OTHER),
    "torch_rmsprop": Honest("torch.optim:RMSprop", "coupled", _COUPLED_OTHER),
    "torch_muon": Honest("torch.optim:Muon", contract={"step_rule": "orthogonal"}),
    # written apart from torch
    "clean_room_adamw": Honest("harness.optimizers.numpy_reference:AdamW"),
    "clean_room_adam": Honest("harness.optimizers.numpy_reference:Adam", "coupled"),
    "clean_room_sgd": Honest("harness.optimizers.numpy_reference:SGD", "sgd"),
    "reordering_adamw": Honest(f"{_HERE}:ReorderingAdamW"),
    # published conventions
    "independent_adamw": Honest("harness.optimizers:IndependentAdamW", contract={"scale": "schedule"}),
    "corrected_adamw": Honest("harness.optimizers:CorrectedAdamW", contract={"scale": "lr_squared_over_max"}),
    "cautious_adamw": Honest("harness.optimizers:CautiousAdamW", contract={"mask": "cautious"}),
    "proximal_sgd": Honest("harness.optimizers:ProximalSGD", contract={"order": "proximal", "step_rule": "sgd"}),
    "lion": Honest("harness.optimizers:Lion", contract={"step_rule": "sign"}),
    "sign_sgd": Honest("harness.optimizers:SignSGD", contract={"step_rule": "sign"}),
    "sgdw": Honest("tests.mutants.other_optimizers:SgdwTwin", contract={"step_rule": "momentum"}),
    "lamb": Honest("harness.optimizers:Lamb", contract={"coupling": "through_norm"}),
    # right by their own contract, mutants by another's
    "adamw_decaying_after": Honest(f"{_FORMULA}:DecayAfterUpdate", contract={"order": "after"}),
    "proximal_adamw": Honest(f"{_FORMULA}:ProximalDecay", contract={"order": "proximal"}),
    "adamw_by_weight_decay_alone": Honest(f"{_FORMULA}:DecayNotTimesLr", contract={"scale": "constant"}),
    "adamw_of_half_strength": Honest(f"{_FORMULA}:DecayHalved", contract={"strength": 0.5}),
    "adamw_with_one_weight_decay": Honest(f"{_FORMULA}:DefaultDecayForAllGroups", contract={"groups": "constructor"}),
    "adamw_sparing_idle_weights": Honest(f"{_FORMULA}:DecayOnlyWhereGradient", contract={"zero_gradient": "untouched"}),
    "adamw_decaying_without_gradient": Honest(
        "tests.mutants.handling:DecayWithoutGradient", contract={"none_gradient": "decays"}
    ),
    "adam_by_another_name": Honest(f"{_FORMULA}:CoupledL2", "coupled", {"coupling": "coupled_l2"}),
    "sgd_with_decoupled_decay": Honest(f"{_FORMULA}:SgdDecayOutsideMomentum", contract={"step_rule": "sgd"}),
}
