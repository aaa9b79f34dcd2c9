"""Which faults in handling must a fingerprint name? Throw-away optimizers with one planted fault each, named after it.

Each is torch's AdamW written for reading (`AdamWTwin`) but for its fault, which lies in how parameters, groups, steps, state
or options are handled, and not in the decay's formula.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from tests.mutants.decay_rule import AdamWTwin, Group, State

# --- parameters ---------------------------------------------------------------------------------------------------


class _Before(AdamWTwin):
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


class DecaysWithoutGradient(_Before):
    """Decay parameters that have no gradient: https://github.com/KellerJordan/Muon/issues/54."""

    def before(self, w: Tensor, group: Group) -> None:
        if w.grad is None and w.requires_grad:
            w.mul_(1 - group["lr"] * group["weight_decay"])


class DecaysFrozen(_Before):
    """Decay what takes no gradient."""

    def before(self, w: Tensor, group: Group) -> None:
        if not w.requires_grad:
            w.mul_(1 - group["lr"] * group["weight_decay"])


class MomentumGoesOn(_Before):
    """Go on with the first moment where the gradient is missing."""

    def before(self, w: Tensor, group: Group) -> None:
        if w.grad is None and "m" in self.state[w]:
            w.sub_(group["lr"] * self.state[w]["m"])


class NormOfAll(_Before):
    """Divide by the norm of all gradients: a right optimizer whose tensors know of each other, and of each other's NaN."""

    norm = 1.0

    def before(self, w: Tensor, group: Group) -> None:
        grads = [one.grad.detach().double().norm() for own in self.param_groups for one in own["params"] if one.grad is not None]
        self.norm = float(torch.stack(grads).norm()) if grads else 1.0

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad / (self.norm + group["eps"])


class StepsShared(AdamWTwin):
    """Count one step for each tensor: https://github.com/deepspeedai/DeepSpeed/issues/7819."""

    steps = 0

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = self.steps
        self.steps += 1
        super().update(w, grad, group, state)


class BucketsDecayAgain(AdamWTwin):
    """Walk the group once a precision, and decay all of it each time."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        with torch.no_grad():
            for group in self.param_groups:
                for _ in range(len({w.dtype for w in group["params"]}) - 1):
                    for w in group["params"]:
                        self.decay(w, w, group, {})
        return super().step(closure)


class CountsRepeats(AdamWTwin):
    """Decay a parameter as often as it is listed, each time that it comes up."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        for one in group["params"]:
            if one is w:
                w.mul_(1 - group["lr"] * group["weight_decay"])


class _Skips(AdamWTwin):
    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if not self.skips(w):
            super().update(w, grad, group, state)

    def skips(self, w: Tensor) -> bool:
        raise NotImplementedError  # abstract: torch's Optimizer is no ABC


class ScalarsSkipped(_Skips):
    """Leave scalar parameters where they are."""

    def skips(self, w: Tensor) -> bool:
        return w.dim() == 0


class ImagesOtherwise(AdamWTwin):
    """Take half a step for 4-D tensors."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().direction(w, grad, group, state) * (0.5 if w.dim() == 4 else 1.0)


class VectorsNotDecayed(AdamWTwin):
    """Exempt vectors although their group has a weight decay."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.dim() != 1:
            super().decay(w, grad, group, state)


class WritesToACopy(AdamWTwin):
    """Update what .contiguous() returns, which is a copy of anything that is transposed."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w.detach().contiguous(), grad, group, state)


class StridedOtherwise(AdamWTwin):
    """Take half a step for what is not contiguous."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().direction(w, grad, group, state) * (1.0 if w.is_contiguous() else 0.5)


class LayoutMatters(AdamWTwin):
    """Walk the memory of weight and gradient as if both were laid out alike."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.stride() != grad.stride() and w.numel() > 1:
            grad = grad.t().contiguous().view(w.shape)
        super().update(w, grad, group, state)


class EmptyEndsTheStep(AdamWTwin):
    """Return, where it should go on, at a tensor without elements."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        if any(w.numel() == 0 for group in self.param_groups for w in group["params"]):
            return None
        return super().step(closure)


class RealPartOnly(AdamWTwin):
    """Update the real part of a complex weight."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.is_complex():
            w, grad = torch.view_as_real(w.detach())[..., 0], grad.real
        super().update(w, grad, group, state)


class NotANumberAtZero(AdamWTwin):
    """Divide by the weight's norm."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().direction(w, grad, group, state) / w.norm() * w.norm()


