"""Which optimizer is under test, and how is it built?

A subject is named by import path, `module:attribute`: a class, or a factory called as
`factory(params, lr=..., weight_decay=..., **options)`. Roles say what a scenario asks for; a user's subject takes one.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from harness.errors import RunError, SubjectError, error_line, one_line
from harness.subject.randomness import CONSTRUCTION, random_numbers_of
from harness.subject.time_limit import deadline

Factory = Callable[..., Any]  # make(params, lr=..., weight_decay=...) -> optimizer; params: tensors or group dicts
OWN = ("harness", "tests", "conftest", "scenarios", "golden")  # names at the suite's top, which come before a user's
_FUSED = ("AdamW", "Adam", "SGD", "Adagrad")


def resolve(path: str) -> Factory:
    """Return what `module:attribute` names. Raises SubjectError in one line."""
    module_name, colon, attribute = path.partition(":")
    if not (module_name and colon and attribute):
        raise SubjectError(f"{path}: expected module:attribute, for example mypkg.optim:MyAdamW")
    try:
        found = sys.modules.get(module_name)
        if found is None:
            with deadline(path, "its import", times=10.0):
                found = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise SubjectError(f"{path}: cannot import {module_name!r} ({error_line(error)}); {_where(module_name)}") from error
    for name in attribute.split("."):
        if not hasattr(found, name):
            names = [known for known in dir(found) if not known.startswith("_")]
            near = get_close_matches(name, names, n=3) or [known for known in names if callable(getattr(found, known))][:8]
            raise SubjectError(f"{path}: {module_name} has no {name!r} (there is: {', '.join(near) or 'nothing public'})")
        found = getattr(found, name)
    if not callable(found):
        raise SubjectError(f"{path}: expected a class or a factory, got a {type(found).__name__}")
    factory: Factory = found
    return factory


def factory(path: str, options: Mapping[str, Any], *, training: bool, construction: int = CONSTRUCTION) -> Factory:
    """Return `make(params, lr=..., weight_decay=...)` for a subject.

    `foreach` and `fused` are torch.optim's own and always explicit: for-loop in probes, fused in studies where torch
    has it. The constructor draws the random numbers of `construction`. Raises RunError in one line when the subject refuses
    an option.
    """
    build = resolve(path)
    bound = {**_kernel(build, path, training=training), **options}

    def make(params: Any, *, lr: float, weight_decay: float) -> Any:
        try:
            with deadline(path, "its constructor"), random_numbers_of(construction):
                optimizer = build(params, lr=lr, weight_decay=weight_decay, **bound)
        except RunError:
            raise
        except (Exception, SystemExit) as error:
            given = ", ".join(["lr", "weight_decay", *bound])
            raise RunError(f"{path} refuses its arguments ({given}): {error_line(error)}") from error
        return optimizer if training else Watched(optimizer, path)

    return make


class Watched:
    """An optimizer whose steps are counted, and whose exception says at which step it came."""

    steps_taken = 0  # by all watched optimizers of this process

    def __init__(self, optimizer: Any, path: str) -> None:
        self._optimizer, self._path, self._steps = optimizer, path, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)

    @property
    def unwatched(self) -> Any:
        """The optimizer itself."""
        return self._optimizer

    def step(self, *args: Any, **options: Any) -> Any:
        """Take the optimizer's step. Raises RunError in one line when it raises."""
        self._steps += 1
        Watched.steps_taken += 1
        try:
            with deadline(self._path, f"step {self._steps}"):
                return self._optimizer.step(*args, **options)
        except RunError:
            raise
        except (Exception, SystemExit) as error:
            raise RunError(f"{self._path} raised {type(error).__name__} at step {self._steps}: {one_line(error)}") from error


def unwatched(optimizer: Any) -> Any:
    """Return the subject's own optimizer, for what copies or pickles it, sets its attributes, or asks for its class."""
    return getattr(optimizer, "unwatched", optimizer)


def _where(module_name: str) -> str:
    """Return the hint for a module that cannot be imported."""
    top = module_name.partition(".")[0]
    if top in OWN:
        return (
            f"the suite has a package {top!r} of its own, which hides yours: import your optimizer from a module of another name"
        )
    return "the working directory is on the import path, and an installed package is found by its import name"


def _kernel(build: Factory, path: str, *, training: bool) -> dict[str, bool]:
    name, module = getattr(build, "__name__", ""), str(getattr(build, "__module__", ""))
    if not (path.startswith("torch.optim") and module.startswith("torch.optim")):
        return {}
    if training and name in _FUSED:
        return {"fused": True}
    return {"foreach": False} if "foreach" in inspect.signature(build).parameters else {}


def buildable(path: str, options: Mapping[str, Any]) -> None:
    """Raise SubjectError unless a fingerprint can be made: with these options it is an optimizer, if perhaps without decay."""
    for name in ("params", "lr", "weight_decay"):
        if name in options:
            raise SubjectError(f"--options: {name!r} is given by the experiments; expected other options")
    try:
        _try_to_build(path, options)
    except SubjectError:
        if not _builds_without_decay(path, options):
            raise


def _builds_without_decay(path: str, options: Mapping[str, Any]) -> bool:
    import torch

    try:
        with deadline(path, "its constructor"):
            optimizer = resolve(path)([torch.nn.Parameter(torch.ones(2, 2))], lr=1e-3, **options)
    except (Exception, SystemExit):
        return False
    return hasattr(optimizer, "step") and hasattr(optimizer, "param_groups")


def _try_to_build(path: str, options: Mapping[str, Any] = MappingProxyType({})) -> None:
    import torch

    build = resolve(path)
    weight = torch.nn.Parameter(torch.ones(2, 2))
    try:
        with deadline(path, "its constructor"):
            optimizer = build([weight], lr=1e-3, weight_decay=1e-2, **options)
    except (Exception, SystemExit) as error:
        raise SubjectError(
            f"{path}: cannot be built as {path.partition(':')[2]}(params, lr=..., weight_decay=...): "
            f"{error_line(error)}; wrap it in a factory that takes these arguments"
        ) from error
    for name in ("step", "param_groups"):
        if not hasattr(optimizer, name):
            raise SubjectError(f"{path}: expected an optimizer, got a {type(optimizer).__name__} without {name!r}")
