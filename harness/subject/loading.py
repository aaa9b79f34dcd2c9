"""Loading of a subject: its import path becomes a factory that builds the optimizer.

A subject is named by its import path, `module:attribute`. It is a class, or a factory called as
`factory(params, lr=..., weight_decay=..., **options)`. A scenario asks for roles; each subject of a user takes one (`roles`).
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from harness.environment import session_notes
from harness.errors import RunError, SubjectError, error_line, one_line
from harness.subject.randomness import CONSTRUCTOR_STEP, seeded_by_step
from harness.subject.time_limit import time_limit

Factory = Callable[..., Any]  # make(params, lr=..., weight_decay=...) -> optimizer; params: tensors or group dicts
SUITE_PACKAGES = ("harness", "tests", "conftest", "scenarios", "golden")  # top-level names of the suite, which hide a user's
_FUSED = ("AdamW", "Adam", "SGD", "Adagrad")


def resolve(path: str) -> Factory:
    """Return the class or factory that `module:attribute` names. Raises SubjectError in one line."""
    module_name, colon, attribute = path.partition(":")
    if not (module_name and colon and attribute):
        raise SubjectError(f"{path}: expected module:attribute, for example mypkg.optim:MyAdamW")
    session_notes.note_subject(path)
    try:
        target = sys.modules.get(module_name)
        if target is None:
            with time_limit(path, "its import", times=10.0):
                target = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise SubjectError(f"{path}: cannot import {module_name!r} ({error_line(error)}); {_import_hint(module_name)}") from error
    for name in attribute.split("."):
        if not hasattr(target, name):
            names = [known for known in dir(target) if not known.startswith("_")]
            near = get_close_matches(name, names, n=3) or [known for known in names if callable(getattr(target, known))][:8]
            raise SubjectError(f"{path}: {module_name} has no {name!r} (there is: {', '.join(near) or 'nothing public'})")
        target = getattr(target, name)
    if not callable(target):
        raise SubjectError(f"{path}: expected a class or a factory, got a {type(target).__name__}")
    make_factory: Factory = target
    return make_factory


def make_factory(path: str, options: Mapping[str, Any], *, training: bool, construction: int = CONSTRUCTOR_STEP) -> Factory:
    """Return `make(params, lr=..., weight_decay=...)` for a subject.

    The flags `foreach` and `fused` of torch.optim are always explicit: for-loop in probes, fused in studies where torch has it.
    Random numbers are seeded with `construction` while the constructor runs. The returned function raises RunError in one line
    if the subject refuses its arguments.
    """
    build = resolve(path)
    _import_what_torch_imports_late()
    keywords = {**_kernel(build, path, training=training), **options}

    def make(params: Any, *, lr: float, weight_decay: float) -> Any:
        session_notes.note_subject(path)
        try:
            with time_limit(path, "its constructor"), seeded_by_step(construction):
                optimizer = build(params, lr=lr, weight_decay=weight_decay, **keywords)
        except RunError:
            raise
        except (Exception, SystemExit) as error:
            given = ", ".join(["lr", "weight_decay", *keywords])
            raise RunError(f"{path} refuses its arguments ({given}): {error_line(error)}") from error
        return into_training_mode(optimizer) if training else WatchedOptimizer(into_training_mode(optimizer), path)

    return make


@cache
def _import_what_torch_imports_late() -> None:
    """Build an optimizer of torch, which imports much of torch the first time: the time limit of a subject must not hold that."""
    import torch

    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def into_training_mode(optimizer: Any) -> Any:
    """Return the optimizer after a call of its method train(), if it has one: schedule-free optimizers step in this mode only."""
    if callable(getattr(optimizer, "train", None)):
        optimizer.train()
    return optimizer


class WatchedOptimizer:
    """A wrapper of an optimizer that counts its steps and adds the number of the step to the message of an exception."""

    steps_taken = 0  # steps of all watched optimizers of this process

    def __init__(self, optimizer: Any, path: str) -> None:
        self._optimizer, self._path, self._steps = optimizer, path, 0
        self._keyword, self.needs_closure = _arguments_of_step(optimizer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)

    @property
    def unwatched(self) -> Any:
        """The optimizer without its wrapper."""
        return self._optimizer

    def watch_copy(self, copied: Any) -> WatchedOptimizer:
        """Return a copy of the optimizer, made by the caller, in a wrapper of its own."""
        return WatchedOptimizer(copied, self._path)

    def step(self, *args: Any, **options: Any) -> Any:
        """Take the optimizer's step. Raises RunError in one line if the optimizer raises or exceeds its time limit.

        A step that needs a closure gets one that gives the same gradients again. It needs one if it has a required argument, or
        if the first call without a closure raises and the call with one does not.
        """
        self._steps += 1
        WatchedOptimizer.steps_taken += 1
        if args or options:
            return self._call(*args, **options)
        closure = _closure_of_given_gradients(self._optimizer)
        if self.needs_closure:
            return self._call(closure)
        try:
            return self._call()
        except RunError:
            if self._steps > 1:
                raise
            with contextlib.suppress(RunError):
                result = self._call(closure)
                self.needs_closure = True
                return result
            raise

    def _call(self, *args: Any, **options: Any) -> Any:
        if args and self._keyword:
            args, options = args[1:], {self._keyword: args[0], **options}
        session_notes.note_subject(self._path)
        try:
            with time_limit(self._path, f"step {self._steps}"):
                return self._optimizer.step(*args, **options)
        except RunError:
            raise
        except (Exception, SystemExit) as error:
            raise RunError(f"{self._path} raised {type(error).__name__} at step {self._steps}: {one_line(error)}") from error


def _arguments_of_step(optimizer: Any) -> tuple[str, bool]:
    """Return the name of step's closure if it can only be given by keyword, and whether step() requires an argument.

    A required argument is a closure, which computes the loss and the gradients again.
    """
    try:
        parameters = inspect.signature(optimizer.step).parameters.values()
    except (TypeError, ValueError, AttributeError):
        return "", False
    single = [parameter for parameter in parameters if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)]
    required = [parameter for parameter in single if parameter.default is parameter.empty]
    keyword_only = [parameter.name for parameter in required or single if parameter.kind is parameter.KEYWORD_ONLY]
    takes_position = any(parameter.kind is not parameter.KEYWORD_ONLY for parameter in parameters)
    return ("" if takes_position or not keyword_only else keyword_only[0]), bool(required)


def _closure_of_given_gradients(optimizer: Any) -> Callable[[], Any]:
    """Return a closure that sets every gradient to its present value, whatever was written into it, and returns a loss of 0."""
    import torch

    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    given = [None if weight.grad is None else weight.grad.detach().clone() for weight in weights]

    def closure() -> torch.Tensor:
        for weight, gradient in zip(weights, given, strict=True):
            weight.grad = None if gradient is None else gradient.clone()
        return torch.zeros(())

    return closure


def unwrap(optimizer: Any) -> Any:
    """Return the optimizer without its wrapper, for code that copies or pickles it, sets its attributes or reads its class."""
    return getattr(optimizer, "unwatched", optimizer)


def _import_hint(module_name: str) -> str:
    """Return the hint for a module that cannot be imported."""
    top = module_name.partition(".")[0]
    if top in SUITE_PACKAGES:
        return (
            f"the suite has a package {top!r} of its own, which hides yours: import your optimizer from a module of another name"
        )
    return "the working directory is on the import path, and an installed package is found by its import name"


def _kernel(build: Factory, path: str, *, training: bool) -> dict[str, bool]:
    """Return the flag that chooses the kernel of a torch.optim optimizer; empty for any other subject."""
    name, module = getattr(build, "__name__", ""), str(getattr(build, "__module__", ""))
    if not (path.startswith("torch.optim") and module.startswith("torch.optim")):
        return {}
    if training and name in _FUSED:
        return {"fused": True}
    return {"foreach": False} if "foreach" in inspect.signature(build).parameters else {}


def with_objects(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options from a command line, where a text `module:attribute` is replaced by what it names.

    So a dtype (`torch:bfloat16`) or a class that the constructor builds (`torch.optim:SGD`) can be given. A text that names
    nothing stays a text.
    """
    return {name: _named(value) for name, value in options.items()}


