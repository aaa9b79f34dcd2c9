"""Where is an optimizer measured? Given gradients, given learning rates, and the same random numbers at every step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from harness.errors import RunError, error_line
from harness.fingerprint.finding import Finding
from harness.subject import loading
from harness.subject.randomness import CONSTRUCTION, random_numbers_of
from harness.subject.stepping import set_lr, step_once

NEEDS_CLOSURE = "its step needs a closure that evaluates the loss again, and gradients are given here"
Gradients = Callable[[int, Sequence[Tensor]], Sequence[Tensor | None]]  # (step, weights) -> one gradient a weight


class NeedsClosureError(RunError):
    """The optimizer cannot take a step with gradients that it is given."""


class SubjectRunner:
    """One optimizer under measurement.

    `dtype` is float64 unless the optimizer refuses it or computes in single precision; `eps` is its rounding unit;
    `known` holds the findings so far, so that a question can build on another.
    """

    def __init__(self, path: str, options: Mapping[str, Any], dtype: torch.dtype = torch.float64) -> None:
        self.path, self.options, self.dtype = path, dict(options), dtype
        self.known: dict[str, Finding] = {}

    @property
    def eps(self) -> float:
        """The distance from 1 to the next number of the precision that is measured in."""
        return float(torch.finfo(self.dtype).eps)

    @cached_property
    def build(self) -> Callable[..., Any]:
        """The class or factory itself."""
        return loading.resolve(self.path)

    @cached_property
    def takes_decay(self) -> bool:
        """Whether the constructor has a weight_decay to take."""
        try:
            known = inspect.signature(self.build).parameters
        except (TypeError, ValueError):  # some callables have no signature
            return True
        return "weight_decay" in known or any(one.kind is one.VAR_KEYWORD for one in known.values())

    def make(
        self, params: Any, *, lr: float | Tensor, weight_decay: float, construction: int = CONSTRUCTION, **options: Any
    ) -> Any:
        """Build the optimizer with the runner's options, and those given here on top. Raises RunError in one line.

        An optimizer that takes no weight_decay is built without it: what else it does can be measured all the same. The
        constructor draws the random numbers of `construction`.
        """
        given = {**self.options, **options}
        if self.takes_decay:
            make = loading.factory(self.path, given, training=False, construction=construction)
            built = make(params, lr=lr, weight_decay=weight_decay)
        else:
            with random_numbers_of(construction):
                built = self._without_decay(params, lr, given)
        if _needs_closure(loading.unwatched(built)):
            raise NeedsClosureError(f"{self.path}: {NEEDS_CLOSURE}")
        return built

    def _without_decay(self, params: Any, lr: float | Tensor, options: Mapping[str, Any]) -> Any:
        loop = {"foreach": False} if "foreach" in inspect.signature(self.build).parameters else {}
        try:
            return loading.Watched(self.build(params, lr=lr, **{**loop, **options}), self.path)
        except Exception as error:
            raise RunError(f"{self.path} refuses its arguments ({', '.join(['lr', *options])}): {error_line(error)}") from error

    def first(self, question: str) -> str:
        """Return the first value found for an earlier question, or nothing."""
        found = self.known.get(question)
        return found.values[0] if found and found.values else ""

    def run(
        self,
        starts: Sequence[Tensor],
        gradients: Gradients,
        *,
        lrs: Sequence[float],
        weight_decay: float | Sequence[float],
        built: tuple[float, float] | None = None,
    ) -> list[Tensor]:
        """Return one path a weight, [steps + 1, *shape]: one parameter group, `lrs[t]` and `weight_decay[t]` at step t.

        A number as weight_decay is given to the constructor and not touched; a sequence also replaces the group's at every step.
        `built` are the learning rates of the constructor and of the group at that time, `lrs[0]` for both if not given.
        """
        weights = [torch.nn.Parameter(start.to(self.dtype, copy=True)) for start in starts]
        decays = weight_decay if isinstance(weight_decay, Sequence) else None
        first = weight_decay[0] if isinstance(weight_decay, Sequence) else weight_decay
        constructor, own = built or (lrs[0], lrs[0])
        given = weights if own == constructor else [{"params": weights, "lr": own}]
        optimizer = self.make(given, lr=constructor, weight_decay=first)
        paths = [[weight.detach().clone()] for weight in weights]
        for step, lr in enumerate(lrs):
            set_lr(optimizer, lr)
            if decays is not None:
                for group in optimizer.param_groups:
                    group["weight_decay"] = decays[step]
            step_once(optimizer, step, weights, gradients(step, [weight.detach() for weight in weights]))
            for path, weight in zip(paths, weights, strict=True):
                path.append(weight.detach().clone())
        return [torch.stack(path) for path in paths]


def _needs_closure(optimizer: Any) -> bool:
    """Return True if step() must be given something."""
    try:
        known = inspect.signature(optimizer.step).parameters.values()
    except (TypeError, ValueError, AttributeError):
        return False
    return any(one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in known)
