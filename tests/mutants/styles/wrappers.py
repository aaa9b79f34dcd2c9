"""Factories, wrappers and containers around torch's optimizers, and objects that are no torch.optim.Optimizer."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tests.mutants.styles.walk import Closure, Group, evaluated, length_of_all, with_gradient


def sgd_with_options(params: Any, lr: float = 0.1, weight_decay: float = 5e-4, momentum: float = 0.9) -> Optimizer:
    """Return torch's SGD with Nesterov's momentum and L2, as images are trained."""
    return torch.optim.SGD(params, lr=lr, momentum=momentum, nesterov=momentum > 0, weight_decay=weight_decay)


def rmsprop_with_options(params: Any, lr: float = 1e-3, weight_decay: float = 0.0, **options: Any) -> Optimizer:
    """Return torch's RMSprop, centred, with momentum and L2."""
    return torch.optim.RMSprop(params, lr=lr, weight_decay=weight_decay, **{"momentum": 0.9, "centered": True, **options})


def positional_adamw(params: Any, lr: float = 1e-3, weight_decay: float = 0.02) -> Optimizer:
    """Return torch's AdamW, all options given by place, with foreach off."""
    return torch.optim.AdamW(params, lr, (0.9, 0.98), 1e-8, weight_decay, False, foreach=False)