# --- groups -------------------------------------------------------------------------------------------------------


class AddedGroupIgnored(AdamWTwin):
    """Walk the groups that there were at the start."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.first = len(self.param_groups)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        later, self.param_groups = self.param_groups[self.first :], self.param_groups[: self.first]
        try:
            return super().step(closure)
        finally:
            self.param_groups = self.param_groups + later


class FirstGroupsDecay(AdamWTwin):
    """Decay all groups by the first one's weight_decay, as a bucket over groups does."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * self.param_groups[0]["weight_decay"])


class LrOfTheConstructor(AdamWTwin):
    """Step and decay with the constructor's learning rate in every group."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, {**group, "lr": self.defaults["lr"]}, state)


class DecayEndsAtExempt(AdamWTwin):
    """Return, where it should go on, at the first group without weight decay: https://github.com/keras-team/keras/pull/21857."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        with torch.no_grad():
            for group in self.param_groups:
                if group["weight_decay"] == 0:
                    break
                for w in group["params"]:
                    if w.grad is not None:
                        w.mul_(1 - group["lr"] * group["weight_decay"])
        return super().step(closure)

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        pass


class StepEndsAtExempt(AdamWTwin):
    """Leave the whole step at the first group without weight decay."""

    exempt = False

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        self.exempt = False
        return super().step(closure)

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        self.exempt = self.exempt or group["weight_decay"] == 0
        if not self.exempt or len(self.param_groups) == 1:
            super().update(w, grad, group, state)


class EmptyGroupRefused(AdamWTwin):
    """Look at the first parameter of every group."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.devices = [group["params"][0].device for group in self.param_groups]


class EmptyGroupDropped(AdamWTwin):
    """Keep no group without parameters."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.param_groups[:] = [group for group in self.param_groups if group["params"]]


class OneGroupKept(AdamWTwin):
    """Put all parameters into one group."""

    def __init__(self, params: Any, **options: Any) -> None:
        given = list(params)
        listed = given if isinstance(given[0], Tensor) else [one for group in given for one in group["params"]]
        super().__init__(listed, **options)


class CallersGroupsScaled(AdamWTwin):
    """Write lr x weight_decay into the caller's dicts."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        for group in self.param_groups:
            group["weight_decay"] = group["lr"] * group["weight_decay"]

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["weight_decay"])


# --- steps --------------------------------------------------------------------------------------------------------


class DecayWrittenIntoGradient(AdamWTwin):
    """Add the decay to .grad in place: https://github.com/pytorch/pytorch/issues/12218."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad.add_(group["weight_decay"] * w), group, state)

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        pass


class GradientCleared(AdamWTwin):
    """Set .grad to None after the step."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, group, state)
        w.grad = None


class ZeroLrIsDefault(AdamWTwin):
    """Take a learning rate of zero for one that was not given."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, {**group, "lr": group["lr"] or 1e-3}, state)


class ZeroLrDividesBy(AdamWTwin):
    """Scale by the ratio of this learning rate to the last."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        ratio = torch.tensor(group["lr"]) / state.get("last", group["lr"])
        state["last"] = group["lr"]
        super().update(w, grad, {**group, "lr": group["lr"] * float(ratio)}, state)


class ZeroLrDividesZero(AdamWTwin):
    """Divide the root of the second moment by the learning rate: 0/0 where there was never a gradient."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        self.decay(w, grad, group, state)
        m, v = self.moments(grad, grad, group, state)
        w.sub_(m / (v.sqrt() / group["lr"] + group["eps"]))


class LrTensorCoarse(AdamWTwin):
    """Keep a learning rate that is a tensor in half precision."""

    def __init__(self, params: Any, lr: Any = 1e-3, **options: Any) -> None:
        super().__init__(params, float(lr.half()) if isinstance(lr, Tensor) else lr, **options)


class _Maximizes(AdamWTwin):
    def __init__(self, params: Any, maximize: bool = False, **options: Any) -> None:
        super().__init__(params, **options)
        self.sign = -1 if maximize else 1


