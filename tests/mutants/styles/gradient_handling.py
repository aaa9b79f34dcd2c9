"""Optimizers that read, keep, skip or repair gradients in their own way, or are written in another style of code."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
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
    with_gradient,
)

Memory = tuple[int, Tensor, Tensor]  # steps, first and second moment
Betas = tuple[float, float]


class TakesGradientAway(PlainAdamW):
    """AdamW that sets .grad to None after use, so that no zero_grad is needed."""

    def step(self, closure: Closure | None = None) -> Any:
        loss = super().step(closure)
        for w, _, _ in with_gradient(self.param_groups):
            w.grad = None
        return loss


class WorksOnCopy(EachWeight):
    """Adam with L2 that adds weight_decay x weight in place, to a copy of the gradient."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        mine = g.detach().clone(memory_format=torch.preserve_format)
        mine.add_(w, alpha=float(group["weight_decay"]))
        w.sub_(group["lr"] * adam(state, mine, (0.9, 0.999), 1e-8))


class OneLongVector(Optimizer):
    """AdamW that joins all weights of a group and precision into one vector, steps on it, and cuts it apart again."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for group in self.param_groups:
            alike: dict[Any, list[Tensor]] = defaultdict(list)
            for w, g, _ in with_gradient([group]):
                as_real(w, g)  # refuses a sparse gradient
                alike[w.dtype, w.device, self.state[w].get("t", 0)].append(w)
            for (_, _, before), weights in alike.items():
                self._move(weights, before + 1, group)
        return loss

    def _move(self, weights: list[Tensor], t: int, group: Group) -> None:
        pairs = [as_real(w, w.grad) for w in weights if w.grad is not None]
        joined, g = torch.cat([w.reshape(-1) for w, _ in pairs]), torch.cat([g.reshape(-1) for _, g in pairs])
        empty = [{"m": torch.zeros_like(real), "v": torch.zeros_like(real)} for real, _ in pairs]
        states = [{**new, **self.state[w]} for w, new in zip(weights, empty, strict=True)]
        m = 0.9 * torch.cat([state["m"].reshape(-1) for state in states]) + 0.1 * g
        v = 0.999 * torch.cat([state["v"].reshape(-1) for state in states]) + 0.001 * g * g
        joined = joined * (1 - group["lr"] * group["weight_decay"])
        joined = joined - group["lr"] * m / (1 - 0.9**t) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
        sizes = [real.numel() for real, _ in pairs]
        for w, (real, _), *parts in zip(weights, pairs, joined.split(sizes), m.split(sizes), v.split(sizes), strict=True):
            real.copy_(parts[0].view(real.shape))
            self.state[w].update(t=t, m=parts[1].view(real.shape).clone(), v=parts[2].view(real.shape).clone())


class SkipsBadStep(PlainAdamW):
    """AdamW that takes no step at all, decay included, if any gradient has a number that is not finite."""

    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        if all(bool(as_real(w, g)[1].isfinite().all()) for w, g, _ in with_gradient(self.param_groups)):
            super().step()
        return loss


class RaisesOnBad(PlainAdamW):
    """AdamW that raises FloatingPointError, before any weight moves, if a gradient is not finite."""

    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for w, g, _ in with_gradient(self.param_groups):
            if not bool(as_real(w, g)[1].isfinite().all()):
                raise FloatingPointError(f"RaisesOnBad: the gradient of a weight of shape {tuple(w.shape)} is not finite")
        super().step()
        return loss


class ZeroesBad(PlainAdamW):
    """AdamW that takes numbers of the gradient that are not finite as 0; such a weight decays as all others."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        super().update(w, torch.nan_to_num(g, nan=0.0, posinf=0.0, neginf=0.0), group, state)


