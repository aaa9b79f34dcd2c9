"""Wrong optimizers other than AdamW and Adam, and decays of another shape than lr x weight_decay x w.

A twin that neither torch nor `harness.optimizers.conventions` has is defined before its mutants.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from harness.optimizers.conventions import DecoupledSGD, Lamb, Lion
from harness.optimizers.per_tensor import PerTensor
from tests.mutants import decay_rule
from tests.mutants.decay_rule import Group, State

# --- signs ----------------------------------------------------------------------------------------


class LionDecayInsideSign(Lion):
    """Add the decay to the gradient: https://github.com/bitsandbytes-foundation/bitsandbytes/issues/1992."""

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        super().update(weight, gradient + group["weight_decay"] * weight, {**group, "weight_decay": 0.0})


class LionDecaysTheMomentum(Lion):
    """Shrink the momentum where the weight was meant."""

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        super().update(weight, gradient, {**group, "weight_decay": 0.0})
        self.state[weight]["m"].mul_(1 - group["lr"] * group["weight_decay"])


class SignumTwin(PerTensor):
    """Shrink by 1 - lr * weight_decay and move lr along the sign of a running average (Bernstein et al. 2018, decoupled)."""

    def __init__(self, params: Any, lr: float = 1e-3, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        state, share = self.state[weight], group["momentum"]
        state["m"] = share * state.get("m", torch.zeros_like(gradient)) + (1 - share) * gradient
        self.decay(weight, group)
        weight.sub_(group["lr"] * state["m"].sign())

    def decay(self, weight: Tensor, group: Group) -> None:
        weight.mul_(1 - group["lr"] * group["weight_decay"])


class SignumDecayUnread(SignumTwin):
    """Check weight_decay, store it, and read it nowhere: https://github.com/kozistr/pytorch_optimizer/issues/517."""

    def decay(self, weight: Tensor, group: Group) -> None:
        assert group["weight_decay"] >= 0.0


# --- trust ratios ---------------------------------------------------------------------------------


class LarsTwin(PerTensor):
    """Rescale gradient plus weight_decay * w to a share of |w|, then take a step with momentum (You et al. 2017)."""

    def __init__(
        self, params: Any, lr: float = 1e-3, momentum: float = 0.9, weight_decay: float = 0.0, trust: float = 0.02
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust})

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        pull = self.ratio(weight, gradient, group) * self.pull(weight, gradient, group)
        weight.sub_(group["lr"] * self._buffer(weight, pull, momentum=group["momentum"]))

    def ratio(self, weight: Tensor, gradient: Tensor, group: Group) -> Tensor:
        size = weight.norm()
        length = gradient.norm() + group["weight_decay"] * size
        return torch.where((size > 0) & (length > 0), group["trust"] * size / length, torch.ones_like(size))

    def pull(self, weight: Tensor, gradient: Tensor, group: Group) -> Tensor:
        return gradient + group["weight_decay"] * weight


class LarsDecayOnlyInRatio(LarsTwin):
    """Use the decay in the trust ratio, and never add it to the gradient: https://github.com/ooples/AiDotNet.Tensors/pull/955."""

    def pull(self, weight: Tensor, gradient: Tensor, group: Group) -> Tensor:
        return gradient


class LarsRatioNeedsDecay(LarsTwin):
    """Drop the trust ratio where weight_decay is 0: https://github.com/PaddlePaddle/Paddle/pull/40892."""

    def ratio(self, weight: Tensor, gradient: Tensor, group: Group) -> Tensor:
        return super().ratio(weight, gradient, group) if group["weight_decay"] else torch.ones_like(weight.norm())


class LambRatioNeedsDecay(Lamb):
    """Drop the trust ratio where weight_decay is 0: the fault of LarsRatioNeedsDecay, for LAMB."""

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        if group["weight_decay"]:
            super().update(weight, gradient, group)
        else:
            weight.sub_(group["lr"] * self.direction(weight, gradient, group=group))


class LambModesTwin(Lamb):
    """LAMB whose flag `adam_w_mode` adds the decay to the direction (True) or to the gradient (False)."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, adam_w_mode: bool = True) -> None:
        torch.optim.Optimizer.__init__(
            self,
            params,
            {"lr": lr, "betas": (0.9, 0.999), "eps": 1e-6, "weight_decay": weight_decay, "adam_w_mode": adam_w_mode},
        )

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        if group["adam_w_mode"]:
            super().update(weight, gradient, group)
        else:
            super().update(weight, gradient + group["weight_decay"] * weight, {**group, "weight_decay": 0.0})


class CoupledLambTwin(LambModesTwin):
    """LAMB with adam_w_mode=False: the decay is added to the gradient."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2) -> None:
        super().__init__(params, lr, weight_decay, adam_w_mode=False)


