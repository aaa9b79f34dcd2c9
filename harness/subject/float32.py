"""Float32 copies of float64 weights, for an optimizer that works only in float32.

Probes hold float64 weights. Such an optimizer steps the copies, and its measurements get wider tolerances.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement, Measurements
from harness.subject.loading import Factory

FLOAT32_FACTOR = torch.finfo(torch.float32).eps / EPS  # how many times larger a rounding error is in float32 than in float64


def in_float32(make: Factory) -> Factory:
    """Return a factory whose optimizers keep float32 copies of the float64 weights that they are given."""

    def made(params: Any, **options: Any) -> Float32Copies:
        return Float32Copies(make, params, options)

    return made


def widen_tolerances(measurements: Measurements) -> Mapping[str, Measurement]:
    """Return the measurements of an optimizer that computes in float32, with each tolerance multiplied by FLOAT32_FACTOR."""
    return {
        name: replace(
            measurement,
            tolerance=None if measurement.tolerance is None else measurement.tolerance * FLOAT32_FACTOR,
            computed_in_float32=True,
        )
        for name, measurement in measurements.items()
    }


class Float32Copies:
    """An optimizer that steps float32 copies of the weights.

    Before a step the copies take the values of the weights and gradients. After it the weights take the values of the copies.
    """

    def __init__(self, make: Factory, params: Any, options: Mapping[str, Any]) -> None:
        self._pairs: list[tuple[Tensor, Tensor]] = []  # weight, copy
        entries = list(params)
        copied = [self._group(entry) for entry in entries] if entries and isinstance(entries[0], dict) else self._copies(entries)
        self._optimizer = make(copied, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)

    def step(self, *args: Any, **options: Any) -> Any:
        """Step the copies and write the elements that changed into the weights; return what the optimizer's step returns."""
        starts = []
        for weight, copy in self._pairs:
            copy.data.copy_(weight.data)
            copy.grad = None if weight.grad is None else weight.grad.to(copy.dtype)
            starts.append(copy.detach().clone())
        result = self._optimizer.step(*args, **options)
        for (weight, copy), start in zip(self._pairs, starts, strict=True):
            # An element that the step left unchanged keeps its float64 bits, also those that float32
            # cannot hold.
            weight.data.copy_(torch.where(copy.detach() == start, weight.data, copy.detach().to(weight.dtype)))
        return result

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
        dtype = {torch.float64: torch.float32, torch.complex128: torch.complex64}.get(weight.dtype, weight.dtype)
        copy = torch.nn.Parameter(weight.detach().to(dtype, copy=True), requires_grad=weight.requires_grad)
        self._pairs.append((weight, copy))
        return copy
