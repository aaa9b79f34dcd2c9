"""Wrong optimizers that mishandle gradients: missing, bad, scaled, accumulated, clipped, or in a closure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.mutants import decay_rule
from tests.mutants.decay_rule import Group, State


class DecayWithoutGradient(decay_rule.AdamWTwin):
    """Decay parameters whose gradient is None as well: https://github.com/KellerJordan/Muon/issues/54."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = super().step(closure)
        with torch.no_grad():
            for group in self.param_groups:
                for w in group["params"]:
                    if w.grad is None:
                        w.mul_(1 - group["lr"] * group["weight_decay"])
        return loss


class _Before(decay_rule.AdamWTwin):
    """AdamW that calls `before` for every parameter before the step; a fault overrides it."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else torch.enable_grad()(closure)()
        with torch.no_grad():
            for group in self.param_groups:
                for w in group["params"]:
                    self.before(w, group)
        super().step()
        return loss

    def before(self, w: Tensor, group: Group) -> None:
        raise NotImplementedError  # abstract: torch's Optimizer is no ABC


class TrainableDecayWithoutGradient(_Before):
    """Decay parameters that could have a gradient and have none, and spare frozen ones: https://github.com/KellerJordan/Muon/issues/54."""

    def before(self, w: Tensor, group: Group) -> None:
        if w.grad is None and w.requires_grad:
            w.mul_(1 - group["lr"] * group["weight_decay"])


class FrozenDecay(_Before):
    """Decay parameters with requires_grad=False."""

    def before(self, w: Tensor, group: Group) -> None:
        if not w.requires_grad:
            w.mul_(1 - group["lr"] * group["weight_decay"])


class MomentumGoesOn(_Before):
    """Go on with the first moment where the gradient is missing."""

    def before(self, w: Tensor, group: Group) -> None:
        if w.grad is None and "m" in self.state[w]:
            w.sub_(group["lr"] * self.state[w]["m"])


class StepCountsPauses(decay_rule.AdamWTwin):
    """Count the steps of the optimizer instead of those of the parameter."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        self.count = getattr(self, "count", 0) + 1
        return super().step(closure)

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = self.count - 1
        super().update(w, grad, group, state)


class NormOverAllGradients(decay_rule.AdamWTwin):
    """Divide every gradient by the norm of all of them, so that one NaN reaches every parameter."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        squares = [(one.grad * one.grad).sum() for each in self.param_groups for one in each["params"] if one.grad is not None]
        super().update(w, grad / torch.stack(squares).sum().sqrt(), group, state)


class NormOfAll(_Before):
    """Divide by the norm of all gradients: a right optimizer whose tensors depend on each other, and on each other's NaN."""

    norm = 1.0

    def before(self, w: Tensor, group: Group) -> None:
        grads = [
            one.grad.detach().double().norm() for each in self.param_groups for one in each["params"] if one.grad is not None
        ]
        self.norm = float(torch.stack(grads).norm()) if grads else 1.0

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad / (self.norm + group["eps"])


class UnscalingAdamWTwin(decay_rule.AdamWTwin):
    """AdamW that unscales by itself and takes no step where GradScaler has found an infinity (as fused AdamW does)."""

    _step_supports_amp_scaling = True

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        scale, bad = getattr(self, "grad_scale", None), getattr(self, "found_inf", None)
        if bad is None or not bad.item():
            super().update(w, grad if scale is None else grad / scale, group, state)


class DecayOnSkippedStep(UnscalingAdamWTwin):
    """Decay in the steps that GradScaler skips: https://github.com/LibreYOLO/libreyolo/pull/771 is this for momentum."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        bad = getattr(self, "found_inf", None)
        if bad is not None and bad.item():
            self.decay(w, grad, group, state)
        super().update(w, grad, group, state)


class ClosureIgnored(decay_rule.AdamWTwin):
    """Take no notice of the closure."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        return super().step()


class ClosureDecaysAgain(decay_rule.AdamWTwin):
    """Decay once for the closure's evaluation and once for the step."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        with torch.no_grad():
            for group in self.param_groups if closure else []:
                for w in group["params"]:
                    w.mul_(1 - group["lr"] * group["weight_decay"])
        return super().step(closure)


class ClosureEvaluatedTwice(decay_rule.AdamWTwin):
    """Evaluate the closure for the step, and again for the loss that is returned."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        super().step(closure)
        return None if closure is None else torch.enable_grad()(closure)()


class ClosureStepsEachTime(decay_rule.AdamWTwin):
    """Evaluate the closure twice, and decay after each."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        with torch.no_grad():
            for group in self.param_groups if closure is not None else []:
                torch.enable_grad()(closure)()
                for w in group["params"]:
                    w.mul_(1 - group["lr"] * group["weight_decay"])
        return super().step(closure)


class ClosureWithoutGrad(decay_rule.AdamWTwin):
    """Evaluate the closure with gradients off."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        with torch.no_grad():
            loss = None if closure is None else closure()
        super().step()
        return loss


class LossLost(decay_rule.AdamWTwin):
    """Evaluate the closure and forget to return its loss."""

    def step(self, closure: Callable[[], Any] | None = None) -> None:
        super().step(closure)


class GradientOverwritten(decay_rule.AdamTwin):
    """Add the penalty's gradient to .grad itself: https://github.com/pytorch/pytorch/issues/12218."""

    def pull(self, w: Tensor, grad: Tensor, group: Group) -> Tensor:
        return grad.add_(group["weight_decay"] * w)


class GradientCleared(decay_rule.AdamWTwin):
    """Set .grad to None after the step."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, group, state)
        w.grad = None


class NotANumberAtZero(decay_rule.AdamWTwin):
    """Divide by the weight's norm and multiply by it again, which is NaN at a weight of zero."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().direction(w, grad, group, state) / w.norm() * w.norm()


class DecayPerMicroBatch(decay_rule.AdamWTwin):
    """Decay with every backward pass instead of every step: https://github.com/keras-team/keras/issues/19990."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for group in self.param_groups:
            for w in group["params"]:
                w.register_post_accumulate_grad_hook(lambda w, group=group: self.shrink(w, group))

    def shrink(self, w: Tensor, group: Group) -> None:
        with torch.no_grad():
            w.mul_(1 - group["lr"] * group["weight_decay"])

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        pass


class SgdDecayClipped(decay_rule.SgdTwin):
    """Clip gradient and penalty together to a norm of 1: https://github.com/apache/mxnet/issues/9881 asks for it."""

    def pull(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        both = super().pull(w, grad, group, state)
        return both / max(1.0, float(both.norm())) if group["weight_decay"] else both


class ClosureDemanded(decay_rule.AdamWTwin):
    """Refuse a step without a closure."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        if closure is None:
            raise TypeError("step() needs a closure")
        return super().step(closure)
