"""Which wrong optimizers are the rules run on, and whose step does each take?"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from harness.subject.loading import resolve
from tests.mutants.collection import path_of
from tests.mutants.expectations import MUTANTS, Mutant

STEPS: Mapping[str, Callable[..., Any]] = {
    name: functools.partial(one, foreach=False)
    for name, one in (("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD))
}
OTHER = "other"  # a step that is none of these


@dataclass(frozen=True)
class Maker:
    """Build an optimizer with what its constructor accepts of the options given, and leave the rest out."""

    path: str

    def __call__(self, params: Any, **options: Any) -> Any:
        taken = {name: value for name, value in options.items() if self.takes(name)}
        return resolve(self.path)(params, **taken)

    def takes(self, name: str) -> bool:
        """Return True if the constructor names this option, or hands what it does not name to a base that does."""
        return name in _options(self.path)


@dataclass(frozen=True)
class Planted:
    """An optimizer with one planted fault, the same one without it, and the step that the latter takes."""

    name: str
    group: str
    mutant: Maker
    twin: Maker
    step: str


@functools.cache
def planted() -> tuple[Planted, ...]:
    """Return every mutant of the catalogue, by the module that holds it."""
    return tuple(_planted(one) for one in sorted(MUTANTS, key=lambda one: one.make.__module__))


@functools.cache
def step_of(twin: Maker) -> str:
    """Return whose numbers an optimizer gives in five steps of float32: torch's AdamW, Adam or SGD, or `other`.

    The tolerance is 100 eps of weights of size 1; one decay, the smallest difference between the three, is 1e-3.
    """
    tolerance = 100 * torch.finfo(torch.float32).eps
    for name, reference in STEPS.items():
        wanted, got = _walk(reference), _walk(twin)
        if got is not None and wanted is not None and torch.allclose(got, wanted, rtol=0.0, atol=tolerance):
            return name
    return OTHER


def _planted(one: Mutant) -> Planted:
    twin = Maker(path_of(one.twin))
    return Planted(one.name, one.make.__module__.rpartition(".")[2], Maker(one.path), twin, step_of(twin))


@functools.cache
def _options(path: str) -> frozenset[str]:
    """Return the options of a constructor; where it passes `**options` on, also those of the next class that names its own."""
    build = resolve(path)
    names: set[str] = set()
    for one in inspect.getmro(build) if inspect.isclass(build) else [build]:
        if inspect.isclass(one) and "__init__" not in vars(one):
            continue
        parameters = inspect.signature(one).parameters.values()
        names |= {each.name for each in parameters}
        if not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
            break
    return frozenset(names)


def _walk(make: Callable[..., Any]) -> torch.Tensor | None:
    """Return a matrix after five steps on given gradients, or nothing where the optimizer refuses."""
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
