"""Optimizers and factories that decay only some of the weights, as their docstrings say which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tests.mutants.styles.walk import Closure, EachWeight, Group, State, adam, as_real, evaluated, refuse_complex, with_gradient


def _groups(params: Any, **defaults: Any) -> list[Group]:
    """Return tensors, named tensors or group dicts as a list of new group dicts with the defaults filled in."""
    entries = list(params)
    dicts = entries if entries and isinstance(entries[0], dict) else [{"params": entries}]
    return [{**defaults, **group, "params": _listed(group["params"])} for group in dicts]


def _listed(params: Any) -> list[Any]:
    return [params] if isinstance(params, Tensor) else list(params)


def _split(groups: Iterable[Group], spared: Callable[[Any], bool]) -> list[Group]:
    """Return each group as two: the weights that decay, and the spared ones with weight_decay 0. An empty half is left out."""
    halves = [
        (group, [entry for entry in group["params"] if spared(entry) is kind], kind) for group in groups for kind in (False, True)
    ]
    return [{**group, "params": part, **({"weight_decay": 0.0} if kind else {})} for group, part, kind in halves if part]


def _tensor(entry: Any) -> Tensor:
    found: Tensor = entry[1] if isinstance(entry, tuple) else entry
    return found


class MatricesDecay(EachWeight):
    """AdamW that decays weights of two and more dimensions, and steps all others without decay."""

    takes_complex = False  # a vector of complex numbers would look like a matrix

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.1) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": (0.9, 0.95), "eps": 1e-8})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if w.ndim >= 2:
            w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * adam(state, g, group["betas"], group["eps"]))


class SingleNumbersSpared(Optimizer):
    """Adam with L2 in the gradient for all tensors but those of one number, such as a temperature or a gate."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": (0.9, 0.999), "eps": 1e-8})

    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        with torch.no_grad():
            for w, g, group in with_gradient(self.param_groups):
                real, pull = as_real(w, g)
                if w.numel() != 1:
                    pull = pull + group["weight_decay"] * real
                real.sub_(group["lr"] * adam(self.state[w], pull, group["betas"], group["eps"]))
        return loss


def grouped_by_dimension(params: Any, lr: float = 1e-3, weight_decay: float = 0.1, **options: Any) -> Optimizer:
    """Return torch's AdamW with two groups for each group given: two and more dimensions, and the others without decay."""
    groups = _groups(params, lr=lr, weight_decay=weight_decay)
    return torch.optim.AdamW(_split(groups, lambda entry: _tensor(entry).ndim < 2), lr=lr, weight_decay=weight_decay, **options)


SPARED_NAMES = ("bias", "norm", "embed")


def grouped_by_name(params: Any, lr: float = 1e-3, weight_decay: float = 0.01, **options: Any) -> Optimizer:
    """Return torch's AdamW that decays all weights but those with bias, norm or embed in their name; a weight may have none."""

    def spared(entry: Any) -> bool:
        return isinstance(entry, tuple) and any(part in entry[0].lower() for part in SPARED_NAMES)

    groups = _groups(params, lr=lr, weight_decay=weight_decay)
    return torch.optim.AdamW(_split(groups, spared), lr=lr, weight_decay=weight_decay, **options)


def grouped_by_layer(
    params: Any, lr: float = 1e-2, weight_decay: float = 0.0, model: nn.Module | None = None, momentum: float = 0.9
) -> Optimizer:
    """Return torch's SGD with momentum and L2 for all weights but those of the normalisation layers of `model`, if given."""
    kinds = (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d)
    layers = [] if model is None else [layer for layer in model.modules() if isinstance(layer, kinds)]
    normalisers = {id(w) for layer in layers for w in layer.parameters()}
    groups = _groups(params, lr=lr, weight_decay=weight_decay)
    split = _split(groups, lambda entry: id(_tensor(entry)) in normalisers)
    return torch.optim.SGD(split, lr=lr, momentum=momentum, weight_decay=weight_decay)


class GroupsSayWhether(EachWeight):
    """AdamW that decays the groups whose flag `decays` is True, which is the default, and spares the others."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, decays: bool = True) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "decays": decays})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        share = group["lr"] * group["weight_decay"] if group["decays"] else 0.0
        w.copy_(w - share * w - group["lr"] * adam(state, g, (0.9, 0.999), 1e-8))


class SparedPlaces(Optimizer):
    """SGD with decoupled decay for all weights but those whose places in the list the group entry `spared` names."""

    def __init__(self, params: Any, lr: float = 0.1, weight_decay: float = 0.0, spared: Sequence[int] = ()) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "spared": tuple(spared)})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for group in self.param_groups:
            for place, w in enumerate(group["params"]):
                if w.grad is not None:
                    decay = 0.0 if place in group["spared"] else group["lr"] * group["weight_decay"]
                    w.copy_(w * (1 - decay) - group["lr"] * w.grad)
        return loss


def _more_than_a_vector(w: Tensor) -> bool:
    """Return True for a weight of two and more dimensions."""
    return w.ndim >= 2


class DecayMask(Optimizer):
    """AdamW that decays the weights for which its function `mask` returns True; the default takes matrices and larger."""

    def __init__(
        self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-4, mask: Callable[[Tensor], bool] = _more_than_a_vector
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.mask = mask  # no entry of a group, because checkpoints shall hold no code

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "mask": self.mask}

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for w, g, group in with_gradient(self.param_groups):
            real, gradient = as_real(w, g)
            pull = adam(self.state[w], gradient, (0.9, 0.999), 1e-8)
            real.sub_(group["lr"] * (pull + group["weight_decay"] * real if self.mask(w) else pull))
        return loss


class VectorsByTheirOwn(EachWeight):
    """AdamW with two decays: weight_decay for two and more dimensions, vector_decay (default 0) for the others."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.05, vector_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "vector_decay": vector_decay})

    def add_param_group(self, param_group: Group) -> None:
        super().add_param_group(param_group)
        for w in self.param_groups[-1]["params"]:
            refuse_complex(w)

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        decay = group["weight_decay"] if w.ndim >= 2 else group["vector_decay"]
        w.mul_(1 - group["lr"] * decay).sub_(group["lr"] * adam(state, g, (0.9, 0.99), 1e-8))
