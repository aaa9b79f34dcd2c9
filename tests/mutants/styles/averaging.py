"""Optimizers that average weights, look ahead, or need a closure for a second gradient."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from tests.mutants.styles.walk import (
    Closure,
    EachWeight,
    Group,
    PlainAdamW,
    State,
    adam,
    as_real,
    average,
    evaluated,
    length_of_all,
    with_gradient,
)


class _TwoPoints(EachWeight):
    """Schedule-free training: the weight is between z and the average x in training, and x in evaluation."""

    beta = 0.9

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, training: bool = True) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "training": training})

    def add_param_group(self, param_group: Group) -> None:
        if self.param_groups:
            param_group.setdefault("training", self.param_groups[0]["training"])
        super().add_param_group(param_group)

    def step(self, closure: Closure | None = None) -> Any:
        if not all(group["training"] for group in self.param_groups):
            raise RuntimeError(f"{type(self).__name__}: call train() before step(), the weights are at the average")
        return super().step(closure)

    def train(self) -> None:
        """Put the weights where gradients are taken."""
        self._put(training=True)

    def eval(self) -> None:
        """Put the weights at the average."""
        self._put(training=False)

    @torch.no_grad()
    def _put(self, *, training: bool) -> None:
        for group in self.param_groups:
            if group["training"] is training:
                continue
            group["training"] = training
            for w in (w for w in group["params"] if self.state[w]):
                real, state = torch.view_as_real(w) if w.is_complex() else w, self.state[w]
                real.copy_(torch.lerp(state["z"], state["x"], self.beta) if training else state["x"])

    def settle(self, w: Tensor, group: Group, state: State) -> None:
        """Average z into x with the weight lr^2, and put the weight between both."""
        total = state["total"] = state.get("total", 0.0) + float(group["lr"]) ** 2
        state["x"] = torch.lerp(state["x"], state["z"], float(group["lr"]) ** 2 / total if total else 0.0)
        w.copy_(torch.lerp(state["z"], state["x"], self.beta))


class ScheduleFreeAdamW(_TwoPoints):
    """Schedule-free AdamW: z moves by lr x (gradient over root mean square + weight_decay x weight); step needs train()."""

    def __init__(self, params: Any, lr: float = 2.5e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr, weight_decay, training=False)

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if not state:
            state.update(t=0, z=w.clone(), x=w.clone())
        state["t"] += 1
        v = average(state, "v", g * g, 0.999) / (1 - 0.999 ** state["t"])
        state["z"] = state["z"] - group["lr"] * (g / (v.sqrt() + 1e-8) + group["weight_decay"] * w)
        self.settle(w, group, state)


class ScheduleFreeDecaysZ(_TwoPoints):
    """Schedule-free SGD, ready for step(), that shrinks z itself by 1 - lr x weight_decay and not the weight between."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if not state:
            state.update(z=w.clone(), x=w.clone())
        state["z"] = state["z"] * (1 - group["lr"] * group["weight_decay"]) - group["lr"] * g
        self.settle(w, group, state)


class LookaheadInside(PlainAdamW):
    """AdamW whose weights return half of the way to their place of five steps ago, decay included, in each fifth step."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        state.setdefault("slow", w.clone())
        super().update(w, g, group, state)
        if state["t"] % 5 == 0:
            state["slow"] = torch.lerp(state["slow"], w, 0.5)
            w.copy_(state["slow"])


class FadingAverage(PlainAdamW):
    """AdamW that keeps a fading average of the weights; `swap` exchanges weights and averages, and again exchanges them back."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        super().update(w, g, group, state)
        state["ema"] = torch.lerp(w, state["ema"], 0.99) if "ema" in state else w.clone()

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange each weight with its average."""
        for w in (w for group in self.param_groups for w in group["params"] if "ema" in self.state[w]):
            real = torch.view_as_real(w) if w.is_complex() else w
            kept = real.clone()
            real.copy_(self.state[w]["ema"])
            self.state[w]["ema"] = kept


class AverageOfEveryFew(EachWeight):
    """SGD with momentum and L2 that adds the weight of each fourth step to an average in the state (SWA), which moves nothing."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "every": 4})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        t = state["t"] = state.get("t", 0) + 1
        pull = g + group["weight_decay"] * w
        state["sum"] = group["momentum"] * state.get("sum", torch.zeros_like(g)) + pull
        w.sub_(group["lr"] * state["sum"])
        if t % group["every"] == 0:
            state["swa"] = torch.lerp(state.get("swa", w), w, group["every"] / t)


