"""Wrong optimizers whose fault lies in the decay's formula.

Each class has one planted fault and is named after it. The base class of a mutant is its twin: the same step without the fault.
The steps are element-wise and written for reading; a self-test compares the twins with torch.optim. If a public project has
shipped the fault, the docstring gives its thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Group = dict[str, Any]  # one entry of param_groups
State = dict[str, Any]  # state of one parameter


class Stepwise(torch.optim.Optimizer):
    """Optimizer that calls `update` for each parameter with a gradient."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else torch.enable_grad()(closure)()
        with torch.no_grad():
            for group in self.param_groups:
                for w in group["params"]:
                    if w.grad is not None:
                        self.update(w, w.grad, group, self.state[w])
        return loss

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        raise NotImplementedError  # abstract: torch's Optimizer is no ABC


class _AdamMoments(Stepwise):
    """Adam's step with two methods for weight decay: `decay` changes the weight, `pull` changes the gradient."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        self.decay(w, grad, group, state)
        w.sub_(group["lr"] * self.direction(w, self.pull(w, grad, group), group, state))

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        pass

    def pull(self, w: Tensor, grad: Tensor, group: Group) -> Tensor:
        return grad

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        m, v = self.moments(grad, grad, group, state)
        return m / (v.sqrt() + group["eps"])

    def moments(self, first: Tensor, second: Tensor, group: Group, state: State) -> tuple[Tensor, Tensor]:
        """Update the averages of `first` and of the square of `second`; return both with bias correction."""
        (beta1, beta2), t = group["betas"], state["t"]
        state["m"] = beta1 * state.get("m", torch.zeros_like(first)) + (1 - beta1) * first
        state["v"] = beta2 * state.get("v", torch.zeros_like(first)) + (1 - beta2) * second * second
        return state["m"] / (1 - beta1**t), state["v"] / (1 - beta2**t)


# --- decoupled: AdamW and what goes wrong with it -------------------------------------------------


class AdamWTwin(_AdamMoments):
    """Shrink the weight by 1 - lr * weight_decay, then take Adam's step (Loshchilov & Hutter 2019, as torch does)."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"])


class DecayForgotten(AdamWTwin):
    """Accept weight_decay and never apply it: https://github.com/tinygrad/tinygrad/pull/17708."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        pass


class CoupledL2(AdamWTwin):
    """Add the decay to the gradient, so that both moments see it: https://github.com/nntrainer/nntrainer/pull/3527."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        pass

    def pull(self, w: Tensor, grad: Tensor, group: Group) -> Tensor:
        return grad + group["weight_decay"] * w


class DecayAfterUpdate(AdamWTwin):
    """Shrink the weight that was already updated: https://github.com/huggingface/transformers/issues/14539."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        w.sub_(group["lr"] * self.direction(w, grad, group, state))
        self.decay(w, grad, group, state)


class DecayNotTimesLr(AdamWTwin):
    """Shrink by 1 - weight_decay, whatever the learning rate: https://github.com/tensorflow/addons/issues/2282."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["weight_decay"])


class DecayTimesLrSquared(AdamWTwin):
    """Multiply the decay by the learning rate twice."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] ** 2 * group["weight_decay"])


class WrongSign(AdamWTwin):
    """Grow the weight instead of shrinking it: https://github.com/chainer/chainer/issues/261."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 + group["lr"] * group["weight_decay"])


class DecayTwice(AdamWTwin):
    """Shrink twice a step: https://github.com/huggingface/pytorch-image-models/pull/2750."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_((1 - group["lr"] * group["weight_decay"]) ** 2)


class DecayCaptured(AdamWTwin):
    """Decay by the weight_decay of a tensor's first step: a schedule of weight_decay does nothing."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * state.setdefault("captured", group["weight_decay"]))


class HiddenDecay(AdamWTwin):
    """Decay a little even at weight_decay 0, like an undocumented default: torch's ASGD does so through its lambd."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * (group["weight_decay"] + 1e-4))


class DecayHalved(AdamWTwin):
    """Decay by half of weight_decay, as if the penalty's factor 1/2 did not cancel in its derivative."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - 0.5 * group["lr"] * group["weight_decay"])


class StaleLr(AdamWTwin):
    """Decay with the first learning rate for ever: https://github.com/PaddlePaddle/Paddle/pull/30526."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - state.setdefault("first_lr", group["lr"]) * group["weight_decay"])


class DefaultDecayForAllGroups(AdamWTwin):
    """Use the constructor's weight_decay in every group: https://github.com/pytorch/pytorch/pull/106916."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * self.defaults["weight_decay"])


class DecayOnlyWhereGradient(AdamWTwin):
    """Leave coordinates whose gradient is exactly zero alone: https://github.com/tensorflow/addons/issues/767."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * group["weight_decay"] * w * (grad != 0))


class ProximalDecay(AdamWTwin):
    """Take the step, then divide by 1 + lr * weight_decay: a right optimizer (Zhuang et al. 2022) that is not AdamW."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        w.sub_(group["lr"] * self.direction(w, grad, group, state))
        w.div_(1 + group["lr"] * group["weight_decay"])


class ExponentialDecay(AdamWTwin):
    """Shrink by exp(-lr * weight_decay), which 1 - lr * weight_decay only approximates."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(math.exp(-group["lr"] * group["weight_decay"]))


class SignDecay(AdamWTwin):
    """Pull with the sign of the weight (L1) instead of the weight: https://github.com/OverLordGoldDragon/keras-adamw/issues/39."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * group["weight_decay"] * w.sign())