class MaximizeFlipsDecay(_Maximizes):
    """Turn the whole step round: https://github.com/pytorch/pytorch/issues/149476 reads as if it did."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, self.sign * grad, group, state)

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - self.sign * group["lr"] * group["weight_decay"])


class MaximizeIgnored(_Maximizes):
    """Accept maximize and never read it: https://github.com/kozistr/pytorch_optimizer/pull/528."""


class MaximizeWithoutDecay(_Maximizes):
    """Decay only when minimizing."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, self.sign * grad, group, state)

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if self.sign > 0:
            super().decay(w, grad, group, state)


class ClosureStepsEachTime(AdamWTwin):
    """Evaluate the closure twice, and decay after each."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        with torch.no_grad():
            for group in self.param_groups if closure is not None else []:
                torch.enable_grad()(closure)()
                for w in group["params"]:
                    w.mul_(1 - group["lr"] * group["weight_decay"])
        return super().step(closure)


class ClosureNotCalled(AdamWTwin):
    """Accept a closure and step on what gradients there are."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        return super().step()


class ClosureWithoutGrad(AdamWTwin):
    """Evaluate the closure with gradients off."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        with torch.no_grad():
            loss = None if closure is None else closure()
        super().step()
        return loss


class LossLost(AdamWTwin):
    """Evaluate the closure and forget to return its loss."""

    def step(self, closure: Callable[[], Any] | None = None) -> None:
        super().step(closure)


class SeededNoise(AdamWTwin):
    """Add noise from torch's generator: a right optimizer (Langevin dynamics), which draws random numbers."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().direction(w, grad, group, state) + 0.1 * torch.randn(w.shape, dtype=w.dtype)


class UnseededNoise(AdamWTwin):
    """Depend on how often the process has stepped."""

    taken = 0

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        UnseededNoise.taken += 1
        return super().direction(w, grad, group, state) * (1 + 0.01 * (UnseededNoise.taken % 7))


class DecaysInBackward(AdamWTwin):
    """Decay in a hook of the gradient, and so once a backward pass."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        for group in self.param_groups:
            for w in group["params"]:
                w.register_post_accumulate_grad_hook(partial(self.shrink, group))

    def shrink(self, group: Group, w: Tensor) -> None:
        w.data.mul_(1 - group["lr"] * group["weight_decay"])

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        pass


class _ScalesItself(AdamWTwin):
    """Undo a GradScaler's scale in the step, as torch's fused optimizers do."""

    _step_supports_amp_scaling = True

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        stop = getattr(self, "found_inf", None)
        scale = getattr(self, "grad_scale", None)
        with torch.no_grad():
            for group in self.param_groups:
                for w in group["params"]:
                    if w.grad is not None and scale is not None:
                        w.grad.div_(scale)
                    if stop:
                        self.skipped(w, group)
        return None if stop else super().step(closure)

    def skipped(self, w: Tensor, group: Group) -> None:
        pass


class SkippedStepDecays(_ScalesItself):
    """Decay in a step that is skipped for infinite gradients."""

    def skipped(self, w: Tensor, group: Group) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"])


class SkippedStepCounts(_ScalesItself):
    """Count a step that is skipped: https://github.com/LibreYOLO/libreyolo/pull/771 claims it of fused SGD."""

    def skipped(self, w: Tensor, group: Group) -> None:
        self.state[w]["t"] += 1


class UnscalesTwice(_ScalesItself):
    """Divide by the scale again that unscale_ has taken out: https://github.com/pytorch/pytorch/pull/94060."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        if getattr(self, "grad_scale", None) is None and hasattr(self, "found_inf"):
            self.grad_scale = torch.tensor(1024.0)
        return super().step(closure)


# --- state --------------------------------------------------------------------------------------------------------


class StateNotSaved(AdamWTwin):
    """Keep the moments where state_dict does not look."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.kept: dict[int, State] = {}

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, group, self.kept.setdefault(id(w), {}))


class ConstructorsDecayAfterLoad(AdamWTwin):
    """Keep the constructor's weight_decay when a state dict is loaded."""

    kept = "weight_decay"

    def load_state_dict(self, state_dict: Any) -> None:
        own = [group[self.kept] for group in self.param_groups]
        super().load_state_dict(state_dict)
        for group, value in zip(self.param_groups, own, strict=True):
            group[self.kept] = value


class ConstructorsLrAfterLoad(ConstructorsDecayAfterLoad):
    """Keep the constructor's learning rate when a state dict is loaded."""

    kept = "lr"