class LambModeDropped(CoupledLambTwin):
    """Accept adam_w_mode and ignore it: https://github.com/bitsandbytes-foundation/bitsandbytes/pull/2088."""

    update = Lamb.update


# --- SGD with and without momentum ----------------------------------------------------------------


class DecayNeedsMomentum(decay_rule.SgdTwin):
    """Return before the decay where momentum is 0: https://github.com/ml-explore/mlx/issues/440."""

    def pull(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().pull(w, grad, group, state) if group["momentum"] > 0 else grad


class PenaltyOfPreviousGradient(decay_rule.SgdTwin):
    """Add weight_decay times the previous gradient instead of the weight: https://github.com/tracel-ai/burn/issues/543."""

    def pull(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        before, state["before"] = state.get("before", torch.zeros_like(grad)), grad.clone()
        return grad + group["weight_decay"] * before


class PenaltyBeforeUnscaling(decay_rule.SgdTwin):
    """Add the penalty to the scaled gradient and unscale both: https://github.com/chainer/chainer/issues/7335."""

    def pull(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return (128.0 * grad + group["weight_decay"] * w) / 128.0


class PenaltyAtLookahead(decay_rule.SgdTwin):
    """Take the penalty's gradient at the weight after momentum alone, as Nesterov does for the loss."""

    def pull(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        ahead = w - group["lr"] * group["momentum"] * state.get("buffer", torch.zeros_like(w))
        return grad + group["weight_decay"] * ahead


class SgdwTwin(DecoupledSGD):
    """SGDW with a momentum of 0.9 by default: without momentum, coupled and decoupled decay are the same under SGD."""

    def __init__(self, params: Any, lr: float = 1e-3, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr, momentum, weight_decay)


class SgdwDecayInBuffer(SgdwTwin):
    """Let the momentum carry the decay: SGD with L2 under SGDW's name."""

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        super().update(weight, gradient + group["weight_decay"] * weight, {**group, "weight_decay": 0.0})


class LrInBuffer(SgdwTwin):
    """Multiply the gradient by the learning rate before the momentum buffer: https://github.com/huggingface/transformers/issues/34506."""

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        moved = self._buffer(weight, group["lr"] * gradient, momentum=group["momentum"])
        weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(moved)


class SgdwByDifference(SgdwTwin):
    """Take the last move of the weight, decay and all, for the momentum."""

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        state = self.state[weight]
        before = weight.clone()
        momentum = group["momentum"] * (weight - state["last"]) if "last" in state else 0.0
        weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(momentum - group["lr"] * gradient)
        state["last"] = before


# --- Muon -----------------------------------------------------------------------------------------


class MuonMissingGradientMadeZero(torch.optim.Muon):
    """Give parameters without a gradient one of zero, so that they decay: https://github.com/KellerJordan/Muon/issues/54."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is None:
                    w.grad = torch.zeros_like(w)
        return super().step(closure)


class MuonDecayedTensorUnused(torch.optim.Muon):
    """Decay a copy that nothing reads, as a refactoring left it: https://github.com/tinygrad/tinygrad/pull/17708."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        decays = [group["weight_decay"] for group in self.param_groups]
        for group in self.param_groups:
            group["weight_decay"] = 0.0
        loss = super().step(closure)
        for group, decay in zip(self.param_groups, decays, strict=True):
            group["weight_decay"] = decay
        return loss


# --- Adagrad, NAdam, RAdam ------------------------------------------------------------------------


class AdagradTwin(PerTensor):
    """Add weight_decay * w to the gradient and divide by the root of the sum of squares of both (as torch's Adagrad)."""

    def __init__(self, params: Any, lr: float = 1e-2, weight_decay: float = 0.0, eps: float = 1e-10) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "eps": eps})

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        pull = gradient + group["weight_decay"] * weight
        weight.sub_(group["lr"] * self.divided(weight, pull, group))

    def divided(self, weight: Tensor, pull: Tensor, group: Group) -> Tensor:
        state = self.state[weight]
        state["sum"] = state.get("sum", torch.zeros_like(pull)) + pull * pull
        divided: Tensor = pull / (state["sum"].sqrt() + group["eps"])
        return divided


class AdagradDecayPastTheSum(AdagradTwin):
    """Add the decay after the division, so that the sum of squares does not contain it: https://github.com/apache/mxnet/issues/9363."""

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        moved = self.divided(weight, gradient, group) + group["weight_decay"] * weight
        weight.sub_(group["lr"] * moved)


class NAdamWTwin(torch.optim.NAdam):
    """torch's NAdam with its decay decoupled."""

    decoupled = True

    def __init__(self, params: Any, lr: float = 2e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr, weight_decay=weight_decay, decoupled_weight_decay=self.decoupled, foreach=False)


class NAdamFlagLost(NAdamWTwin):
    """Drop the flag for decoupled decay: https://github.com/deepspeedai/DeepSpeed/pull/8307 lost Adam's."""

    decoupled = False


class RAdamWTwin(decay_rule.AdamWTwin):
    """Shrink by 1 - lr * weight_decay, then take RAdam's step, rectified or plain (Liu et al. 2020)."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        m, v = self.moments(grad, grad, group, state)
        scale = self.rectification(group, state)
        return scale * m / (v.sqrt() + group["eps"]) if scale else m

    def rectification(self, group: Group, state: State) -> float:
        """Return the factor of the rectified step; 0 while the estimate of the variance is too short for it."""
        beta2, t = group["betas"][1], state["t"]
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * t * beta2**t / (1 - beta2**t)
        if length <= 5:
            return 0.0
        above, below = (length - 4) * (length - 2) * longest, (longest - 4) * (longest - 2) * length
        return math.sqrt(above / below)


class RAdamDecayOverwritten(RAdamWTwin):
    """Never decay, because the list that held the decay was replaced: https://github.com/fastai/fastai2/issues/246."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        pass


class DecayWaitsForRectification(RAdamWTwin):
    """Decay in rectified steps only, and so not in the first five."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if self.rectification(group, state):
            super().decay(w, grad, group, state)


class DecayRectified(RAdamWTwin):
    """Multiply the decay by the rectification too, which hides it for hundreds of steps."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * self.rectification(group, state) * group["weight_decay"])


# --- decays of another shape ----------------------------------------------------------------------


class HuberDecay(decay_rule.AdamWTwin):
    """Pull large weights by a constant and small ones in proportion, as the gradient of Huber's penalty."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * group["weight_decay"] * w.clamp(-1.0, 1.0))


class SquaredDecay(decay_rule.AdamWTwin):
    """Pull by the square of the weight, as the gradient of a cubic penalty."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * group["weight_decay"] * w * w.abs())


class DecayTowardStart(decay_rule.AdamWTwin):
    """Pull toward the weight that training began with (L2-SP, Li et al. 2018) where zero is promised."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * group["weight_decay"] * (w - state.setdefault("start", w.clone())))


class DecayTowardUnitNorm(decay_rule.AdamWTwin):
    """Pull toward a norm of 1 where zero is promised."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        norm = w.norm()
        w.mul_(1 - group["lr"] * group["weight_decay"] * (1 - 1 / norm) if norm > 0 else 1.0)


class DecayClippedWithUpdate(decay_rule.AdamWTwin):
    """Clip update and decay together to a norm of 1."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        both = self.direction(w, grad, group, state) + group["weight_decay"] * w
        w.sub_(group["lr"] * both / both.norm().clamp(min=1.0))


class DecayOverInitialLr(decay_rule.AdamWTwin):
    """Divide the learning rate in the decay by the one at the start: https://github.com/allenai/OLMo/pull/119."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["weight_decay"] * group["lr"] / group.setdefault("initial_lr", group["lr"]))


class DecayByMeanRate(decay_rule.AdamWTwin):
    """Decay by the mean of all learning rates so far."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["rates"] = state.get("rates", 0.0) + group["lr"]
        w.mul_(1 - state["rates"] / state["t"] * group["weight_decay"])


# --- Adam's step ----------------------------------------------------------------------------------


class BiasNotCorrected(decay_rule.AdamWTwin):
    """Use the moments without bias correction: https://github.com/ml-explore/mlx/pull/1640."""

    def moments(self, first: Tensor, second: Tensor, group: Group, state: State) -> tuple[Tensor, Tensor]:
        super().moments(first, second, group, state)
        return state["m"], state["v"]


class EpsBiasCorrected(decay_rule.AdamWTwin):
    """Add eps to the root before its bias is corrected, which changes eps too: https://github.com/aiqm/torchani/pull/261."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        m, v = self.moments(grad, grad, group, state)
        root = math.sqrt(1 - group["betas"][1] ** state["t"])
        return m / (v.sqrt() + group["eps"] / root)


class EpsInsideRoot(decay_rule.AdamWTwin):
    """Add eps under the root instead of beside it."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        m, v = self.moments(grad, grad, group, state)
        return m / (v + group["eps"]).sqrt()


# --- steps that do not depend on gradients alone --------------------------------------------------


class SeededNoise(decay_rule.AdamWTwin):
    """Add noise from torch's generator: a right optimizer (Langevin dynamics), which draws random numbers."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return super().direction(w, grad, group, state) + 0.1 * torch.randn(w.shape, dtype=w.dtype)


class UnseededNoise(decay_rule.AdamWTwin):
    """Scale the update by a factor that depends on the number of steps of the whole process."""

    taken = 0

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        UnseededNoise.taken += 1
        return super().direction(w, grad, group, state) * (1 + 0.01 * (UnseededNoise.taken % 7))
