"""Tensors that an optimizer keeps for a weight: all of the weight's shape that its attributes lead to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from torch import Tensor

MAX_DEPTH = 8  # attributes, keys and places in lists between an optimizer and a tensor


def state_tensors(optimizer: Any, weights: Sequence[Tensor]) -> list[dict[str, Tensor]]:
    """Return for each weight copies in float64 of the optimizer's tensors of its shape, by their place in the optimizer.

    The weights must have different shapes. A tensor is found in attributes, mappings and lists, also of a wrapped optimizer. The
    weights themselves, and parts of a longer buffer, are left out.
    """
    found = list[dict[str, Tensor]]({} for _ in weights)
    own, ids = {weight.data_ptr() for weight in weights}, {id(weight) for weight in weights}
    for place, tensor in _tensors(optimizer, "", MAX_DEPTH, set(), ids):
        if tensor.is_floating_point() and tensor.data_ptr() not in own:
            for weight, states in zip(weights, found, strict=True):
                if tensor.shape == weight.shape:
                    states[place] = tensor.detach().double().clone()
    return found


def _tensors(value: Any, place: str, depth: int, seen: set[int], ids: set[int]) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor that `value` leads to, with its place, which is the same in every run.

    A key that is a weight, or the id of one, adds nothing to the place.
    """
    if isinstance(value, Tensor):
        yield place, value
        return
    if depth == 0 or id(value) in seen or isinstance(value, str | bytes | type | ModuleType) or callable(value):
        return
    seen.add(id(value))
    if isinstance(value, Mapping):
        for key, item in value.items():
            is_weight = isinstance(key, Tensor) or (isinstance(key, int) and key in ids)
            yield from _tensors(item, place if is_weight else f"{place}/{key}", depth - 1, seen, ids)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _tensors(item, f"{place}/{number}", depth - 1, seen, ids)
    else:
        for name, item in getattr(value, "__dict__", {}).items():
            yield from _tensors(item, f"{place}/{name}", depth - 1, seen, ids)
