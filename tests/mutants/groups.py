"""Wrong optimizers whose fault lies in the handling of parameter groups, keywords and sizes.

Apart from that, each takes AdamW's step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.mutants import decay_rule
from tests.mutants.decay_rule import Group, State

# --- groups ---------------------------------------------------------------------------------------


def _listed(params: Any) -> list[Any]:
    """Return groups as new dicts with lists of parameters; return parameters without groups as a list."""
    given = list(params)
    return [{**one, "params": list(one["params"])} for one in given] if given and isinstance(given[0], dict) else given


class GroupsFlattened(decay_rule.AdamWTwin):
    """Put all parameters into one group, with the constructor's options: https://github.com/deepspeedai/DeepSpeed/pull/8440."""

    def __init__(self, params: Any, **options: Any) -> None:
        given = _listed(params)
        grouped = given and isinstance(given[0], dict)
        super().__init__([w for one in given for w in one["params"]] if grouped else given, **options)


class GroupsConcatenated(decay_rule.AdamWTwin):
    """Join all groups to the first, after they were split: https://github.com/nvidia-cosmos/cosmos-predict2.5/issues/165."""

    def __init__(self, params: Any, **options: Any) -> None:
        given = _listed(params)
        if given and isinstance(given[0], dict):
            given = [{**given[0], "params": [w for one in given for w in one["params"]]}]
        super().__init__(given, **options)


class EmptyGroupDropped(decay_rule.AdamWTwin):
    """Leave groups without parameters out, which moves the others up: https://github.com/MakazhanAlpamys/Soup/issues/336."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__([one for one in _listed(params) if not isinstance(one, dict) or one["params"]], **options)


class EmptyGroupRefused(decay_rule.AdamWTwin):
    """Read the first parameter of every group, which raises for an empty group."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.devices = [group["params"][0].device for group in self.param_groups]


class ZeroTakenForMissing(decay_rule.AdamWTwin):
    """Give an exempt group the constructor's weight_decay: https://github.com/mindspore-lab/mindcv/pull/752 (it had none)."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group({**param_group, "weight_decay": param_group.get("weight_decay") or self.defaults["weight_decay"]})


class StepEndsAtExempt(decay_rule.AdamWTwin):
    """Leave the whole step at the first group without weight decay."""

    exempt = False

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        self.exempt = False
        return super().step(closure)

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        self.exempt = self.exempt or group["weight_decay"] == 0
        if not self.exempt or len(self.param_groups) == 1:
            super().update(w, grad, group, state)


class OwnSchedulerOnly(decay_rule.AdamWTwin):
    """Keep a group's share of the decay for a scheduler that is never called: https://github.com/NVIDIA-NeMo/Speech/pull/12123."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, **options: Any) -> None:
        super().__init__(params, lr, weight_decay=weight_decay, **options)
        for group in self.param_groups:
            group["share"] = group["weight_decay"] / weight_decay if weight_decay else 1.0
            group["weight_decay"] = weight_decay


class CallersDictsAdopted(decay_rule.AdamWTwin):
    """Write the constructor's options over those in the caller's dicts: https://github.com/pytorch/pytorch/pull/106916."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, **options: Any) -> None:
        given = list(params)
        for one in given:
            if isinstance(one, dict):
                one.update(lr=lr, weight_decay=weight_decay)
        super().__init__(given, lr, weight_decay=weight_decay, **options)


class CallersGroupsScaled(decay_rule.AdamWTwin):
    """Write lr x weight_decay into the caller's dicts."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        for group in self.param_groups:
            group["weight_decay"] = group["lr"] * group["weight_decay"]

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["weight_decay"])


class LrOfTheConstructor(decay_rule.AdamWTwin):
    """Step and decay with the constructor's learning rate in every group."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, {**group, "lr": self.defaults["lr"]}, state)


class AddedGroupIgnored(decay_rule.AdamWTwin):
    """Step only the groups of the constructor."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.first = len(self.param_groups)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        later, self.param_groups = self.param_groups[self.first :], self.param_groups[: self.first]
        try:
            return super().step(closure)
        finally:
            self.param_groups = self.param_groups + later


class VectorsDecayDespiteTheirGroup(decay_rule.AdamWTwin):
    """Use the constructor's weight_decay for scalars and vectors, also in an exempt group."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().decay(w, grad, group if w.ndim >= 2 else {**group, "weight_decay": self.defaults["weight_decay"]}, state)


class LastOfGroupNotDecayed(decay_rule.AdamWTwin):
    """End the loop that decays one parameter early, unless there is only one."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if len(group["params"]) == 1 or w is not group["params"][-1]:
            super().decay(w, grad, group, state)


