"""Which optimizer is under test, and how is it built?

A subject is named by import path, `module:attribute`: a class, or a factory called as
`factory(params, lr=..., weight_decay=..., **options)`. Roles say what a scenario asks for; a user's subject takes one.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from harness.contract import PROMISES, Contract, complete, role_of
from harness.deadline import deadline
from harness.errors import RunError, SubjectError

Factory = Callable[..., Any]  # make(params, lr=..., weight_decay=...) -> optimizer; params: tensors or group dicts

DEFAULTS: Mapping[str, str] = {
    "decoupled": "torch.optim:AdamW",
    "coupled": "torch.optim:Adam",
    "sgd": "torch.optim:SGD",
}
ANY = "any"  # the role of claims that hold for whatever optimizer is under test
OWN = ("harness", "tests", "conftest", "scenarios", "golden")  # names at the suite's top, which come before a user's
_FUSED = ("AdamW", "Adam", "SGD", "Adagrad")


@dataclass(frozen=True)
class Subjects:
    """Who takes which role in this run; `under_test` are the roles that the user's subjects took, if any were given.

    `declared` are the contracts by role, complete; `contract_file` is where the subject's author wrote one of them, if anywhere.
    """

    by_role: Mapping[str, str]
    under_test: tuple[str, ...] = ()
    declared: Mapping[str, Contract] = field(default_factory=lambda: PROMISES)
    contract_file: str = ""

    def path(self, role: str) -> str:
        """Return the import path of who takes `role`; `any` is the first subject under test, else the decoupled one."""
        return self.by_role[(self.under_test or ("decoupled",))[0] if role == ANY else role]

    def tests(self, role: str) -> bool:
        """Say whether an arm of this role runs a subject that the user put under test."""
        return role in self.under_test or (role == ANY and bool(self.under_test))

    def contract(self, role: str) -> Contract:
        """Return what is declared of the optimizer in `role`."""
        return self.declared[(self.under_test or ("decoupled",))[0] if role == ANY else role]

    def single(self, role: str) -> bool:
        """Say whether an arm of this role runs an optimizer whose contract says that it computes in float32."""
        return self.tests(role) and self.contract(role)["precision"] == "float32"

    @property
    def reference(self) -> str:
        """The optimizer to whose goldens the one subject under test is held, or nothing."""
        return str(self.contract(self.under_test[0])["equivalent_to"]) if len(self.under_test) == 1 else ""

    @property
    def folder(self) -> str:
        """The golden folder: `default` for the shipped subjects, else the paths with ':' written '.', joined by '+'."""
        if self.reference:
            return "default" if self.reference in DEFAULTS.values() else self.reference.replace(":", ".")
        return "+".join(self.by_role[role].replace(":", ".") for role in self.under_test) or "default"


def parse(text: str, usual: str = "decoupled") -> tuple[str, str]:
    """Return (role, path) of an `--optimizer [ROLE=]module:attribute` value. Raises SubjectError."""
    role, separator, path = text.rpartition("=")
    role = role if separator else usual
    if role not in DEFAULTS:
        raise SubjectError(f"--optimizer {text}: unknown role {role!r} (known: {', '.join(sorted(DEFAULTS))})")
    module, colon, attribute = path.partition(":")
    if not (module and colon and attribute):
        raise SubjectError(f"--optimizer {text}: expected [ROLE=]module:attribute, for example mypkg.optim:MyAdamW")
    return role, path


def choose(values: Sequence[str], heard: list[str], declared: Contract | None = None) -> Subjects:
    """Return who takes which role; what the subjects print or warn meanwhile goes to `heard`.

    `declared` is the contract of the one subject given, and names its role where `values` does not. Raises SubjectError
    unless each given subject resolves and accepts weight decay.
    """
    if declared is not None and len(values) != 1:
        raise SubjectError(f"--contract declares one optimizer: expected one --optimizer, got {len(values)}")
    by_role = dict(DEFAULTS)
    given = [parse(value, role_of(declared or {})) for value in values]
    if len({role for role, _ in given}) != len(given):
        raise SubjectError(f"--optimizer: a role is given twice ({', '.join(role for role, _ in given)})")
    for role, path in given:
        by_role[role] = path
        with listening(heard):
            _try_to_build(path)
    under_test = tuple(sorted(role for role, _ in given))
    if declared and declared.get("equivalent_to"):
        with listening(heard):
            _try_to_build(str(declared["equivalent_to"]))
    contracts = dict(PROMISES)
    for role in under_test:
        contracts[role] = complete(declared or {}, role)
    return Subjects(by_role, under_test, contracts)


def resolve(path: str) -> Factory:
    """Return what `module:attribute` names. Raises SubjectError in one line."""
    module_name, colon, attribute = path.partition(":")
    if not (module_name and colon and attribute):
        raise SubjectError(f"{path}: expected module:attribute, for example mypkg.optim:MyAdamW")
    try:
        found = sys.modules.get(module_name)
        if found is None:
            with deadline(f"{path}: its import", times=10.0):
                found = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise SubjectError(f"{path}: cannot import {module_name!r} ({_line(error)}); {_where(module_name)}") from error
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


def factory(path: str, options: Mapping[str, Any], *, training: bool) -> Factory:
    """Return `make(params, lr=..., weight_decay=...)` for a subject.

    `foreach` and `fused` are torch.optim's own and always explicit: for-loop in probes, fused in studies where torch
    has it. Raises RunError in one line when the subject refuses an option.
    """
    build = resolve(path)
    bound = {**_kernel(build, path, training=training), **options}

    def make(params: Any, *, lr: float, weight_decay: float) -> Any:
        try:
            with deadline(f"{path}: its constructor"):
                optimizer = build(params, lr=lr, weight_decay=weight_decay, **bound)
        except RunError:
            raise
        except (Exception, SystemExit) as error:
            given = ", ".join(["lr", "weight_decay", *bound])
            raise RunError(f"{path} refuses its arguments ({given}): {_line(error)}") from error
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
            with deadline(f"{self._path}: step {self._steps}"):
                return self._optimizer.step(*args, **options)
        except RunError:
            raise
        except (Exception, SystemExit) as error:
            said = " ".join(str(error).split())
            raise RunError(f"{self._path} raised {type(error).__name__} at step {self._steps}: {said}") from error


def unwatched(optimizer: Any) -> Any:
    """Return the subject's own optimizer, for what copies or pickles it, sets its attributes, or asks for its class."""
    return getattr(optimizer, "unwatched", optimizer)


