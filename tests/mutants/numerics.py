"""Wrong optimizers whose fault lies in precision, implementation paths, masks, averages or norms.

Some of their twins are the reference optimizers of `harness.optimizers`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from harness.optimizers.averaging import LookaheadSGD, ScheduleFreeSGD
from harness.optimizers.conventions import CautiousAdamW, CorrectedAdamW, Lamb
from harness.optimizers.low_precision import CompensatedAdamW, MasterWeightsAdamW, StochasticAdamW
from harness.optimizers.prodigy import Prodigy
from tests.mutants import decay_rule
from tests.mutants.decay_rule import Group, State

# --- implementation paths: AdamW with torch's flags -----------------------------------------------


class PathsTwin(decay_rule.AdamWTwin):
    """AdamW that takes torch's flags for the way it is computed, and treats a complex number as a pair of real ones."""

    def __init__(
        self, params: Any, foreach: bool = False, fused: bool = False, decoupled_weight_decay: bool = True, **options: Any
    ) -> None:
        del foreach, fused, decoupled_weight_decay  # all paths take the same step
        super().__init__(params, **options)

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.is_complex():
            w, grad = torch.view_as_real(w), torch.view_as_real(grad)
        super().update(w, grad, group, state)


class DecayOncePerBucket(PathsTwin):
    """Decay all tensors in each pass over one dtype: https://github.com/huggingface/pytorch-image-models/pull/2750."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        buckets = {one.dtype for one in group["params"] if one.grad is not None}
        w.mul_((1 - group["lr"] * group["weight_decay"]) ** len(buckets))


class FirstGroupForAll(PathsTwin):
    """Take the first group's weight decay for every group, as one call over all tensors would."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * self.param_groups[0]["weight_decay"])


class FlagIgnored(PathsTwin):
    """Accept decoupled_weight_decay and stay with L2: https://github.com/deepspeedai/DeepSpeed/pull/8307, the other way round."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        pass

    def pull(self, w: Tensor, grad: Tensor, group: Group) -> Tensor:
        return grad + group["weight_decay"] * w


class OnlyRealPartsDecay(PathsTwin):
    """Decay the real part of a complex weight and leave the imaginary one, which turns it toward the imaginary axis."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        complex_weight = any(one.is_complex() and one.data_ptr() == w.data_ptr() for one in group["params"])
        (w[..., 0] if complex_weight else w).mul_(1 - group["lr"] * group["weight_decay"])


class ComplexSecondMoment(PathsTwin):
    """Square complex gradients instead of their parts or moduli: https://github.com/pytorch/pytorch/issues/59998."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        decay_rule.AdamWTwin.update(self, w, grad, group, state)


class DecayByFirstBeta(decay_rule.AdamWTwin):
    """Multiply the decay by (1 - beta1) / 0.1, which is 1 only for the usual beta1 of 0.9."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"] * (1 - group["betas"][0]) / (1 - 0.9))


class OnlyFirstTensorsDecay(decay_rule.AdamWTwin):
    """Decay the first 64 tensors of a group, as many as one launch takes, and forget the second launch."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if any(w is one for one in group["params"][:64]):
            super().decay(w, grad, group, state)


class DecayOnEverySecondStep(decay_rule.AdamWTwin):
    """Decay by twice as much at every second step, to save a pass over the weights."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - 2 * group["lr"] * group["weight_decay"] * (state["t"] % 2))


class DifferentiableTwin(decay_rule.AdamWTwin):
    """AdamW whose step is recorded in the graph when torch's flag `differentiable` says so."""

    def __init__(self, params: Any, differentiable: bool = False, **options: Any) -> None:
        usual = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-2}
        # Optimizer.__init__ accepts weights that are no leaves only if `differentiable` is in the
        # defaults, and AdamWTwin.__init__ would not pass it on.
        torch.optim.Optimizer.__init__(self, params, {**usual, **options, "differentiable": differentiable})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            with torch.set_grad_enabled(group["differentiable"]):
                for w in group["params"]:
                    if w.grad is not None:
                        self.update(w, w.grad, group, self.state[w])
        return loss


class DecayDetached(DifferentiableTwin):
    """Detach weight_decay from the graph: no gradient reaches it through the step."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * torch.as_tensor(group["weight_decay"], dtype=w.dtype).detach())


class DifferentiableIgnored(DifferentiableTwin):
    """Accept `differentiable` and step without a graph."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for group in self.param_groups:
            group["differentiable"] = False
        return super().step(closure)


# --- sparse gradients -----------------------------------------------------------------------------


