"""Collection of all classes of this folder by name, with import path, description and thread of the bug."""

from __future__ import annotations

import hashlib
import inspect
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
    outside_step,
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
    outside_step,
    groups,
    numerics,
    timing,
    other_optimizers,
    conventions,
    correct,
)
CLASSES: Mapping[str, type] = {
    name: make
    for module in MODULES
    for name, make in vars(module).items()
    if isinstance(make, type) and issubclass(make, Optimizer) and make.__module__ == module.__name__
    if not name.startswith("_") and make is not decay_rule.Stepwise  # an abstract base class
}


def path(name: str) -> str:
    """Return the import path of a class of this folder."""
    return path_of(CLASSES[name])


def path_of(make: type) -> str:
    """Return the import path of an optimizer, through torch.optim or harness.optimizers if the package exports it."""
    exporting = [package.__name__ for package in (torch.optim, optimizers) if getattr(package, make.__name__, None) is make]
    return f"{exporting[0] if exporting else make.__module__}:{make.__name__}"


def source_hash(make: type) -> str:
    """Return a hash of the source of a class and of its base classes in this project, so that a changed one is tried again."""
    bases = [base for base in make.__mro__ if base.__module__.startswith(("tests.", "harness."))]
    return hashlib.sha256("".join(inspect.getsource(base) for base in bases).encode()).hexdigest()[:12]


def does(make: type) -> str:
    """Return the description of an optimizer: the sentence of its docstring, without the thread."""
    return " ".join((make.__doc__ or "").partition(": http")[0].split()).rstrip(".") + "."


def thread(make: type) -> str:
    """Return the address of the thread of the real bug in a docstring, or an empty string."""
    found = re.search(r"https://\S+?(?=[.,:;]?(\s|$))", make.__doc__ or "")
    return found[0] if found else ""
