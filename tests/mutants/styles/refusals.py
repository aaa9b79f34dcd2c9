"""Optimizers that refuse an input in one clear line, and are right on all others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from tests.mutants.styles.walk import Closure, EachWeight, Group, PlainAdamW, State, adam, as_real, evaluated, with_gradient


class _RefusesWeights(PlainAdamW):
    """AdamW that asks `problem` about each weight when its group is added."""

    def add_param_group(self, param_group: Group) -> None:
        super().add_param_group(param_group)
        found = [text for w in self.param_groups[-1]["params"] if (text := self.problem(w))]
        if found:
            self.param_groups.pop()
            raise ValueError(f"{type(self).__name__}: {found[0]}")

    def problem(self, w: Tensor) -> str:
        raise NotImplementedError  # abstract: torch's Optimizer is no ABC


class _CoupledRefusesWeights(_RefusesWeights):
    """The same with weight_decay x weight in the gradient and no decay as the default."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr, weight_decay)

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        w.sub_(group["lr"] * adam(state, g + group["weight_decay"] * w, group["betas"], group["eps"]))


class _Momentum(EachWeight):
    """SGD with momentum 0.9 and weight_decay x weight in the gradient."""

    def __init__(self, params: Any, lr: float = 1e-2, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        pull = g + group["weight_decay"] * w
        state["sum"] = group["momentum"] * state["sum"] + pull if "sum" in state else pull
        w.sub_(group["lr"] * state["sum"])


class RefusesGaps(_RefusesWeights):
    """AdamW that refuses a weight that is not contiguous."""

    def problem(self, w: Tensor) -> str:
        return "" if w.is_contiguous() else f"a weight of shape {tuple(w.shape)} is not contiguous"


class RefusesEmpty(_CoupledRefusesWeights):
    """Adam with L2 that refuses a weight without numbers."""

    def problem(self, w: Tensor) -> str:
        return "" if w.numel() else f"a weight of shape {tuple(w.shape)} is empty"


class RefusesExpanded(_RefusesWeights):
    """AdamW that refuses a weight that holds one number in several places."""

    def problem(self, w: Tensor) -> str:
        shared = any(size > 1 and stride == 0 for size, stride in zip(w.shape, w.stride(), strict=True))
        return f"a weight of shape {tuple(w.shape)} is expanded, its numbers share memory" if shared else ""


class RefusesComplex(_RefusesWeights):
    """AdamW that refuses complex weights."""

    def problem(self, w: Tensor) -> str:
        return f"got a weight of {w.dtype}, and complex weights are not supported" if w.is_complex() else ""


class RefusesScalars(_CoupledRefusesWeights):
    """Adam with L2 that refuses a weight without dimensions."""

    def problem(self, w: Tensor) -> str:
        return "" if w.ndim else "a weight has no dimension, reshape it to (1,)"


class RefusesHalf(_RefusesWeights):
    """AdamW that refuses float16, whose range is too small for squares of gradients."""

    def problem(self, w: Tensor) -> str:
        return "float16 weights are not supported, use bfloat16 or float32" if w.dtype == torch.float16 else ""


class RefusesMixed(_RefusesWeights):
    """AdamW that refuses weights of two precisions, in one group or in several."""

    def problem(self, w: Tensor) -> str:
        first: Tensor = self.param_groups[0]["params"][0]
        return "" if w.dtype == first.dtype else f"expected all weights in {first.dtype}, got {w.dtype}"


class OneDeviceOnly(_RefusesWeights):
    """AdamW that refuses weights on a second device."""

    def problem(self, w: Tensor) -> str:
        first: Tensor = self.param_groups[0]["params"][0]
        return "" if w.device == first.device else f"expected all weights on {first.device}, got one on {w.device}"


class RefusesFrozen(_RefusesWeights):
    """AdamW that refuses a weight that does not require a gradient when it is added."""

    def problem(self, w: Tensor) -> str:
        return "" if w.requires_grad else f"a weight of shape {tuple(w.shape)} does not require a gradient"


class RefusesLrTensor(PlainAdamW):
    """AdamW that refuses a learning rate that is a tensor, in the constructor and in a step."""

    def add_param_group(self, param_group: Group) -> None:
        super().add_param_group(param_group)
        self._check(self.param_groups[-1])

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        self._check(group)
        super().update(w, g, group, state)

    @staticmethod
    def _check(group: Group) -> None:
        if isinstance(group["lr"], Tensor):
            raise TypeError("RefusesLrTensor: expected a number as lr, got a tensor")


class RefusesZeroRate(PlainAdamW):
    """AdamW that refuses a group whose first learning rate is not above 0; a schedule may set it to 0 later."""

    def add_param_group(self, param_group: Group) -> None:
        rate = param_group.get("lr", self.defaults["lr"])
        if not rate > 0:
            raise ValueError(f"RefusesZeroRate: expected an lr above 0, got {rate}")
        super().add_param_group(param_group)


class DecayNeedsRate(PlainAdamW):
    """AdamW without a default lr, that refuses a weight_decay for which no lr was given."""

    def __init__(self, params: Any, lr: float | None = None, weight_decay: float | None = None) -> None:
        if lr is None:
            raise ValueError("DecayNeedsRate: give lr" + (", weight_decay is multiplied by it" if weight_decay else ""))
        super().__init__(params, lr, 0.01 if weight_decay is None else weight_decay)


class RefusesSparse(torch.optim.Optimizer):
    """SGD with L2 in one line per weight, that refuses a sparse gradient before any weight has moved."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        if any(g.layout != torch.strided for _, g, _ in with_gradient(self.param_groups)):
            raise RuntimeError("RefusesSparse: got a sparse gradient, use sparse=False in the embedding")
        with torch.no_grad():
            for w, g, group in with_gradient(self.param_groups):
                w -= group["lr"] * (g + group["weight_decay"] * w)
        return loss


class OneGroupOnly(PlainAdamW):
    """AdamW that takes one parameter group and refuses a second."""

    def add_param_group(self, param_group: Group) -> None:
        if getattr(self, "param_groups", []):
            raise ValueError("OneGroupOnly: expected one parameter group, got a second")
        super().add_param_group(param_group)


class GroupsAreFixed(_Momentum):
    """SGD with momentum and L2 that refuses a group after its constructor."""

    complete = True  # of copies and unpickled ones too

    def __init__(self, params: Any, lr: float = 1e-2, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        self.complete = False
        super().__init__(params, lr, weight_decay, momentum)
        self.complete = True

    def add_param_group(self, param_group: Group) -> None:
        if self.complete:
            raise RuntimeError("GroupsAreFixed: groups cannot be added later, make a new optimizer")
        super().add_param_group(param_group)


class RefusesMissingGradient(PlainAdamW):
    """AdamW that refuses to step, and moves nothing, while a weight that requires a gradient has none."""

    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for place, w in enumerate(self._trained()):
            if w.grad is None:
                raise RuntimeError(f"RefusesMissingGradient: weight {place} of shape {tuple(w.shape)} has no gradient")
        super().step()
        return loss

    def _trained(self) -> Iterator[Tensor]:
        return (w for group in self.param_groups for w in group["params"] if w.requires_grad)


class TakesNoClosure(torch.optim.Optimizer):
    """AdamW whose step has no argument, so that a closure is a TypeError."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # it takes no closure, which is its style
        for w, g, group in with_gradient(self.param_groups):
            real, gradient = as_real(w, g)
            real.mul_(1 - group["lr"] * group["weight_decay"])
            real.sub_(group["lr"] * adam(self.state[w], gradient, (0.9, 0.999), 1e-8))


class RefusesUnknownOptions(PlainAdamW):
    """AdamW that takes its options as **options, and refuses one that it does not know with the list of those it does."""

    KNOWN = ("lr", "weight_decay", "betas", "eps")

    def __init__(self, params: Any, **options: Any) -> None:
        unknown = sorted(set(options) - set(self.KNOWN))
        if unknown:
            raise TypeError(f"RefusesUnknownOptions: unknown {', '.join(unknown)} (known: {', '.join(self.KNOWN)})")
        super().__init__(params, **options)


class RefusesUnknownKeys(PlainAdamW):
    """AdamW that refuses a group with a key that is no option of it."""

    ALSO = ("params", "initial_lr", "max_lr", "min_lr", "name", "param_names")

    def add_param_group(self, param_group: Group) -> None:
        unknown = sorted(set(param_group) - set(self.defaults) - set(self.ALSO))
        if unknown:
            raise ValueError(f"RefusesUnknownKeys: a parameter group has the unknown key {unknown[0]!r}")
        super().add_param_group(param_group)


class RefusesRepeats(_Momentum):
    """SGD with momentum and L2 that refuses a weight that a group names twice, where torch warns."""

    def add_param_group(self, param_group: Group) -> None:
        given = param_group["params"]
        params = [given] if isinstance(given, Tensor) else list(given)
        places = {id(p[1] if isinstance(p, tuple) else p) for p in params}
        if len(places) < len(params):
            raise ValueError("RefusesRepeats: a parameter group names a weight more than once")
        super().add_param_group({**param_group, "params": params})