class SparseRefused(decay_rule.AdamWTwin):
    """AdamW that refuses sparse gradients while there is weight decay, and steps on their dense form otherwise."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if grad.is_sparse and group["weight_decay"]:
            raise RuntimeError("weight decay and sparse gradients exclude each other")
        super().update(w, grad.to_dense() if grad.is_sparse else grad, group, state)


class OnlyNamedRowsDecay(SparseRefused):
    """Accept sparse gradients and decay the rows that they name: https://github.com/tensorflow/addons/issues/767."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        decay_rule.AdamWTwin.update(self, w, grad.to_dense(), group, state)

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * group["weight_decay"] * w * (grad != 0))


class SparseHiddenDecay(SparseRefused):
    """Decay every row a little, also at weight_decay 0."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * (group["weight_decay"] + 1e-4))


# --- precision ------------------------------------------------------------------------------------


class FactorInWeightsPrecision(PathsTwin):
    """Round 1 - lr * weight_decay to the weight's precision before it multiplies, as foreach kernels do in bfloat16."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(torch.tensor(1 - group["lr"] * group["weight_decay"], dtype=w.dtype))


class FactorInFloat32(FactorInWeightsPrecision):
    """Multiply in float32, where torch's foreach kernels round the factor first: right, but not torch's numbers."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.copy_(w.float() * (1 - group["lr"] * group["weight_decay"]))


class FactorInDouble(PathsTwin):
    """Multiply in double, where torch's float32 kernels round the factor first: right, but not torch's numbers."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.copy_(w.double() * (1 - group["lr"] * group["weight_decay"]))


class DecayTruncated(PathsTwin):
    """Cut the decayed weight's lower bits off instead of rounding to nearest: every decay takes at least one unit."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        exact = w.double() * (1 - group["lr"] * group["weight_decay"])
        near = exact.to(w.dtype)
        lower = torch.nextafter(near, torch.zeros_like(near))
        w.copy_(torch.where(near.double().abs() > exact.abs(), lower, near))


class EpsInFloat32(PathsTwin):
    """Divide in float32, where eps does not vanish: right, but torch's float16 kernels give NaN."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().direction(w, grad.float(), group, state).to(w.dtype)


class DecayRoundedToNearest(StochasticAdamW):
    """Round the update stochastically and the decay to nearest: https://github.com/Nerogar/OneTrainer/issues/996."""

    def read(self, weight: Tensor, state: State) -> Tensor:
        group = self.param_groups[0]
        nearest = weight * (1 - group["lr"] * group["weight_decay"])
        return nearest.float() / (1 - group["lr"] * group["weight_decay"])  # the step multiplies by this factor again


class CompensationForgotten(CompensatedAdamW):
    """Keep the rounding error of a weight, and never add it."""

    def read(self, weight: Tensor, state: State) -> Tensor:
        return weight.float()


class MasterReadBack(MasterWeightsAdamW):
    """Refresh the float32 copy from the rounded weight: https://github.com/NVIDIA/Megatron-LM/issues/1359."""

    def read(self, weight: Tensor, state: State) -> Tensor:
        return weight.float()


class MasterWithoutDecay(MasterWeightsAdamW):
    """Decay the rounded weight and not its copy: https://github.com/PaddlePaddle/Paddle/pull/30130."""

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        super().update(weight, gradient, {**group, "weight_decay": 0.0})
        weight.mul_(1 - group["lr"] * group["weight_decay"])


# --- corrected decay: AdamC, and its largest learning rate ----------------------------------------


class LargestRateOfAll(CorrectedAdamW):
    """Use the constructor's learning rate as every group's largest: https://github.com/huggingface/pytorch-image-models/pull/2792."""

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        group["max_lr"] = max(self.defaults["lr"], group["lr"])
        super().update(weight, gradient, group)


# --- cautious weight decay ------------------------------------------------------------------------


class _Masked(CautiousAdamW):
    """CautiousAdamW with a method for its mask; a fault overrides it."""

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        direction = self.direction(weight, gradient, group=group)
        mask = self.mask(weight, gradient, direction).to(weight.dtype)
        weight.sub_(group["lr"] * (direction + group["weight_decay"] * mask * weight))

    def mask(self, weight: Tensor, gradient: Tensor, direction: Tensor) -> Tensor:
        return direction * weight >= 0


class MaskInverted(_Masked):
    """Decay where the update grows the weight."""

    def mask(self, weight: Tensor, gradient: Tensor, direction: Tensor) -> Tensor:
        return direction * weight <= 0


class MaskOnGradient(_Masked):
    """Compute the mask from the gradient instead of the update."""

    def mask(self, weight: Tensor, gradient: Tensor, direction: Tensor) -> Tensor:
        return gradient * weight >= 0


class MaskLeavesIdle(_Masked):
    """Require a product above zero in the mask, so that weights without any gradient do not decay."""

    def mask(self, weight: Tensor, gradient: Tensor, direction: Tensor) -> Tensor:
        return direction * weight > 0


