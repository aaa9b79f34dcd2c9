"""Wrong optimizers whose fault lies in schedules, checkpoints, gradients, shapes or what is accepted.

Twins that `decay_rule` lacks (they check, maximize, load or unscale) stand before their mutants.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from tests.mutants import decay_rule
from tests.mutants.decay_rule import Group, State

# --- schedules --------------------------------------------------------------------------------------------------------


class PreviousLrDecay(decay_rule.AdamWTwin):
    """Decay with the learning rate of the step before: a schedule that is stepped between decay and update."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - state.get("lr", group["lr"]) * group["weight_decay"])
        state["lr"] = group["lr"]


class DecayScheduleOneStepLate(decay_rule.AdamWTwin):
    """Decay by the weight_decay that the group had one step ago."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * state.get("weight_decay", group["weight_decay"]))
        state["weight_decay"] = group["weight_decay"]


class DecayWrittenWithLr(decay_rule.AdamWTwin):
    """Rescale the group's weight_decay with every change of its learning rate, so that the decay follows the rate twice."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        group["weight_decay"] *= group["lr"] / group.setdefault("written_at", group["lr"])
        group["written_at"] = group["lr"]
        super().decay(w, grad, group, state)


class LrInDenominator(decay_rule.AdamWTwin):
    """Fold the learning rate into the denominator, 0 / 0 at a rate of zero: https://github.com/pytorch/pytorch/issues/97004."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        self.decay(w, grad, group, state)
        m, v = self.moments(grad, grad, group, state)
        lr = torch.tensor(group["lr"], dtype=w.dtype)
        w.sub_(m / (v.sqrt() / lr + group["eps"] / lr))


class ZeroLrDividesZero(decay_rule.AdamWTwin):
    """Divide the root of the second moment by the learning rate: 0/0 where there was never a gradient."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        self.decay(w, grad, group, state)
        m, v = self.moments(grad, grad, group, state)
        w.sub_(m / (v.sqrt() / group["lr"] + group["eps"]))


class ZeroLrDividesBy(decay_rule.AdamWTwin):
    """Scale by the ratio of this learning rate to the last."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        ratio = torch.tensor(group["lr"]) / state.get("last", group["lr"])
        state["last"] = group["lr"]
        super().update(w, grad, {**group, "lr": group["lr"] * float(ratio)}, state)


class ZeroLrIsDefault(decay_rule.AdamWTwin):
    """Take a learning rate of zero for one that was not given."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, {**group, "lr": group["lr"] or 1e-3}, state)


# --- parameter groups -------------------------------------------------------------------------------------------------


class FirstGroupDecayForAll(decay_rule.AdamWTwin):
    """Read weight_decay from the first group for all of them: https://github.com/deepspeedai/DeepSpeed/pull/8440."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().decay(w, grad, self.param_groups[0], state)


class DecayEndsAtExemptGroup(decay_rule.AdamWTwin):
    """Leave the loop at the first exempt group instead of going on: https://github.com/keras-team/keras/pull/21857."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        position = next(index for index, one in enumerate(self.param_groups) if one is group)
        if all(one["weight_decay"] for one in self.param_groups[: position + 1]):
            super().decay(w, grad, group, state)


class ExemptNotTrained(decay_rule.AdamWTwin):
    """Leave parameters whose decay is off alone altogether: https://github.com/PaddlePaddle/PaddleCustomDevice/pull/1202."""

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


# --- checkpoints and copies -------------------------------------------------------------------------------------------


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
        own = [group["weight_decay"] for group in self.param_groups]
        super().load_state_dict(state_dict)
        for group, decay in zip(self.param_groups, own, strict=True):
            group["weight_decay"] = decay


class StateForgottenOnLoad(decay_rule.AdamWTwin):
    """Restore the groups of a checkpoint and start the moments anew."""

    def load_state_dict(self, state_dict: Any) -> None:
        super().load_state_dict({**state_dict, "state": {}})


class DecayLostInCopy(decay_rule.AdamWTwin):
    """Give every group of a copied optimizer the constructor's weight_decay."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups if "defaults" in state else []:  # load_state_dict comes here too, without defaults
            group["weight_decay"] = self.defaults["weight_decay"]


class StateNotSaved(decay_rule.AdamWTwin):
    """Keep the moments where state_dict does not look."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.kept: dict[int, State] = {}

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, group, self.kept.setdefault(id(w), {}))