class TwoCallsOneStep(EachWeight):
    """AdamW that averages two gradients of a weight and steps, with one decay, in the second call."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, every: int = 2) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "every": every})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        state["gathered"] = state["gathered"] + g if "gathered" in state else g.clone()
        state["calls"] = state.get("calls", 0) + 1
        if state["calls"] % group["every"]:
            return
        mean = state.pop("gathered") / group["every"]
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * adam(state, mean, (0.9, 0.999), 1e-8))


class KnowsTheScaler(Optimizer):
    """SGD with momentum and L2 that divides by GradScaler's scale itself and skips the step if it has found an infinity."""

    _step_supports_amp_scaling = True  # GradScaler then sets grad_scale and found_inf before a step

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        scale, infinities = getattr(self, "grad_scale", None), getattr(self, "found_inf", None)
        if infinities is not None and float(infinities) > 0:
            return loss
        factor = 1.0 if scale is None else float(scale)
        for w, g, group in with_gradient(self.param_groups):
            pull, state = group["weight_decay"] * w + g / factor, self.state[w]
            state["sum"] = group["momentum"] * state["sum"] + pull if "sum" in state else pull
            w.sub_(group["lr"] * state["sum"])
        return loss


class SkipsIdleTensors(PlainAdamW):
    """AdamW that leaves a tensor alone, decay and counter included, while its whole gradient is zero."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if bool((g != 0).any()):
            super().update(w, g, group, state)


class ForeachThroughout(Optimizer):
    """AdamW by torch's list functions, with a flag maximize; one list for each group, count of steps and precision."""

    def __init__(
        self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, betas: Betas = (0.9, 0.999), maximize: bool = False
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas, "maximize": maximize})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for group in self.param_groups:
            alike: dict[Any, list[Tensor]] = defaultdict(list)
            for w, g, _ in with_gradient([group]):
                if not self.state[w]:
                    real = as_real(w, g)[0]
                    self.state[w].update(t=0, m=torch.zeros_like(real), v=torch.zeros_like(real))
                self.state[w]["t"] += 1
                alike[self.state[w]["t"], w.dtype, w.device].append(w)
            for (t, _, _), weights in alike.items():
                self._move(weights, t, group)
        return loss

    def _move(self, weights: list[Tensor], t: int, group: Group) -> None:
        pairs, (beta1, beta2) = [as_real(w, w.grad) for w in weights if w.grad is not None], group["betas"]
        real, given = [w for w, _ in pairs], [g for _, g in pairs]
        gradients = torch._foreach_neg(given) if group["maximize"] else given
        m, v = [self.state[w]["m"] for w in weights], [self.state[w]["v"] for w in weights]
        torch._foreach_lerp_(m, gradients, 1 - beta1)
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, gradients, gradients, 1 - beta2)
        roots = torch._foreach_sqrt(v)
        torch._foreach_div_(roots, math.sqrt(1 - beta2**t))
        torch._foreach_add_(roots, 1e-8)
        torch._foreach_mul_(real, 1 - float(group["lr"]) * float(group["weight_decay"]))
        torch._foreach_addcdiv_(real, m, roots, -float(group["lr"]) / (1 - beta1**t))


def _stepped(w: Tensor, g: Tensor, memory: Memory, lr: float, decay: float) -> tuple[Tensor, Memory]:
    """Return the next weight and memory of AdamW, and change nothing."""
    t, m, v = memory[0] + 1, 0.9 * memory[1] + 0.1 * g, 0.999 * memory[2] + 0.001 * g * g
    root = torch.sqrt(v / (1 - 0.999**t)) + 1e-8
    return w * (1 - lr * decay) - lr * (m / (1 - 0.9**t)) / root, (t, m, v)


class PureFunction(EachWeight):
    """AdamW as a function without side effects of weight, gradient and memory; the memory is a tuple in the state."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        memory = state.get("memory", (0, torch.zeros_like(g), torch.zeros_like(g)))
        new, state["memory"] = _stepped(w, g, memory, group["lr"], group["weight_decay"])
        w.copy_(new)


class InNumpy(EachWeight):
    """Adam with L2 computed by numpy in float64, whatever the precision of the weight; the state is tensors."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        weight, gradient = w.double().cpu().numpy(), g.double().cpu().numpy()
        t = state["t"] = state.get("t", 0) + 1
        pull = gradient + float(group["weight_decay"]) * weight
        m = 0.9 * (state["m"].double().cpu().numpy() if "m" in state else 0.0) + 0.1 * pull
        v = 0.999 * (state["v"].double().cpu().numpy() if "v" in state else 0.0) + 0.001 * pull**2
        with np.errstate(all="ignore"):
            moved = weight - float(group["lr"]) * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        state["m"], state["v"] = torch.from_numpy(np.asarray(m)), torch.from_numpy(np.asarray(v))
        w.copy_(torch.from_numpy(np.asarray(moved)))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)  # it casts the moments to the precision of the weight
        for place, w in enumerate(w for group in self.param_groups for w in group["params"]):
            saved = state_dict["state"].get(place, {})
            self.state[w].update({name: saved[name].clone() for name in ("m", "v") if name in saved})


