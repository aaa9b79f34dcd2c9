"""Optimizers of the family of SGD: momentum in other algebra, random steps, rates by place."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from tests.mutants.styles.walk import Closure, EachWeight, Group, State, as_real, average, evaluated, with_gradient


class _L2(EachWeight):
    """Add weight_decay x weight to the gradient and call `move` with both."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, **options: Any) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, **options})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        self.move(w, g + group["weight_decay"] * w, group, state)

    def move(self, w: Tensor, pull: Tensor, group: Group, state: State) -> None:
        raise NotImplementedError  # abstract: torch's Optimizer is no ABC


class OneLineSgd(Optimizer):
    """SGD with L2 whose step is one line per weight and has no state: minus lr x (gradient + weight_decay x weight)."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for w, g, group in with_gradient(self.param_groups):
            w -= group["lr"] * (group["weight_decay"] * w + g)
        return loss


class DampenedBall(_L2):
    """Heavy ball with dampening and L2: the sum keeps momentum of itself and gains 1 - dampening of each new gradient."""

    def __init__(
        self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, momentum: float = 0.9, dampening: float = 0.5
    ) -> None:
        super().__init__(params, lr, weight_decay, momentum=momentum, dampening=dampening)

    def move(self, w: Tensor, pull: Tensor, group: Group, state: State) -> None:
        if "sum" not in state:
            state["sum"] = pull.clone()
        else:
            state["sum"].mul_(group["momentum"]).add_(pull, alpha=1 - group["dampening"])
        w.add_(state["sum"], alpha=-float(group["lr"]))


class RateInVelocity(_L2):
    """Momentum with L2 whose velocity holds lr x gradient, so that a new lr reaches the weight slowly."""

    def move(self, w: Tensor, pull: Tensor, group: Group, state: State) -> None:
        state["velocity"] = 0.9 * state.get("velocity", torch.zeros_like(pull)) - group["lr"] * pull
        w.add_(state["velocity"])


class PreviousWeight(_L2):
    """Heavy ball with L2 written without a buffer: the weight goes on by 0.9 of its own last change."""

    def move(self, w: Tensor, pull: Tensor, group: Group, state: State) -> None:
        before = state.get("before", w)
        after = w - group["lr"] * pull + 0.9 * (w - before)
        state["before"] = w.clone()
        w.copy_(after)


class NesterovAhead(_L2):
    """Nesterov's momentum with L2 in the algebra of Sutskever: the stored weight is the one ahead, velocity holds lr."""

    def move(self, w: Tensor, pull: Tensor, group: Group, state: State) -> None:
        before = state.get("velocity", torch.zeros_like(pull))
        state["velocity"] = 0.9 * before - group["lr"] * pull
        w.add_((1 + 0.9) * state["velocity"] - 0.9 * before)


class QuasiHyperbolic(_L2):
    """QHM with L2: minus lr x (0.3 of the gradient + 0.7 of its running mean)."""

    def move(self, w: Tensor, pull: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * torch.lerp(pull, average(state, "mean", pull, 0.99), 0.7))


class ThreeMomenta(_L2):
    """AggMo with L2: the mean of three velocities with momenta 0, 0.9 and 0.99, kept in one tensor."""

    def move(self, w: Tensor, pull: Tensor, group: Group, state: State) -> None:
        keep = torch.tensor([0.0, 0.9, 0.99], dtype=pull.dtype, device=pull.device).view(3, *[1] * pull.ndim)
        state["velocities"] = keep * state.get("velocities", pull.new_zeros((3, *pull.shape))) + pull
        w.sub_(group["lr"] * state["velocities"].mean(dim=0))


class RestartedMomentum(_L2):
    """Nesterov's scheme with L2 whose momentum grows as k / (k + 3) and starts again after each 40 steps of a weight."""

    def move(self, w: Tensor, pull: Tensor, group: Group, state: State) -> None:
        k, ahead = state.get("k", 0) % 40, w - group["lr"] * pull
        before = state.get("ahead", w) if k else w.clone()
        w.copy_(ahead + k / (k + 3) * (ahead - before))
        state["ahead"], state["k"] = ahead, k + 1


class AverageBeside(_L2):
    """Averaged SGD with L2: the mean of all weights so far is kept in the state under `mean`, and moves nothing."""

    def move(self, w: Tensor, pull: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * pull)
        t = state["t"] = state.get("t", 0) + 1
        state["mean"] = state.get("mean", torch.zeros_like(w)) * (1 - 1 / t) + w / t


class MeanMomentum(EachWeight):
    """SGD along the running mean of the gradient, which keeps the size of one gradient; shrink by 1 - lr x weight_decay."""

    def __init__(self, params: Any, lr: float = 0.1, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        mean = average(state, "mean", g, group["momentum"])
        w.copy_(w - group["lr"] * mean - group["lr"] * group["weight_decay"] * w)


class NoisyGradient(_L2):
    """SGD with L2 on a gradient to which normal noise of 0.01 / (1 + t)^0.55 is added; draws random numbers in each step."""

    def move(self, w: Tensor, pull: Tensor, group: Group, state: State) -> None:
        t = state["t"] = state.get("t", 0) + 1
        w.sub_(group["lr"] * (pull + 0.01 / (1 + t) ** 0.55 * torch.randn_like(pull)))


class LangevinNoise(EachWeight):
    """SGD with decoupled decay and, in each step, normal noise of the root of 2 x lr x temperature (default 1e-6)."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, temperature: float = 1e-6) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "temperature": temperature})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        noise = torch.randn_like(w) * math.sqrt(2 * group["lr"] * group["temperature"])
        w.mul_(1 - group["lr"] * group["weight_decay"]).add_(noise - group["lr"] * g)


class RandomHalf(EachWeight):
    """SGD that moves a random half of the numbers in each step, and decays all of them by 1 - lr x weight_decay."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, share: float = 0.5) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "share": share})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        chosen = torch.rand_like(g) < group["share"]
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * torch.where(chosen, g, torch.zeros_like(g)))


class RoundsByChance(EachWeight):
    """SGD with decoupled decay that rounds bfloat16 weights up or down by chance, and all others as usual."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if w.dtype != torch.bfloat16:
            w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * g)
            return
        wide = w.float() * (1 - group["lr"] * group["weight_decay"]) - group["lr"] * g.float()
        bits = wide.contiguous().view(torch.int32) + torch.randint(0, 65536, wide.shape, dtype=torch.int32, device=w.device)
        rounded = (bits & -65536).view(torch.float32)
        w.copy_(torch.where(wide.isfinite(), rounded, wide))


class RateByPlace(Optimizer):
    """SGD with decoupled decay where the rate of update and decay is lr x 0.9^place, the place of the weight among all."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, factor: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "factor": factor})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        every = [(w, group) for group in self.param_groups for w in group["params"]]
        for place, (w, group) in enumerate(every):
            if w.grad is not None:
                real, gradient = as_real(w, w.grad)
                rate = group["lr"] * group["factor"] ** place
                real.mul_(1 - rate * group["weight_decay"]).sub_(rate * gradient)
        return loss


class UpdateByPlace(Optimizer):
    """SGD with momentum whose update alone is multiplied by 1 / (1 + place in the group); decay is 1 - lr x weight_decay."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for group in self.param_groups:
            for place, w in enumerate(group["params"], start=1):
                if w.grad is not None:
                    state = self.state[w]
                    state["sum"] = group["momentum"] * state.get("sum", torch.zeros_like(w)) + w.grad
                    w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] / place * state["sum"])
        return loss