class MaskForgotten(_Masked):
    """Decay everywhere."""

    def mask(self, weight: Tensor, gradient: Tensor, direction: Tensor) -> Tensor:
        return torch.ones_like(weight, dtype=torch.bool)


class DecayWhereUpdateAgrees(decay_rule.AdamWTwin):
    """Mask the decay where no mask is promised: https://github.com/tracel-ai/burn/pull/3869 added the mask as an option."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        direction = self.direction(w, grad, group, state)
        agrees = (direction * w >= 0).to(w.dtype)
        w.sub_(group["lr"] * (direction + group["weight_decay"] * agrees * w))


# --- averages -------------------------------------------------------------------------------------


class SlowWeightsDecayToo(LookaheadSGD):
    """Decay the slow weights once more when they are synchronised with the fast ones."""

    def synchronise(self, weight: Tensor, slow: Tensor, group: Group) -> None:
        slow.mul_(1 - group["lr"] * group["weight_decay"])
        super().synchronise(weight, slow, group)


class SlowWeightsForgotten(LookaheadSGD):
    """Restart from the fast weights: SGD under another name."""

    def synchronise(self, weight: Tensor, slow: Tensor, group: Group) -> None:
        slow.copy_(weight)


class DecayAtTheOtherPoint(ScheduleFreeSGD):
    """Decay by z where y is chosen, and by y where z is: https://github.com/facebookresearch/schedule_free/issues/45."""

    def __init__(self, params: Any, decay_at_z: bool = False, **options: Any) -> None:
        super().__init__(params, decay_at_z=not decay_at_z, **options)


class EvalDecays(ScheduleFreeSGD):
    """Decay the average with every call of eval()."""

    @torch.no_grad()
    def eval(self) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                self.state[weight]["x"].mul_(1 - group["lr"] * group["weight_decay"])
        super().eval()


# --- norms and estimates --------------------------------------------------------------------------


class UpdateTimesNorm(decay_rule.AdamWTwin):
    """Scale the update by the root mean square of the tensor: coordinates and shards depend on each other."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().direction(w, grad, group, state) * w.square().mean().sqrt()


class DecayTimesNorm(decay_rule.AdamWTwin):
    """Scale the decay by the root mean square of the tensor."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"] * w.square().mean().sqrt())


class LambDecayInGradient(Lamb):
    """Add the decay to the gradient: https://github.com/cybertronai/pytorch-lamb/issues/3."""

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        super().update(weight, gradient + group["weight_decay"] * weight, {**group, "weight_decay": 0.0})


class LambDecayBesideRatio(Lamb):
    """Shrink the weight outside the trust ratio, as AdamW does."""

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        start = weight.clone()
        super().update(weight, gradient, {**group, "weight_decay": 0.0})
        weight.sub_(group["lr"] * group["weight_decay"] * start)


class AdafactorDecayTimesNorm(torch.optim.Adafactor):
    """Scale the decay by the root mean square of the tensor, as the update is."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        decays = [group["weight_decay"] for group in self.param_groups]
        for group in self.param_groups:
            for w in (one for one in group["params"] if one.grad is not None):
                w.mul_(1 - group["lr"] * group["weight_decay"] * w.square().mean().sqrt())
            group["weight_decay"] = 0.0
        loss = super().step(closure)
        for group, decay in zip(self.param_groups, decays, strict=True):
            group["weight_decay"] = decay
        return loss


class DecayIgnoresEstimate(Prodigy):
    """Decay by lr * weight_decay, as if the estimate were 1."""

    def decay(self, weight: Tensor, group: Group) -> None:
        weight.mul_(1 - group["lr"] * group["weight_decay"])


class DecayByFirstEstimate(Prodigy):
    """Decay by the estimate that the run began with."""

    def decay(self, weight: Tensor, group: Group) -> None:
        weight.mul_(1 - group["d0"] * group["lr"] * group["weight_decay"])


class DecayByRootOfEstimate(Prodigy):
    """Decay by the root of the estimate."""

    def decay(self, weight: Tensor, group: Group) -> None:
        weight.mul_(1 - math.sqrt(group["d"]) * group["lr"] * group["weight_decay"])


class SettingsInSingle(decay_rule.AdamWTwin):
    """Round the learning rate and weight_decay to float32 before they are used."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        rounded = {name: float(torch.tensor(group[name], dtype=torch.float32)) for name in ("lr", "weight_decay")}
        super().update(w, grad, {**group, **rounded}, state)


class MomentumClippedAbove(decay_rule.AdamWTwin):
    """Clip the corrected first moment at 0.5 from above only, as a code book without the last code does."""

    def moments(self, first: Tensor, second: Tensor, group: Group, state: State) -> tuple[Tensor, Tensor]:
        m, v = super().moments(first, second, group, state)
        return m.clamp(max=0.5), v