class DecaysInHook(Optimizer):
    """SGD with momentum that shrinks the moved weights by 1 - lr x weight_decay in a hook, which the constructor registers."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self._hook = self.register_step_post_hook(_shrink_all)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not hasattr(self, "_hook"):  # a copy or an unpickled one, which torch gives no hooks
            self._hook = self.register_step_post_hook(_shrink_all)

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for w, g, group in with_gradient(self.param_groups):
            state = self.state[w]
            state["sum"] = group["momentum"] * state.get("sum", torch.zeros_like(w)) + g
            w.sub_(group["lr"] * state["sum"])
        return loss


@torch.no_grad()
def _shrink_all(optimizer: Optimizer, args: Any, options: Any) -> None:
    """Shrink every weight that has a gradient by 1 - lr x weight_decay: a hook of torch's optimizers."""
    for w, _, group in with_gradient(optimizer.param_groups):
        w.mul_(1 - group["lr"] * group["weight_decay"])


class PenaltyByAutograd(EachWeight):
    """SGD with momentum whose L2 is the derivative that autograd finds of weight_decay / 2 x sum of squares."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        with torch.enable_grad():
            copy = w.detach().clone().requires_grad_()
            penalty = group["weight_decay"] / 2 * (copy * copy).sum()
            (pull,) = torch.autograd.grad(penalty, copy)
        state["sum"] = group["momentum"] * state.get("sum", torch.zeros_like(g)) + g + pull
        w.sub_(group["lr"] * state["sum"])


class UsesData(Optimizer):
    """AdamW in the style of old code: it works on p.data and p.grad.data, without no_grad."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def step(self, closure: Closure | None = None) -> Any:
        loss = None
        if closure is not None:
            loss = evaluated(closure)
        for w, gradient, group in with_gradient(self.param_groups):
            data, grad = as_real(w.data, gradient.data)
            data.add_(data, alpha=-float(group["lr"] * group["weight_decay"]))
            data.add_(adam(self.state[w], grad, (0.9, 0.999), 1e-8), alpha=-float(group["lr"]))
        return loss


class DensifiesSparse(EachWeight):
    """SGD with L2 that makes a sparse gradient dense first, so that rows without gradient decay as all others."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for w, g, group in with_gradient(self.param_groups):
            dense = g.to_dense() if g.layout != torch.strided else g
            w.sub_(group["lr"] * (dense + group["weight_decay"] * w))
        return loss


class LastWeightFirst(Optimizer):
    """AdamW that steps the groups and their weights in reverse order, in double precision for every weight."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for w, g, group in reversed(list(with_gradient(self.param_groups))):
            real, gradient = as_real(w, g)
            wide = real.double() * (1 - group["lr"] * group["weight_decay"])
            real.copy_(wide - group["lr"] * adam(self.state[w], gradient, (0.9, 0.999), 1e-8).double())
        return loss


class HalfOfTheGradient(EachWeight):
    """SGD that averages each gradient with the one before, which starts as the first; shrink by 1 - lr x weight_decay."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        before, state["before"] = state.get("before", g), g.clone()
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * (g + before) / 2)


class MaximizesToo(EachWeight):
    """Shrink by 1 - lr x weight_decay, move lr x tanh(100 x averaged gradient); the flag maximize turns the gradient only."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, maximize: bool = False) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "maximize": maximize})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        mean = average(state, "mean", -g if group["maximize"] else g, 0.9)
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * torch.tanh(mean * 100))
