"""Wrong optimizers whose fault shows only at some steps, under a scaler, behind a flag, or in a wrapper.

A twin that warms up, accumulates, switches paths or wraps is defined before its mutants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.mutants import decay_rule, gradients, numerics
from tests.mutants.decay_rule import Group, State

# --- some steps -----------------------------------------------------------------------------------


class InnerWarmupTwin(decay_rule.AdamWTwin):
    """AdamW that warms its learning rate up by itself, over eight steps of a tensor, for update and decay."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        share = min(1.0, (state.get("t", 0) + 1) / 8)
        super().update(w, grad, {**group, "lr": share * group["lr"]}, state)


class DecayIgnoresInnerWarmup(InnerWarmupTwin):
    """Decay with the group's learning rate, without the warm-up: https://github.com/kozistr/pytorch_optimizer/pull/170."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        (without_warmup,) = [each for each in self.param_groups if any(w is one for one in each["params"])]
        super().decay(w, grad, without_warmup, state)


class MicroStepsTwin(decay_rule.AdamWTwin):
    """AdamW that averages the gradients of two calls and updates in the second."""

    calls = 2

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["calls"] = state.get("calls", 0) + 1
        state["sum"] = state.get("sum", torch.zeros_like(grad)) + grad / self.calls
        if state["calls"] % self.calls == 0:
            super().update(w, state.pop("sum"), group, state)


class DecayInEveryMicroStep(MicroStepsTwin):
    """Decay also in the calls that only collect gradients: https://github.com/keras-team/keras/issues/19990."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if (state.get("calls", 0) + 1) % self.calls:
            self.decay(w, grad, group, state)
        super().update(w, grad, group, state)


class FirstCallRepeated(decay_rule.AdamWTwin):
    """Take a tensor's first step four times, while a kernel is tuned: https://github.com/lucidrains/lion-pytorch/pull/36."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        for _ in range(4 if not state else 1):
            super().update(w, grad, group, state)


class DecayEndsWithWarmup(decay_rule.AdamWTwin):
    """Decay only in the first 100 steps, the warm-up: https://github.com/BaguaSys/bagua/pull/654."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if state["t"] <= 100:
            super().decay(w, grad, group, state)


class DecayBeginsLate(decay_rule.AdamWTwin):
    """Decay from step 101 on."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if state["t"] > 100:
            super().decay(w, grad, group, state)


class EveryHundredthDecaySkipped(decay_rule.AdamWTwin):
    """Leave the decay out of every hundredth step, where something is logged instead."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if state["t"] % 100:
            super().decay(w, grad, group, state)


class DecayFadesOut(decay_rule.AdamWTwin):
    """Multiply the decay by 0.999 in every step, as if it had a schedule of its own."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - 0.999 ** (state["t"] - 1) * group["lr"] * group["weight_decay"])


class SmallWeightsFlushed(decay_rule.AdamWTwin):
    """Set what has decayed below 1e-6 to zero."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().decay(w, grad, group, state)
        w.masked_fill_(w.abs() < 1e-6, 0.0)


# --- under a scaler -------------------------------------------------------------------------------


class InfinityNotPassedOn(gradients.UnscalingAdamWTwin):
    """Unscale by itself and step in spite of an infinity: https://github.com/pytorch/pytorch/pull/94060."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        scale = getattr(self, "grad_scale", None)
        decay_rule.AdamWTwin.update(self, w, grad if scale is None else grad / scale, group, state)


class ScaleKept(gradients.UnscalingAdamWTwin):
    """Remember the scale of the step before and divide by it in unscaled steps: https://github.com/pytorch/pytorch/issues/90752."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        scale = getattr(self, "grad_scale", None)
        state["scale"] = state.get("scale", 1.0) if scale is None else scale.clone()
        super().update(w, grad if scale is not None else grad / state["scale"], group, state)


class SkippedStepCounted(gradients.UnscalingAdamWTwin):
    """Advance the step count in steps that GradScaler skips: https://github.com/LibreYOLO/libreyolo/pull/771."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        bad = getattr(self, "found_inf", None)
        if bad is not None and bad.item():
            state["t"] = state.get("t", 0) + 1
        super().update(w, grad, group, state)


class UnscalesTwice(gradients.UnscalingAdamWTwin):
    """Divide once more by the scale that unscale_ has already divided by: https://github.com/pytorch/pytorch/pull/94060."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        if getattr(self, "grad_scale", None) is None and hasattr(self, "found_inf"):
            self.grad_scale = torch.tensor(1024.0)
        return super().step(closure)