class ConstructorLrKept(decay_rule.AdamWTwin):
    """Keep the constructor's learning rate when a state dict is loaded."""

    def load_state_dict(self, state_dict: Any) -> None:
        own = [group["lr"] for group in self.param_groups]
        super().load_state_dict(state_dict)
        for group, lr in zip(self.param_groups, own, strict=True):
            group["lr"] = lr


class DecayZeroAfterLoad(decay_rule.AdamWTwin):
    """Load a state dict without its weight_decay."""

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
        own = [group["weight_decay"] for group in self.param_groups]
        super().load_state_dict(state_dict)
        for group, value in zip(self.param_groups, own, strict=True):
            group["weight_decay"] = (group["weight_decay"] + value) / 2


class FirstStepByConstructor(decay_rule.AdamWTwin):
    """Keep each group's weight_decay of the step before, and the constructor's at first: what is loaded counts a step late."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.before = [group["weight_decay"] for group in self.param_groups]

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        place = next(number for number, one in enumerate(self.param_groups) if one is group)
        w.mul_(1 - group["lr"] * self.before[place])
        self.before[place] = group["weight_decay"]


class NotPickled(decay_rule.AdamWTwin):
    """Keep a function in the groups."""

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
    """Keep a moment in float32 whatever the weights are, which torch's load_state_dict casts to them."""

    def moments(self, first: Tensor, second: Tensor, group: Group, state: State) -> tuple[Tensor, Tensor]:
        m, v = super().moments(first, second, group, state)
        state["v"] = state["v"].float()
        return m, v


class SwitchableAdamTwin(decay_rule.AdamTwin):
    """Adam with a group key for decoupled decay, which a checkpoint sets (as in torch's Adam)."""

    usual = False

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.defaults["decoupled_weight_decay"] = self.usual  # of groups that join
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
    """Adam with decoupled decay, whatever a checkpoint says (as torch's AdamW does)."""

    usual = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.pin()


class CheckpointFlagIgnored(SwitchableAdamTwin):
    """Stay coupled whatever a checkpoint says: not torch's Adam, and what its users expect of it."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.pin()


class OldCheckpointDecoupled(SwitchableAdamTwin):
    """Take a checkpoint that says nothing about its decay for a decoupled one."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        for group in state["param_groups"]:
            group.setdefault("decoupled_weight_decay", True)
        super().__setstate__(state)


class CouplingFromCheckpoint(PinnedAdamWTwin):
    """Be AdamW until a checkpoint of Adam is loaded: https://github.com/pytorch/pytorch/pull/118857."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        SwitchableAdamTwin.__setstate__(self, state)


class OldCheckpointKeepsDecoupling(torch.optim.NAdam):
    """NAdam that stays decoupled after a checkpoint that does not say so: not torch's, and what its users expect of it."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        own = state.get("defaults") or self.defaults  # a copy brings its own, a checkpoint brings none
        for group in state["param_groups"]:
            group.setdefault("decoupled_weight_decay", own["decoupled_weight_decay"])
        super().__setstate__(state)


# --- gradients --------------------------------------------------------------------------------------------------------


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
    """Do something with every parameter before the step: an empty place for faults."""

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
    """Decay what takes no gradient."""

    def before(self, w: Tensor, group: Group) -> None:
        if not w.requires_grad:
            w.mul_(1 - group["lr"] * group["weight_decay"])


class MomentumGoesOn(_Before):
    """Go on with the first moment where the gradient is missing."""

    def before(self, w: Tensor, group: Group) -> None:
        if w.grad is None and "m" in self.state[w]:
            w.sub_(group["lr"] * self.state[w]["m"])