class StaleDecayAfterLoad(AdamWTwin):
    """Take the first step after loading with the constructor's weight_decay: https://github.com/NVIDIA/Megatron-LM/pull/7468."""

    def load_state_dict(self, state_dict: Any) -> None:
        self.stale = [group["weight_decay"] for group in self.param_groups]
        super().load_state_dict(state_dict)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loaded = [group["weight_decay"] for group in self.param_groups]
        for group, value in zip(self.param_groups, self.__dict__.pop("stale", loaded), strict=True):
            group["weight_decay"] = value
        loss = super().step(closure)
        for group, value in zip(self.param_groups, loaded, strict=True):
            group["weight_decay"] = value
        return loss


class DecayZeroAfterLoad(AdamWTwin):
    """Load a state dict without its weight_decay."""

    def load_state_dict(self, state_dict: Any) -> None:
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["weight_decay"] = 0.0


class DecayEndsAtLoad(AdamWTwin):
    """Never decay again once a state dict was loaded, whatever the groups say."""

    loaded = False

    def load_state_dict(self, state_dict: Any) -> None:
        super().load_state_dict(state_dict)
        self.loaded = True

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if not self.loaded:
            super().decay(w, grad, group, state)


class HalfTheDecayAfterLoad(AdamWTwin):
    """Take the mean of the constructor's weight_decay and the loaded one."""

    def load_state_dict(self, state_dict: Any) -> None:
        own = [group["weight_decay"] for group in self.param_groups]
        super().load_state_dict(state_dict)
        for group, value in zip(self.param_groups, own, strict=True):
            group["weight_decay"] = (group["weight_decay"] + value) / 2


class FirstStepByConstructor(AdamWTwin):
    """Keep each group's weight_decay of the step before, and the constructor's at first: what is loaded counts a step late."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.before = [group["weight_decay"] for group in self.param_groups]

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        place = next(number for number, one in enumerate(self.param_groups) if one is group)
        w.mul_(1 - group["lr"] * self.before[place])
        self.before[place] = group["weight_decay"]


class NotPickled(AdamWTwin):
    """Keep a function in the groups."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        for group in self.param_groups:
            group["schedule"] = lambda step: 1.0


class PickledWithoutState(AdamWTwin):
    """Leave the moments out of what is pickled and copied."""

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "state": defaultdict(dict)}


class CopySharesState(AdamWTwin):
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


class SingleState(AdamWTwin):
    """Keep a moment in float32 whatever the weights are, which torch's load_state_dict casts to them."""

    def moments(self, first: Tensor, second: Tensor, group: Group, state: State) -> tuple[Tensor, Tensor]:
        m, v = super().moments(first, second, group, state)
        state["v"] = state["v"].float()
        return m, v


# --- options ------------------------------------------------------------------------------------------------------


class InertOption(AdamWTwin):
    """Accept an option and never read it: https://github.com/bitsandbytes-foundation/bitsandbytes/pull/2088."""

    def __init__(self, params: Any, betas: tuple[float, float] = (0.9, 0.999), max_norm: float = 1.0, **options: Any) -> None:
        super().__init__(params, betas=betas, **options)


class OneBetaCounts(AdamWTwin):
    """Take the second beta's place by a constant."""

    def __init__(self, params: Any, betas: tuple[float, float] = (0.9, 0.999), **options: Any) -> None:
        super().__init__(params, betas=(betas[0], 0.999), **options)


class SwallowsOptions(AdamWTwin):
    """Accept any option."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, **rest: Any) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)


class ForeachDecaysEachTime(AdamWTwin):
    """Decay the whole list once for each of its tensors, on the path that goes by lists."""

    def __init__(self, params: Any, foreach: bool = False, **options: Any) -> None:
        super().__init__(params, **options)
        self.foreach = foreach

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        for one in group["params"] if self.foreach else [w]:
            one.mul_(1 - group["lr"] * group["weight_decay"])


class ForeachDecaysEachPrecision(AdamWTwin):
    """Decay the whole list once for each precision in it, on the path that goes by lists."""

    def __init__(self, params: Any, foreach: bool = False, **options: Any) -> None:
        super().__init__(params, **options)
        self.foreach = foreach

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        for _ in {one.dtype for one in group["params"]} if self.foreach else [w.dtype]:
            super().decay(w, grad, group, state)