class BiasCorrectedLrDecay(AdamWTwin):
    """Decay with Adam's bias-corrected step size: https://github.com/egg-west/AdamW-pytorch/issues/1."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        (beta1, beta2), t = group["betas"], state["t"]
        step_size = group["lr"] * math.sqrt(1 - beta2**t) / (1 - beta1**t)
        w.mul_(1 - step_size * group["weight_decay"])


class SecondMomentWithoutRoot(AdamWTwin):
    """Divide by the second moment instead of its root."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        m, v = self.moments(grad, grad, group, state)
        return m / (v + group["eps"])


class DecayInsideMoments(AdamWTwin):
    """Add the decay to the gradient in the first moment, and not to the gradient in the second."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        pass

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        m, v = self.moments(grad + group["weight_decay"] * w, grad, group, state)
        return m / (v.sqrt() + group["eps"])


class DecayScaledByGradient(AdamWTwin):
    """Divide the decay by the root of the second moment as well: https://github.com/PaddlePaddle/Paddle/pull/2097."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        pass

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        m, v = self.moments(grad, grad, group, state)
        return (m + group["weight_decay"] * w) / (v.sqrt() + group["eps"])


# --- coupled: Adam with L2, and what goes wrong with it -------------------------------------------


class AdamTwin(_AdamMoments):
    """Add weight_decay * w to the gradient, then take Adam's step (as torch's Adam does)."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def pull(self, w: Tensor, grad: Tensor, group: Group) -> Tensor:
        return grad + group["weight_decay"] * w


class CoupledButDecoupled(AdamTwin):
    """Be AdamW under Adam's name: https://github.com/flagos-ai/FlagGems/issues/4988."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"])

    def pull(self, w: Tensor, grad: Tensor, group: Group) -> Tensor:
        return grad


class AdamDecayForgotten(AdamTwin):
    """Accept weight_decay and never apply it: https://github.com/PaddlePaddle/Paddle/issues/2088."""

    def pull(self, w: Tensor, grad: Tensor, group: Group) -> Tensor:
        return grad


class AdamDecayTwice(AdamTwin):
    """Add the penalty's gradient twice, as the derivative of weight_decay * w**2 without its factor 1/2."""

    def pull(self, w: Tensor, grad: Tensor, group: Group) -> Tensor:
        return grad + 2 * group["weight_decay"] * w


class AdamSquaredDenominator(AdamTwin):
    """Divide by the second moment instead of its root."""

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        m, v = self.moments(grad, grad, group, state)
        return m / (v + group["eps"])


# --- SGD with momentum, and what goes wrong with it -----------------------------------------------


class SgdTwin(Stepwise):
    """Add weight_decay * w to the gradient and let the momentum buffer carry both (as torch's SGD does)."""

    def __init__(self, params: Any, lr: float = 1e-3, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * self.buffer(self.pull(w, grad, group, state), group, state))

    def pull(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad + group["weight_decay"] * w

    def buffer(self, pull: Tensor, group: Group, state: State, name: str = "buffer") -> Tensor:
        state[name] = group["momentum"] * state.get(name, torch.zeros_like(pull)) + pull
        return state[name]


class SgdDecayForgotten(SgdTwin):
    """Accept weight_decay and never apply it: https://github.com/ml-explore/mlx/issues/440."""

    def pull(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad


class SgdDecayTwice(SgdTwin):
    """Add the penalty's gradient twice, as the derivative of weight_decay * w**2 without its factor 1/2."""

    def pull(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad + 2 * group["weight_decay"] * w


class SgdDecayNotTimesLr(SgdTwin):
    """Subtract the decay without the learning rate: https://github.com/FluxML/model-zoo/pull/303."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        decay = self.buffer(group["weight_decay"] * w, group, state, "decay")
        w.sub_(group["lr"] * self.buffer(grad, group, state) + decay)


class SgdDecayAfterUpdate(SgdTwin):
    """Take the penalty's gradient at the weight that the gradient's own update has already moved."""

    def pull(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        moved = w - group["lr"] * (group["momentum"] * state.get("buffer", 0.0) + grad)
        return grad + group["weight_decay"] * moved


class SgdDecayOutsideMomentum(SgdTwin):
    """Shrink the weight itself, so that the buffer never sees the decay (SGDW where coupled SGD is promised)."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * self.buffer(grad, group, state))


class SgdDecayOnlyWhereGradient(SgdTwin):
    """Leave coordinates whose gradient is exactly zero alone: https://github.com/pytorch/FBGEMM/pull/2516."""

    def pull(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad + group["weight_decay"] * w * (grad != 0)


class SgdWrongSign(SgdTwin):
    """Subtract the penalty's gradient instead of adding it: https://github.com/chainer/chainer/issues/261."""

    def pull(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad - group["weight_decay"] * w


TWINS: tuple[type[Stepwise], ...] = (AdamWTwin, AdamTwin, SgdTwin)
MUTANTS: dict[str, type[Stepwise]] = {mutant.__name__: mutant for twin in TWINS for mutant in twin.__subclasses__()}


def twin_of(mutant: type[Stepwise]) -> type[Stepwise]:
    """Return the optimizer that `mutant` is without its fault."""
    (twin,) = mutant.__bases__
    assert twin in TWINS, f"{mutant.__name__} is not derived from a twin"
    return twin