class StepCountsPauses(decay_rule.AdamWTwin):
    """Count the optimizer's steps, and not those that a parameter took."""

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
    """Divide by the norm of all gradients: a right optimizer whose tensors know of each other, and of each other's NaN."""

    norm = 1.0

    def before(self, w: Tensor, group: Group) -> None:
        grads = [one.grad.detach().double().norm() for own in self.param_groups for one in own["params"] if one.grad is not None]
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
    """Divide by the weight's norm."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().direction(w, grad, group, state) / w.norm() * w.norm()


# --- accumulation and clipping ----------------------------------------------------------------------------------------


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


# --- signs, positions, shapes -----------------------------------------------------------------------------------------


class ConstantShift(decay_rule.AdamWTwin):
    """Subtract lr * weight_decay, whatever the weight is: https://github.com/jettify/pytorch-optimizer/issues/454."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * group["weight_decay"])


class AbsoluteDecay(decay_rule.AdamWTwin):
    """Take the decay from the weight's size, so that negative weights grow."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * group["weight_decay"] * w.abs())


class OnlyFirstRowDecays(decay_rule.AdamWTwin):
    """Decay a slice of the weight where the whole was meant."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w[:1].mul_(1 - group["lr"] * group["weight_decay"])


class MaximizingAdamWTwin(decay_rule.AdamWTwin):
    """AdamW that can climb: the gradient changes its sign and the decay does not."""

    def __init__(self, params: Any, maximize: bool = False, **options: Any) -> None:
        super().__init__(params, **options)
        self.defaults["maximize"] = maximize  # of groups that join
        for group in self.param_groups:
            group["maximize"] = maximize

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, -grad if group["maximize"] else grad, group, state)


class MaximizeFlipsDecay(MaximizingAdamWTwin):
    """Turn the decay round with the gradient, as a page had it: https://github.com/pytorch/pytorch/issues/149476."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - (-1 if group["maximize"] else 1) * group["lr"] * group["weight_decay"])


class MaximizeIgnored(MaximizingAdamWTwin):
    """Take the flag and go down all the same: https://github.com/kozistr/pytorch_optimizer/pull/528."""

    def __init__(self, params: Any, maximize: bool = False, **options: Any) -> None:
        super().__init__(params, **options)


class MaximizeWithoutDecay(MaximizingAdamWTwin):
    """Decay only when minimizing."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if not group["maximize"]:
            super().decay(w, grad, group, state)


class ScalarsNotDecayed(decay_rule.AdamWTwin):
    """Exempt what has fewer than two dimensions, unasked: https://github.com/verl-project/verl/issues/5070."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.ndim >= 2:
            super().decay(w, grad, group, state)


class ScalarsSkipped(decay_rule.AdamWTwin):
    """Leave scalar parameters where they are."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.ndim > 0:
            super().update(w, grad, group, state)


class VectorsNotDecayed(decay_rule.AdamWTwin):
    """Exempt vectors although their group has a weight decay."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.dim() != 1:
            super().decay(w, grad, group, state)


class ImagesOtherwise(decay_rule.AdamWTwin):
    """Take half a step for 4-D tensors."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().direction(w, grad, group, state) * (0.5 if w.dim() == 4 else 1.0)


class DecayOnContiguousCopy(decay_rule.AdamWTwin):
    """Decay a flat view, which is a copy where the weight does not lie in one piece."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.contiguous().view(-1).mul_(1 - group["lr"] * group["weight_decay"])


class WritesToACopy(decay_rule.AdamWTwin):
    """Update what .contiguous() returns, which is a copy of anything that is transposed."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w.detach().contiguous(), grad, group, state)


class StridedOtherwise(decay_rule.AdamWTwin):
    """Take half a step for what is not contiguous."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().direction(w, grad, group, state) * (1.0 if w.is_contiguous() else 0.5)


class LayoutMatters(decay_rule.AdamWTwin):
    """Walk the memory of weight and gradient as if both were laid out alike."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.stride() != grad.stride() and w.numel() > 1:
            grad = grad.t().contiguous().view(w.shape)
        super().update(w, grad, group, state)


class StopsAtEmptyTensor(decay_rule.AdamWTwin):
    """Step nothing any more once a tensor was empty."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        self.stopped = False
        return super().step(closure)

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        self.stopped = self.stopped or w.numel() == 0
        if not self.stopped:
            super().update(w, grad, group, state)