# --- sparse gradients -----------------------------------------------------------------------------


class SparseTakenTwin(decay_rule.AdamWTwin):
    """AdamW that accepts sparse gradients, which are zero in the rows that they do not name, and decays every row."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["rows"] = grad.coalesce().indices()[0] if grad.is_sparse else None
        super().update(w, grad.to_dense() if grad.is_sparse else grad, group, state)


class RowsNotNamedStay(SparseTakenTwin):
    """Decay only the rows that a sparse gradient names: https://github.com/tensorflow/addons/issues/767."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if state["rows"] is None:
            super().decay(w, grad, group, state)
        else:
            w[state["rows"]] *= 1 - group["lr"] * group["weight_decay"]


# --- behind a flag --------------------------------------------------------------------------------


class SwitchedPathsTwin(numerics.PathsTwin):
    """AdamW that stores foreach and fused, and takes the same step on every path."""

    def __init__(self, params: Any, foreach: bool = False, **options: Any) -> None:
        super().__init__(params, **options)
        self.defaults["foreach"] = foreach  # for groups that join
        for group in self.param_groups:
            group["foreach"] = foreach


class ForeachDecaysAfter(SwitchedPathsTwin):
    """Decay after the update in foreach, before it in the loop: https://github.com/bitsandbytes-foundation/bitsandbytes/issues/2010."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, {**group, "weight_decay": 0.0} if group["foreach"] else group, state)
        if group["foreach"]:
            w.mul_(1 - group["lr"] * group["weight_decay"])


class ForeachHasAnotherEps(SwitchedPathsTwin):
    """Use a larger eps in foreach than in the loop: https://github.com/HomebrewML/HeavyBall/issues/40."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().direction(w, grad, {**group, "eps": 1e-3} if group["foreach"] else group, state)


class ForeachDecaysEachTime(SwitchedPathsTwin):
    """Decay all tensors of a group once for each of them, on the foreach path."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        for one in group["params"] if group["foreach"] else [w]:
            one.mul_(1 - group["lr"] * group["weight_decay"])


class ForeachDecaysEachPrecision(SwitchedPathsTwin):
    """Decay all tensors of a group once for each precision in it, on the foreach path."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        for _ in {one.dtype for one in group["params"]} if group["foreach"] else [w.dtype]:
            super().decay(w, grad, group, state)


class ForeachDecaysUnviewed(SwitchedPathsTwin):
    """Give foreach's decay the complex tensor and its real view, which raises: https://github.com/pytorch/pytorch/issues/100707."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if group["foreach"] and w.is_complex() and group["weight_decay"]:
            torch._foreach_add_([torch.view_as_real(w)], [w], alpha=-group["lr"] * group["weight_decay"])
        super().update(w, grad, group, state)


class DifferentiableTakesAnotherTensor(numerics.DifferentiableTwin):
    """Average the gradient with itself where `differentiable` is set: https://github.com/pytorch/pytorch/pull/106615."""

    def moments(self, first: Tensor, second: Tensor, group: Group, state: State) -> tuple[Tensor, Tensor]:
        m, v = super().moments(first, second, group, state)
        return (first, v) if group["differentiable"] else (m, v)


class FirstStepLost(decay_rule.AdamWTwin):
    """Fill the moments at the first call, and leave the weights and their decay."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if "t" in state:
            super().update(w, grad, group, state)
            return
        state["t"] = 1
        self.moments(grad, grad, group, state)


# --- in a wrapper ---------------------------------------------------------------------------------


class WrappingTwin(decay_rule.AdamWTwin):
    """AdamW whose inner rule makes an update of gradient and weight, which is then added, as a wrapper of transforms does."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        w.add_(self.inner(grad, self.seen(w), group, state))

    def seen(self, w: Tensor) -> Tensor | None:
        """Return the weight that is passed to the inner rule, or None."""
        return w

    def inner(self, grad: Tensor, w: Tensor | None, group: Group, state: State) -> Tensor:
        m, v = self.moments(grad, grad, group, state)
        update = m / (v.sqrt() + group["eps"])
        return -group["lr"] * (update if w is None else update + group["weight_decay"] * w)


class InnerSeesNoWeights(WrappingTwin):
    """Hand the inner rule gradients only, so that it has nothing to decay: https://github.com/google-deepmind/optax/issues/145."""

    def seen(self, w: Tensor) -> Tensor | None:
        return None
