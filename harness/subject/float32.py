"""How is an optimizer that knows float32 only measured by probes that hold float64 weights? Through single-precision copies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement, Measurements
from harness.subject.loading import Factory

COARSER = torch.finfo(torch.float32).eps / EPS  # what a rounding error in float64 is in float32


def in_float32(make: Factory) -> Factory:
    """Return a factory whose optimizers keep float32 copies of the float64 weights that they are given."""

    def made(params: Any, **options: Any) -> SingleCopies:
        return SingleCopies(make, params, options)

    return made


def widen_tolerances(readings: Measurements) -> Mapping[str, Measurement]:
    """Return the readings of an optimizer that computes in float32, with the tolerances that follow from it."""
    return {
        name: replace(one, tolerance=None if one.tolerance is None else one.tolerance * COARSER, single=True)
        for name, one in readings.items()
    }


class SingleCopies:
    """An optimizer of float32 copies; before a step they take over weights and gradients, after it the weights take over them."""

    def __init__(self, make: Factory, params: Any, options: Mapping[str, Any]) -> None:
        self._pairs: list[tuple[Tensor, Tensor]] = []  # weight, copy
        entries = list(params)
        given = [self._group(one) for one in entries] if entries and isinstance(entries[0], dict) else self._copies(entries)
        self._optimizer = make(given, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)

    def step(self, *args: Any, **options: Any) -> Any:
        """Step the copies, and give the weights what came of it."""
        starts = []
        for weight, copy in self._pairs:
            copy.data.copy_(weight.data)
            copy.grad = None if weight.grad is None else weight.grad.to(copy.dtype)
            starts.append(copy.detach().clone())
        came = self._optimizer.step(*args, **options)
        for (weight, copy), start in zip(self._pairs, starts, strict=True):
            # What the step left alone keeps its bits, also those that float32 does not have.
            weight.data.copy_(torch.where(copy.detach() == start, weight.data, copy.detach().to(weight.dtype)))
        return came

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add a group of copies."""
        self._optimizer.add_param_group(self._group(group))

    def _group(self, group: Mapping[str, Any]) -> dict[str, Any]:
        given = group["params"]
        return {**group, "params": self._copies([given] if isinstance(given, Tensor) else given)}

    def _copies(self, weights: Iterable[Tensor]) -> list[Tensor]:
        return [self._copy(weight) for weight in weights]

    def _copy(self, weight: Tensor) -> Tensor:
        for known, copy in self._pairs:
            if known is weight:
                return copy
        single = {torch.float64: torch.float32, torch.complex128: torch.complex64}.get(weight.dtype, weight.dtype)
        copy = torch.nn.Parameter(weight.detach().to(single, copy=True), requires_grad=weight.requires_grad)
        self._pairs.append((weight, copy))
        return copy
