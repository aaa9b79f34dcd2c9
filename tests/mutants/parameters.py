"""Wrong AdamWs that step or decay the wrong parameters: of another group, exempt ones, repeated ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from torch import Tensor

from tests.mutants import decay_rule
from tests.mutants.decay_rule import Group, State


class FirstGroupDecayForAll(decay_rule.AdamWTwin):
    """Read weight_decay from the first group for all of them: https://github.com/deepspeedai/DeepSpeed/pull/8440."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().decay(w, grad, self.param_groups[0], state)


class DecayEndsAtExemptGroup(decay_rule.AdamWTwin):
    """Decay no group after the first exempt one: https://github.com/keras-team/keras/pull/21857."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        position = next(index for index, one in enumerate(self.param_groups) if one is group)
        if all(one["weight_decay"] for one in self.param_groups[: position + 1]):
            super().decay(w, grad, group, state)


class ExemptNotTrained(decay_rule.AdamWTwin):
    """Do not step parameters whose weight_decay is 0: https://github.com/PaddlePaddle/PaddleCustomDevice/pull/1202."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if group["weight_decay"] != 0:
            super().update(w, grad, group, state)


class JoinedGroupNotDecayed(decay_rule.AdamWTwin):
    """Decay the groups that the constructor was given, and none that joined later."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.known = len(self.param_groups)

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if any(one is group for one in self.param_groups[: self.known]):
            super().decay(w, grad, group, state)


class DecayOfAnotherWeight(decay_rule.AdamWTwin):
    """Take the decay from the weight that was stepped before: https://github.com/mlverse/torch/issues/821."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * group["weight_decay"] * getattr(self, "before", w).mean())
        self.before = w.clone()


class StepCountedPerParameter(decay_rule.AdamWTwin):
    """Advance one step counter for every parameter: https://github.com/deepspeedai/DeepSpeed/issues/7819."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = self.count = getattr(self, "count", -1) + 1
        super().update(w, grad, group, state)


class RepeatedSteppedOnce(decay_rule.AdamWTwin):
    """Step a parameter once, however often it is listed: torch's AdamW does not, but its users expect it."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for group in self.param_groups:
            group["params"] = list(dict.fromkeys(group["params"]))
        return super().step(closure)


class RepeatedWithoutWarning(decay_rule.AdamWTwin):
    """Give no warning for a parameter that is listed twice."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            super().add_param_group(param_group)


class CountsRepeats(decay_rule.AdamWTwin):
    """Decay a parameter as often as it is listed, each time that it comes up."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        for one in group["params"]:
            if one is w:
                w.mul_(1 - group["lr"] * group["weight_decay"])


class OverlapAccepted(decay_rule.AdamWTwin):
    """Accept a parameter in two groups: https://github.com/rwth-i6/returnn/issues/1319 met one under two policies."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        self.param_groups.append({**self.defaults, **param_group, "params": list(param_group["params"])})


class IdleTensorSkipped(decay_rule.AdamWTwin):
    """Skip a tensor whose whole gradient is zero, and its decay with it."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if bool(grad.any()):
            super().update(w, grad, group, state)