def _named(value: Any) -> Any:
    module, colon, attribute = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (colon and all(part.isidentifier() for part in (*module.split("."), *attribute.split(".")))):
        return value
    with contextlib.suppress(Exception):
        return attrgetter(attribute)(importlib.import_module(module))
    return value


def check_buildable(path: str, options: Mapping[str, Any]) -> None:
    """Raise SubjectError unless `path` builds an optimizer with these options, with or without the argument weight_decay."""
    for name in ("params", "lr", "weight_decay"):
        if name in options:
            raise SubjectError(f"--options: {name!r} is set by the experiments; remove it from the options")
    try:
        try_to_build(path, options)
    except SubjectError:
        if not _builds_without_decay(path, options):
            raise


def _wraps_optimizer(build: Factory) -> bool:
    """Return True if the first parameter of a constructor has the name of an optimizer."""
    with contextlib.suppress(TypeError, ValueError):
        first = next(iter(inspect.signature(build).parameters), "")
        return "optim" in first or first in ("base", "inner", "opt")
    return False


def _builds_without_decay(path: str, options: Mapping[str, Any]) -> bool:
    import torch

    try:
        with time_limit(path, "its constructor"):
            optimizer = resolve(path)([torch.nn.Parameter(torch.ones(2, 2))], lr=1e-3, **options)
    except (Exception, SystemExit):
        return False
    return hasattr(optimizer, "step") and hasattr(optimizer, "param_groups")


def try_to_build(path: str, options: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Build an optimizer of one small weight and discard it. Raises SubjectError if its constructor fails."""
    import torch

    build = resolve(path)
    _import_what_torch_imports_late()
    weight = torch.nn.Parameter(torch.ones(2, 2))
    try:
        with time_limit(path, "its constructor"):
            optimizer = build([weight], lr=1e-3, weight_decay=1e-2, **options)
    except (Exception, SystemExit) as error:
        name = path.partition(":")[2]
        base = f"{name}(torch.optim.AdamW(params, lr=lr, weight_decay=weight_decay))"
        example = f", for example def make(params, lr, weight_decay): return {base}" if _wraps_optimizer(build) else ""
        raise SubjectError(
            f"{path}: cannot be built as {name}(params, lr=..., weight_decay=...): "
            f"{error_line(error)}; wrap it in a factory that takes these arguments{example}"
        ) from error
    for name in ("step", "param_groups"):
        if not hasattr(optimizer, name):
            raise SubjectError(f"{path}: expected an optimizer, got a {type(optimizer).__name__} without {name!r}")