class OthersOfGroupDecayAgain(decay_rule.AdamWTwin):
    """Decay the whole group for each parameter of it: a loop inside the loop."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        for one in group["params"]:
            if one.grad is not None:
                super().decay(one, grad, group, state)


class PaddingReachesNeighbour(decay_rule.AdamWTwin):
    """Decay a group as one buffer that is padded to a multiple of 8, with the next group's numbers for padding."""

    def step(self, closure: Any = None) -> Any:
        with torch.no_grad():
            for group, after in zip(self.param_groups, self.param_groups[1:], strict=False):
                padding = -sum(w.numel() for w in group["params"]) % 8
                neighbour = after["params"][0] if after["params"] else None
                if neighbour is not None and neighbour.grad is not None and neighbour.is_contiguous():
                    neighbour.view(-1)[:padding].mul_(1 - group["lr"] * group["weight_decay"])
        return super().step(closure)


class BucketsDecayAgain(decay_rule.AdamWTwin):
    """Decay the whole group once for each precision in it."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        with torch.no_grad():
            for group in self.param_groups:
                for _ in range(len({w.dtype for w in group["params"]}) - 1):
                    for w in group["params"]:
                        self.decay(w, w, group, {})
        return super().step(closure)


# --- keywords -------------------------------------------------------------------------------------


class OtherKeyword(decay_rule.AdamWTwin):
    """Read the decay from a keyword of another name, 0 by default: https://github.com/axolotl-ai-cloud/axolotl/issues/4010."""

    def __init__(self, params: Any, lora_weight_decay: float = 0.0, **options: Any) -> None:
        super().__init__(params, **options)
        for group in self.param_groups:
            group["weight_decay"] = lora_weight_decay


class ConstructorDecayLost(decay_rule.AdamWTwin):
    """Hand the parameters on and not the weight_decay: https://github.com/huggingface/transformers/issues/18946."""

    def __init__(self, params: Any, weight_decay: float = 0.0, **options: Any) -> None:
        super().__init__(params, weight_decay=0.0, **options)


class SwallowsOptions(decay_rule.AdamWTwin):
    """Accept any option, and use none but lr and weight_decay."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, **rest: Any) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)


class InertOption(decay_rule.AdamWTwin):
    """Accept an option and never read it: https://github.com/bitsandbytes-foundation/bitsandbytes/pull/2088."""

    def __init__(self, params: Any, betas: tuple[float, float] = (0.9, 0.999), max_norm: float = 1.0, **options: Any) -> None:
        super().__init__(params, betas=betas, **options)


class OneBetaCounts(decay_rule.AdamWTwin):
    """Replace the second beta by a constant."""

    def __init__(self, params: Any, betas: tuple[float, float] = (0.9, 0.999), **options: Any) -> None:
        super().__init__(params, betas=(betas[0], 0.999), **options)


class LrTensorCoarse(decay_rule.AdamWTwin):
    """Keep a learning rate that is a tensor in half precision."""

    def __init__(self, params: Any, lr: Any = 1e-3, **options: Any) -> None:
        super().__init__(params, float(lr.half()) if isinstance(lr, Tensor) else lr, **options)


# --- shapes and sizes -----------------------------------------------------------------------------


class MatricesDecayTwin(decay_rule.AdamWTwin):
    """AdamW that decays only tensors of two or more dimensions: nanoGPT's rule, which a contract cannot declare."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if self.decays(w):
            super().decay(w, grad, group, state)

    def decays(self, w: Tensor) -> bool:
        return w.ndim >= 2


class RuleOnFlatShapes(MatricesDecayTwin):
    """Apply the rule to flattened parameters, so that nothing decays: https://github.com/pytorch/pytorch/issues/101343."""

    def decays(self, w: Tensor) -> bool:
        return super().decays(w.reshape(-1))


class OnlyFirstBlockDecays(decay_rule.AdamWTwin):
    """Decay the first 1024 numbers of a tensor: one block of a kernel where its grid was meant."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.numel() <= 1024:
            super().decay(w, grad, group, state)
        else:
            flat = w.reshape(-1).clone()
            flat[:1024].mul_(1 - group["lr"] * group["weight_decay"])
            w.copy_(flat.reshape(w.shape))
