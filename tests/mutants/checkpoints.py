"""Wrong optimizers that continue differently after a checkpoint or a copy, and their twins."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from tests.mutants import decay_rule
from tests.mutants.decay_rule import Group, State


class ConstructorDecayAtFirst(decay_rule.AdamWTwin):
    """Take the first step after a resume with the constructor's decay: https://github.com/NVIDIA/Megatron-LM/pull/7468."""

    def load_state_dict(self, state_dict: Any) -> None:
        self.stale = [group["weight_decay"] for group in self.param_groups]
        super().load_state_dict(state_dict)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loaded = [group["weight_decay"] for group in self.param_groups]
        for group, decay in zip(self.param_groups, self.__dict__.pop("stale", loaded), strict=True):
            group["weight_decay"] = decay
        loss = super().step(closure)
        for group, decay in zip(self.param_groups, loaded, strict=True):
            group["weight_decay"] = decay
        return loss


class ConstructorDecayKept(decay_rule.AdamWTwin):
    """Restore the moments of a checkpoint and keep the constructor's weight_decay."""

    def load_state_dict(self, state_dict: Any) -> None:
        constructor = [group["weight_decay"] for group in self.param_groups]
        super().load_state_dict(state_dict)
        for group, decay in zip(self.param_groups, constructor, strict=True):
            group["weight_decay"] = decay


class StateForgottenOnLoad(decay_rule.AdamWTwin):
    """Restore the groups of a checkpoint and start the moments anew."""

    def load_state_dict(self, state_dict: Any) -> None:
        super().load_state_dict({**state_dict, "state": {}})


class DecayLostInCopy(decay_rule.AdamWTwin):
    """Give every group of a copied optimizer the constructor's weight_decay."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups if "defaults" in state else []:  # load_state_dict calls this too, without defaults
            group["weight_decay"] = self.defaults["weight_decay"]


class StateNotSaved(decay_rule.AdamWTwin):
    """Keep the moments in an attribute that is not in the state dict."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.kept: dict[int, State] = {}

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, group, self.kept.setdefault(id(w), {}))


class ConstructorLrKept(decay_rule.AdamWTwin):
    """Keep the constructor's learning rate when a state dict is loaded."""

    def load_state_dict(self, state_dict: Any) -> None:
        constructor = [group["lr"] for group in self.param_groups]
        super().load_state_dict(state_dict)
        for group, lr in zip(self.param_groups, constructor, strict=True):
            group["lr"] = lr


class DecayZeroAfterLoad(decay_rule.AdamWTwin):
    """Set weight_decay to 0 when a state dict is loaded."""

    def load_state_dict(self, state_dict: Any) -> None:
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["weight_decay"] = 0.0


class DecayEndsAtLoad(decay_rule.AdamWTwin):
    """Never decay again once a state dict was loaded, whatever the groups say."""

    loaded = False

    def load_state_dict(self, state_dict: Any) -> None:
        super().load_state_dict(state_dict)
        self.loaded = True

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if not self.loaded:
            super().decay(w, grad, group, state)


class HalfTheDecayAfterLoad(decay_rule.AdamWTwin):
    """Take the mean of the constructor's weight_decay and the loaded one."""

    def load_state_dict(self, state_dict: Any) -> None:
        constructor = [group["weight_decay"] for group in self.param_groups]
        super().load_state_dict(state_dict)
        for group, value in zip(self.param_groups, constructor, strict=True):
            group["weight_decay"] = (group["weight_decay"] + value) / 2


class FirstStepByConstructor(decay_rule.AdamWTwin):
    """Decay by the weight_decay of the previous step, at first the constructor's: a loaded value takes effect one step late."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.before = [group["weight_decay"] for group in self.param_groups]

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        index = next(index for index, each in enumerate(self.param_groups) if each is group)
        w.mul_(1 - group["lr"] * self.before[index])
        self.before[index] = group["weight_decay"]


class NotPickled(decay_rule.AdamWTwin):
    """Keep a function in the groups, which cannot be pickled."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        for group in self.param_groups:
            group["schedule"] = lambda step: 1.0


class PickledWithoutState(decay_rule.AdamWTwin):
    """Leave the moments out of what is pickled and copied."""

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "state": defaultdict(dict)}


class CopySharesState(decay_rule.AdamWTwin):
    """Copy the weights, and refer to the same moments, which are updated in place."""

    def moments(self, first: Tensor, second: Tensor, group: Group, state: State) -> tuple[Tensor, Tensor]:
        m, v = (state.get(name, torch.zeros_like(first)) for name in ("m", "v"))
        corrected = super().moments(first, second, group, state)
        state["m"], state["v"] = m.copy_(state["m"]), v.copy_(state["v"])
        return corrected

    def __deepcopy__(self, memo: dict[int, Any]) -> CopySharesState:
        copied = type(self)(copy.deepcopy(self.param_groups, memo))
        for old, new in zip(self.weights(), copied.weights(), strict=True):
            copied.state[new] = dict(self.state[old])
        return copied

    def weights(self) -> Iterator[Tensor]:
        return (w for group in self.param_groups for w in group["params"])


class SingleState(decay_rule.AdamWTwin):
    """Keep the second moment in float32, which torch's load_state_dict casts to the dtype of the weights."""

    def moments(self, first: Tensor, second: Tensor, group: Group, state: State) -> tuple[Tensor, Tensor]:
        m, v = super().moments(first, second, group, state)
        state["v"] = state["v"].float()
        return m, v


class SwitchableAdamTwin(decay_rule.AdamTwin):
    """Adam with a group key for decoupled decay, which a checkpoint sets (as in torch's Adam)."""

    usual = False

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.defaults["decoupled_weight_decay"] = self.usual  # for groups that are added later
        self.pin()

    def pin(self) -> None:
        for group in self.param_groups:
            group["decoupled_weight_decay"] = self.usual

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("decoupled_weight_decay", False)

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if group["decoupled_weight_decay"]:
            w.mul_(1 - group["lr"] * group["weight_decay"])

    def pull(self, w: Tensor, grad: Tensor, group: Group) -> Tensor:
        return grad if group["decoupled_weight_decay"] else super().pull(w, grad, group)


class PinnedAdamWTwin(SwitchableAdamTwin):
    """Adam with decoupled decay, whatever a checkpoint contains (as torch's AdamW does)."""

    usual = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.pin()


class CheckpointFlagIgnored(SwitchableAdamTwin):
    """Stay coupled, whatever a checkpoint contains: torch's Adam does not, but its users expect it."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.pin()


class OldCheckpointDecoupled(SwitchableAdamTwin):
    """Decay decoupled after a checkpoint that does not have the flag."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        for group in state["param_groups"]:
            group.setdefault("decoupled_weight_decay", True)
        super().__setstate__(state)


class CouplingFromCheckpoint(PinnedAdamWTwin):
    """Be AdamW until a checkpoint of Adam is loaded: https://github.com/pytorch/pytorch/pull/118857."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        SwitchableAdamTwin.__setstate__(self, state)


class OldCheckpointKeepsDecoupling(torch.optim.NAdam):
    """Stay decoupled after a checkpoint without the flag: torch's NAdam does not, but its users expect it."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        defaults = state.get("defaults") or self.defaults  # in the state of a copy, not of a checkpoint
        for group in state["param_groups"]:
            group.setdefault("decoupled_weight_decay", defaults["decoupled_weight_decay"])
        super().__setstate__(state)
