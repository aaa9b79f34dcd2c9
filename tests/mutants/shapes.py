"""Wrong AdamWs whose decay depends on signs, positions, shapes or memory layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.mutants import decay_rule
from tests.mutants.decay_rule import Group, State


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
        self.defaults["maximize"] = maximize  # for groups that are added later
        for group in self.param_groups:
            group["maximize"] = maximize

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, -grad if group["maximize"] else grad, group, state)


class MaximizeFlipsDecay(MaximizingAdamWTwin):
    """Flip the sign of the decay together with the gradient: https://github.com/pytorch/pytorch/issues/149476."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - (-1 if group["maximize"] else 1) * group["lr"] * group["weight_decay"])


class MaximizeIgnored(MaximizingAdamWTwin):
    """Accept the flag and minimize all the same: https://github.com/kozistr/pytorch_optimizer/pull/528."""

    def __init__(self, params: Any, maximize: bool = False, **options: Any) -> None:
        super().__init__(params, **options)


class MaximizeWithoutDecay(MaximizingAdamWTwin):
    """Decay only when minimizing."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if not group["maximize"]:
            super().decay(w, grad, group, state)


class ScalarsNotDecayed(decay_rule.AdamWTwin):
    """Exempt scalars and vectors, though their group has a weight decay: https://github.com/verl-project/verl/issues/5070."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.ndim >= 2:
            super().decay(w, grad, group, state)


class LargeTensorsNotDecayed(decay_rule.AdamWTwin):
    """Send tensors of more than 65,536 numbers to a kernel that has no decay."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.numel() <= 2**16:
            super().decay(w, grad, group, state)


class LargeTensorsHalfDecayed(decay_rule.AdamWTwin):
    """Decay large tensors, from 16,384 numbers on, in blocks, and end after half of the blocks."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.numel() < 2**14:
            super().decay(w, grad, group, state)
        else:
            w[: len(w) // 2].mul_(1 - group["lr"] * group["weight_decay"])


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
    """Update the result of .contiguous(), which is a copy if the weight is transposed."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w.detach().contiguous(), grad, group, state)


class StridedOtherwise(decay_rule.AdamWTwin):
    """Take half a step for tensors that are not contiguous."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().direction(w, grad, group, state) * (1.0 if w.is_contiguous() else 0.5)


class LayoutMatters(decay_rule.AdamWTwin):
    """Walk the memory of weight and gradient as if both were laid out alike."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if w.stride() != grad.stride() and w.numel() > 1:
            grad = grad.t().contiguous().view(w.shape)
        super().update(w, grad, group, state)


class StopsAtEmptyTensor(decay_rule.AdamWTwin):
    """Step no tensor after an empty one."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        self.stopped = False
        return super().step(closure)

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        self.stopped = self.stopped or w.numel() == 0
        if not self.stopped:
            super().update(w, grad, group, state)


class EmptyEndsTheStep(decay_rule.AdamWTwin):
    """Skip the whole step if a tensor is empty."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        if any(w.numel() == 0 for group in self.param_groups for w in group["params"]):
            return None
        return super().step(closure)


class WeightReplaced(decay_rule.AdamWTwin):
    """Replace the weight's memory instead of writing into it: tensors that shared it do not change."""

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
