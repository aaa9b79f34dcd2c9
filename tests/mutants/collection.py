"""Every class of this folder by name: its import path, what it does, and the thread of the bug."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch.optim import Optimizer

from harness import optimizers
from tests.mutants import (
    checkpoints,
    conventions,
    correct,
    decay_rule,
    gradients,
    groups,
    numerics,
    options,
    other_optimizers,
    parameters,
    schedules,
    shapes,
    timing,
)

MODULES = (
    decay_rule,
    schedules,
    parameters,
    checkpoints,
    gradients,
    shapes,
    options,
    groups,
    numerics,
    timing,
    other_optimizers,
    conventions,
    correct,
)
CLASSES: Mapping[str, type] = {
    name: one
    for module in MODULES
    for name, one in vars(module).items()
    if isinstance(one, type) and issubclass(one, Optimizer) and one.__module__ == module.__name__
    if not name.startswith("_") and one is not decay_rule.Stepwise  # a base alone is no optimizer
}


def path(name: str) -> str:
    """Return the import path of a class of this folder."""
    return path_of(CLASSES[name])


def path_of(make: type) -> str:
    """Return an optimizer's import path: that of the package, where torch.optim or harness.optimizers exports it."""
    exporting = [package.__name__ for package in (torch.optim, optimizers) if getattr(package, make.__name__, None) is make]
    return f"{exporting[0] if exporting else make.__module__}:{make.__name__}"


def does(make: type) -> str:
    """Return what an optimizer does, in the one sentence of its docstring, without the thread."""
    return " ".join((make.__doc__ or "").partition(": http")[0].split()).rstrip(".") + "."


def thread(make: type) -> str:
    """Return the thread of the real bug that a docstring gives, or nothing."""
    found = re.search(r"https://\S+?(?=[.,:;]?(\s|$))", make.__doc__ or "")
    return found[0] if found else ""