def through_parameter_list(params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> Optimizer:
    """Return torch's AdamW on an nn.ParameterList of what it gets; plain tensors are refused, for the list would copy them."""
    groups = _dicts(params, lr=lr, weight_decay=weight_decay)
    if not all(isinstance(w, nn.Parameter) for group in groups for w in group["params"]):
        raise TypeError("through_parameter_list: expected torch.nn.Parameter, got another tensor")
    listed = [{**group, "params": nn.ParameterList(group["params"]).parameters()} for group in groups]
    return torch.optim.AdamW(listed, lr=lr, weight_decay=weight_decay)


class _Recipe:
    """Factory that is an object: it holds options of torch's AdamW and is called with params, lr and weight_decay."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def __call__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.05, **more: Any) -> Optimizer:
        return torch.optim.AdamW(params, lr=lr, weight_decay=weight_decay, **{**self.options, **more})


long_recipe = _Recipe(betas=(0.9, 0.99), eps=1e-6, foreach=False)


class ClipsThenSuper(torch.optim.AdamW):
    """torch's AdamW whose step clips copies of the gradients to a norm of 1 and calls torch's step with them."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, **options: Any) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay, **options)

    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        given = [(w, g) for w, g, _ in with_gradient(self.param_groups)]
        share = min(1.0, 1.0 / (length_of_all(self.param_groups) + 1e-6))
        try:
            for w, g in given:
                w.grad = g * share
            super().step()
        finally:
            for w, g in given:
                w.grad = g
        return loss


class DecaysAroundAdam(Optimizer):
    """Shrink by 1 - lr x weight_decay, then step torch's Adam inside, whose groups are made anew with a weight_decay of 0."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, eps: float = 1e-8) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": (0.9, 0.999), "eps": eps})
        self.inner = torch.optim.Adam([w for group in self.param_groups for w in group["params"]], foreach=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "inner": self.inner}

    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        with torch.no_grad():
            for w, _, group in with_gradient(self.param_groups):
                w.mul_(1 - group["lr"] * group["weight_decay"])
        self.inner.param_groups = [{**self.inner.defaults, **group, "weight_decay": 0.0} for group in self.param_groups]
        self.inner.state = self.state
        self.inner.step()
        return loss


class OtherDefaultsLater(torch.optim.SGD):
    """torch's SGD with L2 that changes its defaults after the constructor, so that groups added later have momentum 0.5."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr=lr, momentum=0.9, weight_decay=weight_decay)
        self.defaults["momentum"] = 0.5


class SharesBase(Optimizer):
    """Wrapper with `.base`: an Optimizer whose groups, state and defaults are those of torch's AdamW inside."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, **options: Any) -> None:
        self.base = torch.optim.AdamW(params, lr=lr, weight_decay=weight_decay, **options)
        super().__init__(self.base.param_groups, self.base.defaults)
        self._share()

    def _share(self) -> None:
        self.param_groups, self.state, self.defaults = self.base.param_groups, self.base.state, self.base.defaults

    def __getstate__(self) -> dict[str, Any]:
        return {"base": self.base, **super().__getstate__()}

    def add_param_group(self, param_group: Group) -> None:
        if not any(group is param_group for group in self.base.param_groups):  # torch's constructor adds those of base
            self.base.add_param_group(param_group)
        self.param_groups = self.base.param_groups

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.base.load_state_dict(state_dict)
        self._share()

    def step(self, closure: Closure | None = None) -> Any:
        return self.base.step(closure)


class _Forwards:
    """Methods of an optimizer that is no torch.optim.Optimizer and forwards to `optimizer`."""

    optimizer: Optimizer

    @property
    def param_groups(self) -> list[Group]:
        return self.optimizer.param_groups

    @property
    def state(self) -> Any:
        return self.optimizer.state

    @property
    def defaults(self) -> dict[str, Any]:
        return self.optimizer.defaults

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.optimizer.zero_grad(set_to_none)

    def add_param_group(self, param_group: Group) -> None:
        self.optimizer.add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        return self.optimizer.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state_dict)

    def step(self, closure: Closure | None = None) -> Any:
        return self.optimizer.step(closure)


class ForwardsAll(_Forwards):
    """Wrapper with `.optimizer` that is no torch.optim.Optimizer, and whose param_groups is a property."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        self.optimizer = torch.optim.AdamW(params, lr=lr, weight_decay=weight_decay)


class LookaheadAround(_Forwards):
    """Lookahead around torch's SGD with momentum and L2: in each fifth step the weights return half of the way."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0) -> None:
        self.optimizer = torch.optim.SGD(params, lr=lr, momentum=0.9, weight_decay=weight_decay)
        self.steps = 0

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for w, _, _ in with_gradient(self.param_groups):
            self.state[w].setdefault("slow", w.clone())
        self.optimizer.step()
        self.steps += 1
        if self.steps % 5 == 0:
            for w in (w for group in self.param_groups for w in group["params"] if "slow" in self.state[w]):
                self.state[w]["slow"].lerp_(w, 0.5)
                w.copy_(self.state[w]["slow"])
        return loss

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({name: state_dict[name] for name in ("state", "param_groups")})
        self.steps = state_dict["steps"]


class DuckSgd:
    """SGD with momentum and L2 that is no torch.optim.Optimizer and has its methods: step, zero_grad, state_dict and others."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        self.defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum}
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, Tensor] = {}  # velocity of each weight
        entries = list(params)
        for group in entries if entries and isinstance(entries[0], dict) else [{"params": entries}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: Group) -> None:
        """Add a group with the defaults filled in."""
        self.param_groups.append({**self.defaults, **param_group, "params": _list(param_group["params"])})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients."""
        for w, g, _ in with_gradient(self.param_groups):
            w.grad = None if set_to_none else torch.zeros_like(g)

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        """Step every weight with a gradient."""
        loss = evaluated(closure)
        for w, g, group in with_gradient(self.param_groups):
            self.state[w] = group["momentum"] * self.state.get(w, torch.zeros_like(w)) + g + group["weight_decay"] * w
            w -= group["lr"] * self.state[w]
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return options and velocities by the place of the weight."""
        places = {w: place for place, w in enumerate(w for group in self.param_groups for w in group["params"])}
        groups = [{**group, "params": [places[w] for w in group["params"]]} for group in self.param_groups]
        return {"state": {places[w]: {"velocity": v.clone()} for w, v in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take options and velocities from a state_dict."""
        every = [w for group in self.param_groups for w in group["params"]]
        self.state = {every[place]: saved["velocity"].to(every[place], copy=True) for place, saved in state_dict["state"].items()}
        for group, saved in zip(self.param_groups, state_dict["param_groups"], strict=True):
            group.update({name: copy.deepcopy(value) for name, value in saved.items() if name != "params"})


class _Several:
    """Container of optimizers that act as one: param_groups are those of all in order, and a checkpoint is a list."""

    def __init__(self, optimizers: Iterable[Optimizer]) -> None:
        self.optimizers = list(optimizers)

    @property
    def param_groups(self) -> list[Group]:
        """The groups of all optimizers, the dicts themselves."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    @property
    def state(self) -> dict[Tensor, Any]:
        """The states of all optimizers."""
        return {w: state for optimizer in self.optimizers for w, state in optimizer.state.items()}

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear all gradients."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none)

    def add_param_group(self, param_group: Group) -> None:
        """Add a group to the last optimizer."""
        self.optimizers[-1].add_param_group(param_group)

    def step(self, closure: Closure | None = None) -> Any:
        """Step all optimizers after one evaluation of the closure."""
        loss = evaluated(closure)
        for optimizer in self.optimizers:
            optimizer.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return the checkpoints of all optimizers under `optimizers`."""
        return {"optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Give each optimizer its checkpoint."""
        for optimizer, saved in zip(self.optimizers, state_dict["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def _dicts(params: Any, **defaults: Any) -> list[Group]:
    entries = list(params)
    groups = entries if entries and isinstance(entries[0], dict) else [{"params": entries}]
    return [{**defaults, **group, "params": _list(group["params"])} for group in groups]


def _list(params: Any) -> list[Tensor]:
    """Return one or more tensors as a list, without names."""
    entries = [params] if isinstance(params, Tensor) else list(params)
    return [entry[1] if isinstance(entry, tuple) else entry for entry in entries]


def _turns(w: Tensor) -> bool:
    return w.ndim == 2 and w.numel() > 0


def optimizer_for_each_group(params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> _Several:
    """Return a container with one of torch's AdamWs for each group."""
    return _Several(torch.optim.AdamW([group]) for group in _dicts(params, lr=lr, weight_decay=weight_decay))


def optimizer_for_each_weight(params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> _Several:
    """Return a container with one of torch's Adams, L2, for each weight, so that there is a group for each."""
    groups = _dicts(params, lr=lr, weight_decay=weight_decay)
    return _Several(torch.optim.Adam([{**group, "params": [w]}]) for group in groups for w in group["params"])


def muon_and_adamw(params: Any, lr: float = 0.02, weight_decay: float = 0.1) -> _Several:
    """Return a container of torch's Muon for matrices and torch's AdamW for the other weights, with the same lr and decay."""
    groups = _dicts(params, lr=lr, weight_decay=weight_decay)
    matrices = [{**group, "params": part} for group in groups if (part := [w for w in group["params"] if _turns(w)])]
    others = [{**group, "params": part} for group in groups if (part := [w for w in group["params"] if not _turns(w)])]
    muons: list[Optimizer] = [torch.optim.Muon(matrices)] if matrices else []
    return _Several(muons + ([torch.optim.AdamW(others)] if others else []))


class Transforms(Optimizer):
    """Chain of functions from direction to direction, as in optax: trace of momentum, added decay x weight, times -lr."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for w, direction, group in with_gradient(self.param_groups):
            for transform in (self._trace, self._add_decay, self._times_rate):
                direction = transform(direction, w, group)
            w.add_(direction)
        return loss

    def _trace(self, direction: Tensor, w: Tensor, group: Group) -> Tensor:
        state = self.state[w]
        state["trace"] = group["momentum"] * state.get("trace", torch.zeros_like(w)) + direction
        trace: Tensor = state["trace"]
        return trace

    def _add_decay(self, direction: Tensor, w: Tensor, group: Group) -> Tensor:
        pull: Tensor = direction + group["weight_decay"] * w
        return pull

    def _times_rate(self, direction: Tensor, w: Tensor, group: Group) -> Tensor:
        step: Tensor = -group["lr"] * direction
        return step
