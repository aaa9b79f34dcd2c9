"""Optimizers with a planted bug on which the rules are run, and the kind of step that each takes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from harness.subject.loading import resolve
from tests.mutants.collection import path_of
from tests.mutants.expectations import FIELD_ONLY, MUTANTS, Mutant

STEPS: Mapping[str, Callable[..., Any]] = {
    name: functools.partial(make, foreach=False)
    for name, make in (("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD))
}
OTHER = "other"  # any other step


@dataclass(frozen=True)
class Maker:
    """Factory of an optimizer by its import path; options that its constructor does not accept are left out."""

    path: str

    def __call__(self, params: Any, **options: Any) -> Any:
        taken = {name: value for name, value in options.items() if self.takes(name)}
        return resolve(self.path)(params, **taken)

    def takes(self, name: str) -> bool:
        """Return True if the constructor has this option, or passes it on to a base class that has it."""
        return name in _options(self.path)


@dataclass(frozen=True)
class Planted:
    """A mutant and its twin. `group` is the module of the mutant, `step` the kind of step that the twin takes."""

    name: str
    group: str
    mutant: Maker
    twin: Maker
    step: str


@functools.cache
def planted() -> tuple[Planted, ...]:
    """Return every mutant of tests/mutants but those that only a field of the contract notices, sorted by module."""
    claimed = [mutant for mutant in MUTANTS if mutant.name not in FIELD_ONLY]
    return tuple(_planted(mutant) for mutant in sorted(claimed, key=lambda mutant: mutant.make.__module__))


@functools.cache
def step_of(twin: Maker) -> str:
    """Return the optimizer of torch with the same weights after five steps in float32: adamw, adam, sgd, or `other`.

    The tolerance is 100 eps for weights of size 1. The smallest difference between the three is one decay: 1e-3.
    """
    tolerance = 100 * torch.finfo(torch.float32).eps
    for name, reference in STEPS.items():
        wanted, got = _weights_after(reference), _weights_after(twin)
        if got is not None and wanted is not None and torch.allclose(got, wanted, rtol=0.0, atol=tolerance):
            return name
    return OTHER


def _planted(mutant: Mutant) -> Planted:
    twin = Maker(path_of(mutant.twin))
    return Planted(mutant.name, mutant.make.__module__.rpartition(".")[2], Maker(mutant.path), twin, step_of(twin))


@functools.cache
def _options(path: str) -> frozenset[str]:
    """Return the options of a constructor; if it takes `**options`, also those of the next base class with a constructor."""
    build = resolve(path)
    names: set[str] = set()
    for make in inspect.getmro(build) if inspect.isclass(build) else [build]:
        if inspect.isclass(make) and "__init__" not in vars(make):
            continue
        parameters = inspect.signature(make).parameters.values()
        names |= {parameter.name for parameter in parameters}
        if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
            break
    return frozenset(names)


def _weights_after(make: Callable[..., Any]) -> torch.Tensor | None:
    """Return a matrix after five steps with given gradients, or None if the optimizer raises an exception."""
    generator = torch.Generator().manual_seed(3)
    weight = torch.nn.Parameter(torch.randn(3, 4, generator=generator))
    try:
        optimizer = make([weight], lr=0.01, weight_decay=0.1)
        for _ in range(5):
            weight.grad = torch.randn(3, 4, generator=generator)
            optimizer.step()
    except Exception:
        return None
    return weight.detach()