@contextlib.contextmanager
def listening(heard: list[str]) -> Iterator[None]:
    """Collect what a subject prints or warns, once each, in `heard`; it is listed and never a failure."""
    out = io.StringIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                yield
            finally:
                lines = [f"prints: {line}" for line in out.getvalue().splitlines() if line.strip()]
                lines += [f"warns: {item.category.__name__}: {item.message}" for item in caught]
                heard.extend(line for line in dict.fromkeys(lines) if line not in heard)


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


def _line(error: BaseException) -> str:
    """Return an exception as one line, whatever its message holds."""
    return " ".join(f"{type(error).__name__}: {error}".split())


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
        with deadline(f"{path}: its constructor"):
            optimizer = resolve(path)([torch.nn.Parameter(torch.ones(2, 2))], lr=1e-3, **options)
    except (Exception, SystemExit):
        return False
    return hasattr(optimizer, "step") and hasattr(optimizer, "param_groups")


def _try_to_build(path: str, options: Mapping[str, Any] = MappingProxyType({})) -> None:
    import torch

    build = resolve(path)
    weight = torch.nn.Parameter(torch.ones(2, 2))
    try:
        with deadline(f"{path}: its constructor"):
            optimizer = build([weight], lr=1e-3, weight_decay=1e-2, **options)
    except (Exception, SystemExit) as error:
        raise SubjectError(
            f"{path}: cannot be built as {path.partition(':')[2]}(params, lr=..., weight_decay=...): "
            f"{_line(error)}; wrap it in a factory that takes these arguments"
        ) from error
    for name in ("step", "param_groups"):
        if not hasattr(optimizer, name):
            raise SubjectError(f"{path}: expected an optimizer, got a {type(optimizer).__name__} without {name!r}")