class _Sharpness(Optimizer):
    """Constructor and movements of methods that take a second gradient at a perturbed weight."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, rho: float = 0.05) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "rho": rho, "momentum": 0.9})

    @torch.no_grad()
    def climb(self) -> None:
        """Move every weight by rho along the unit vector of all gradients, and remember where it was."""
        length = length_of_all(self.param_groups) + 1e-12
        for w, g, group in with_gradient(self.param_groups):
            self.state[w]["home"] = w.clone()
            w.add_(g * (group["rho"] / length))

    @torch.no_grad()
    def return_home(self) -> None:
        """Put every weight back where it was before it climbed."""
        for w in (w for group in self.param_groups for w in group["params"] if "home" in self.state[w]):
            w.copy_(self.state[w].pop("home"))

    @torch.no_grad()
    def descend(self) -> None:
        """Take a step of SGD with momentum and L2 on the gradients that the weights have."""
        for w, g, group in with_gradient(self.param_groups):
            state, pull = self.state[w], g + group["weight_decay"] * w
            state["sum"] = group["momentum"] * state["sum"] + pull if "sum" in state else pull
            w.sub_(group["lr"] * state["sum"])


class SamByClosure(_Sharpness):
    """SAM over SGD with momentum and L2: step(closure) takes both gradients from the closure; a step without one is refused."""

    def step(self, closure: Closure | None = None) -> Any:
        if closure is None:
            raise RuntimeError("SamByClosure: step needs a closure that clears the gradients and calls backward()")
        loss = evaluated(closure)
        self.climb()
        evaluated(closure)
        self.return_home()
        self.descend()
        return loss


class SamInTwoSteps(_Sharpness):
    """SAM with first_step and second_step to call by turns; step(closure) does both, from the gradients that are there."""

    def first_step(self, zero_grad: bool = False) -> None:
        """Climb; then take the gradient again."""
        self.climb()
        if zero_grad:
            self.zero_grad()

    def second_step(self, zero_grad: bool = False) -> None:
        """Return and take the step with the new gradient."""
        self.return_home()
        self.descend()
        if zero_grad:
            self.zero_grad()

    def step(self, closure: Closure | None = None) -> Any:
        if closure is None:
            raise RuntimeError("SamInTwoSteps: give step a closure, or call first_step() and second_step()")
        self.first_step(zero_grad=True)
        loss = evaluated(closure)
        self.second_step()
        return loss


class SurrogateGap(_Sharpness):
    """GSAM: SAM's second gradient minus 0.1 of the part of the first that is orthogonal to it; momentum, L2, a closure."""

    def step(self, closure: Closure | None = None) -> Any:
        if closure is None:
            raise RuntimeError("SurrogateGap: step needs a closure that clears the gradients and calls backward()")
        loss = evaluated(closure)
        first = {w: g.clone() for w, g, _ in with_gradient(self.param_groups)}
        self.climb()
        evaluated(closure)
        self.return_home()
        self._mix(first)
        self.descend()
        return loss

    @torch.no_grad()
    def _mix(self, first: dict[Tensor, Tensor]) -> None:
        length = length_of_all(self.param_groups) + 1e-12
        moved = [w for w, _, _ in with_gradient(self.param_groups) if w in first]
        along = sum(float((as_real(w, w.grad)[1] * as_real(w, first[w])[1]).sum()) for w in moved if w.grad is not None)
        for w in moved:
            if w.grad is not None:
                w.grad = w.grad - 0.1 * (first[w] - along / length**2 * w.grad)


class ForwardDifference(Optimizer):
    """Steps along a random direction by the difference of two losses, without gradients; decay of every weight, given or not."""

    def __init__(self, params: Any, lr: float = 1e-4, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "draws": 0})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        if closure is None:
            raise TypeError("ForwardDifference: step needs a closure that returns the loss")
        weights = [(w, group) for group in self.param_groups for w in group["params"] if w.requires_grad]
        first = self.param_groups[0]
        generator = torch.Generator().manual_seed(first["draws"])
        first["draws"] += 1
        starts = [w.clone() for w, _ in weights]
        directions = [torch.randn(w.shape, generator=generator, dtype=torch.float64).to(w) for w, _ in weights]
        losses = []
        for side in (1e-3, -1e-3):
            for (w, _), start, direction in zip(weights, starts, directions, strict=True):
                w.copy_(start + side * direction)
            losses.append(evaluated(closure))
        slope = float(losses[0] - losses[1]) / 2e-3
        for (w, group), start, direction in zip(weights, starts, directions, strict=True):
            w.copy_(start - float(group["lr"]) * (slope * direction + group["weight_decay"] * start))
        return losses[0]