class EmptyEndsTheStep(decay_rule.AdamWTwin):
    """Return, where it should go on, at a tensor without elements."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        if any(w.numel() == 0 for group in self.param_groups for w in group["params"]):
            return None
        return super().step(closure)


class WeightReplaced(decay_rule.AdamWTwin):
    """Put a new tensor in the weight's place instead of writing into it: whoever shares its memory loses it."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        moved = w.detach().clone()
        super().update(moved, grad, group, state)
        w.data = moved


class RealPartOnly(decay_rule.AdamWTwin):
    """Update the real part of a complex weight."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.is_complex():
            w, grad = torch.view_as_real(w.detach())[..., 0], grad.real
        super().update(w, grad, group, state)


# --- what is accepted -------------------------------------------------------------------------------------------------


class CheckingAdamWTwin(decay_rule.AdamWTwin):
    """AdamW that refuses a weight_decay below zero and NaN (as torch does)."""

    def __init__(self, params: Any, weight_decay: float = 1e-2, **options: Any) -> None:
        super().__init__(params, weight_decay=weight_decay, **options)
        if self.wrong(weight_decay):
            raise ValueError(f"weight_decay: {weight_decay}")

    def wrong(self, weight_decay: float) -> bool:
        return not weight_decay >= 0.0


class NegativeDecayAccepted(CheckingAdamWTwin):
    """Take a negative weight_decay: https://github.com/flagos-ai/FlagGems/issues/4988 ignores it without a word."""

    def wrong(self, weight_decay: float) -> bool:
        return math.isnan(weight_decay)


class NanDecayAccepted(CheckingAdamWTwin):
    """Refuse what is below zero, which NaN is not."""

    def wrong(self, weight_decay: float) -> bool:
        return weight_decay < 0.0


class InfiniteDecayRefused(CheckingAdamWTwin):
    """Refuse an infinite weight_decay: not torch's AdamW, and what its users expect of it."""

    def wrong(self, weight_decay: float) -> bool:
        return not 0.0 <= weight_decay < math.inf


class LargeDecayWarns(CheckingAdamWTwin):
    """Warn of a decay under which weights grow: not torch's AdamW, and what its users would like of it."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if group["lr"] * group["weight_decay"] > 2:
            warnings.warn("lr x weight_decay is above 2: weights grow", stacklevel=2)
        super().decay(w, grad, group, state)


class DecayCutOff(decay_rule.AdamWTwin):
    """Never let a step take more than the whole weight."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(max(0.0, 1 - group["lr"] * group["weight_decay"]))


class LambdSgdTwin(decay_rule.SgdTwin):
    """SGD with a decay of its own beside weight_decay, 1e-4 by default (as torch's ASGD has)."""

    lambd = 1e-4

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        pull = self.pull(w, grad, group, state)
        w.mul_(1 - group["lr"] * self.lambd).sub_(group["lr"] * pull)


class LambdIgnored(LambdSgdTwin):
    """Have no decay but weight_decay: not torch's ASGD, and what its users expect of it."""

    lambd = 0.0


class UndecayedSgdTwin(decay_rule.SgdTwin):
    """SGD that has no weight decay and takes no such argument (as torch's Rprop)."""

    def __init__(self, params: Any, lr: float = 1e-3) -> None:
        super().__init__(params, lr)


class DecaySwallowed(UndecayedSgdTwin):
    """Take any argument and use none of them: https://github.com/kozistr/pytorch_optimizer/issues/517."""

    def __init__(self, params: Any, lr: float = 1e-3, **unused: Any) -> None:
        super().__init__(params, lr)


# --- parameters that are given twice ----------------------------------------------------------------------------------


class RepeatedSteppedOnce(decay_rule.AdamWTwin):
    """Step a parameter once however often it is listed: not torch's AdamW, and what its users expect of it."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for group in self.param_groups:
            group["params"] = list(dict.fromkeys(group["params"]))
        return super().step(closure)


class RepeatedWithoutWarning(decay_rule.AdamWTwin):
    """Say nothing of a parameter that is listed twice."""

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
    """Take a parameter in two groups: https://github.com/rwth-i6/returnn/issues/1319 met one under two policies."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        self.param_groups.append({**self.defaults, **param_group, "params": list(param_group["params"])})