class PolyakRate(Optimizer):
    """SGD whose update takes the rate loss / |all gradients|^2, at most lr, from a closure; shrink by 1 - lr x weight_decay."""

    def __init__(self, params: Any, lr: float = 0.1, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def step(self, closure: Closure | None = None) -> Any:
        if closure is None:
            raise RuntimeError("PolyakRate: step needs a closure that returns the loss")
        loss = evaluated(closure)
        with torch.no_grad():
            best = max(float(loss), 0.0) / (length_of_all(self.param_groups) ** 2 + 1e-12)
            for w, g, group in with_gradient(self.param_groups):
                w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(min(float(group["lr"]), best) * g)
        return loss


class _Learnt(Optimizer):
    """Methods that learn their rate: the sums are in the first group, so that checkpoints hold them."""

    def moving(self) -> list[tuple[Tensor, Tensor, Group]]:
        """Return weight, gradient and group of what moves, in real numbers; the first weights are put in the state."""
        found = list(with_gradient(self.param_groups))
        for w, g, _ in found:
            self.state[w].setdefault("first", as_real(w, g)[0].clone())
        return found

    def distance(self, moving: list[tuple[Tensor, Tensor, Group]]) -> float:
        """Return the norm of the difference between all moving weights and the first ones."""
        squares = [(as_real(w, g)[0] - self.state[w]["first"]).double().square().sum() for w, g, _ in moving]
        return math.sqrt(sum(float(square) for square in squares))


class DistanceOverGradients(_Learnt):
    """DoG: update and decay take lr x largest distance from the start / root of all squared gradients, once one was not 0."""

    def __init__(self, params: Any, lr: float = 1.0, weight_decay: float = 0.0, start: float = 1e-4) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "reached": start, "squares": 0.0})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        moving, shared = self.moving(), self.param_groups[0]
        shared["reached"] = max(shared["reached"], self.distance(moving))
        shared["squares"] += length_of_all(self.param_groups) ** 2
        if not shared["squares"]:
            return loss  # nothing is learnt from gradients that have all been zero
        rate = shared["reached"] / math.sqrt(shared["squares"] + 1e-8)
        for w, g, group in moving:
            w.mul_(1 - group["lr"] * rate * group["weight_decay"]).sub_(group["lr"] * rate * g)
        return loss


class WeightedDistance(_Learnt):
    """DoWG: as DoG with gradients weighted by the distance, and a decay of lr x weight_decay that the learnt rate is not in."""

    def __init__(self, params: Any, lr: float = 0.1, weight_decay: float = 0.0, start: float = 1e-4) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "reached": start, "weighted": 0.0})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        moving, shared = self.moving(), self.param_groups[0]
        reached = shared["reached"] = max(shared["reached"], self.distance(moving))
        shared["weighted"] += reached**2 * length_of_all(self.param_groups) ** 2
        rate = reached**2 / math.sqrt(shared["weighted"] + 1e-16)
        for w, g, group in moving:
            w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * rate * g)
        return loss


class DAdaptedAdamW(Optimizer):
    """D-Adaptation for Adam: its estimate d, from 1e-6, multiplies lr in update and decay, 1 - d x lr x weight_decay."""

    def __init__(self, params: Any, lr: float = 1.0, weight_decay: float = 0.0, d: float = 1e-6) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": (0.9, 0.999), "d": d, "numerator": 0.0})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        moving, shared, length, gained = list(with_gradient(self.param_groups)), self.param_groups[0], 0.0, 0.0
        d, keep = shared["d"], math.sqrt(shared["betas"][1])
        for w, g, group in moving:
            real, gradient = as_real(w, g)
            state, rate, (beta1, beta2) = self.state[w], d * group["lr"], group["betas"]
            average(state, "m", rate * gradient, beta1)
            root = average(state, "v", gradient * gradient, beta2).sqrt() + 1e-8
            gained += rate * float((gradient * state.get("s", torch.zeros_like(gradient)) / root).sum())
            length += float(average(state, "s", rate * gradient, keep).abs().sum())
            real.mul_(1 - rate * group["weight_decay"]).sub_(state["m"] / root)
        shared["numerator"] = keep * shared["numerator"] + (1 - keep) * gained
        if length > 0:
            shared["d"] = max(d, shared["numerator"] / ((1 - keep) * length))
        return loss


class ProdigyInGradient(_Learnt):
    """Prodigy with weight_decay x weight in the gradient, and the estimate d, from 1e-5, in the first group."""

    def __init__(self, params: Any, lr: float = 1.0, weight_decay: float = 0.0, d: float = 1e-5) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "d": d, "numerator": 0.0})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        moving, shared, length = self.moving(), self.param_groups[0], 0.0
        d, keep = shared["d"], math.sqrt(0.999)
        shared["numerator"] *= keep
        for w, g, group in moving:
            real, gradient = as_real(w, g)
            if w.dtype == torch.float16:
                raise TypeError("ProdigyInGradient: float16 is too coarse for squares of the estimate, use bfloat16 or float32")
            state, pull = self.state[w], gradient + group["weight_decay"] * real
            shared["numerator"] += d * d * group["lr"] * float((pull * (state["first"] - real)).sum())
            state["s"] = keep * state.get("s", torch.zeros_like(pull)) + d * d * group["lr"] * pull
            length += float(state["s"].abs().sum())
            m, v = average(state, "m", d * pull, 0.9), average(state, "v", d * d * pull * pull, 0.999)
            real.sub_(group["lr"] * d * m / (v.sqrt() + d * 1e-8))
        if length > 0:
            shared["d"] = max(d, shared["numerator"] / length)
        return loss


class SlowStart(EachWeight):
    """AdamW that multiplies its update, not its decay, by t / 10 in the first ten steps of a weight."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        pull = adam(state, g, (0.9, 0.999), 1e-8)
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * min(1.0, state["t"] / 10) * pull)
