"""Runner of an optimizer: it sets the gradients, learning rates and random numbers of each step."""

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
from harness.subject.randomness import CONSTRUCTOR_STEP, seeded_by_step
from harness.subject.stepping import set_lr, step_once

Watch = Callable[[int, Any, Sequence[Tensor]], None]  # (step, optimizer, weights), called after each step
Gradients = Callable[[int, Sequence[Tensor]], Sequence[Tensor | None]]  # (step, weights) -> one gradient a weight


class SubjectRunner:
    """One optimizer under measurement: its import path and its options.

    `dtype` is float64 unless the optimizer refuses it or computes in single precision; `eps` is its rounding unit;
    `findings` holds the findings so far, so that a question can build on another.
    """

    def __init__(self, path: str, options: Mapping[str, Any], dtype: torch.dtype = torch.float64) -> None:
        self.path, self.options, self.dtype = path, dict(options), dtype
        self.findings: dict[str, Finding] = {}

    @property
    def eps(self) -> float:
        """The distance from 1 to the next larger number of `dtype`."""
        return float(torch.finfo(self.dtype).eps)

    @cached_property
    def build(self) -> Callable[..., Any]:
        """The class or factory at the import path."""
        return loading.resolve(self.path)

    @cached_property
    def takes_decay(self) -> bool:
        """Whether the constructor takes weight_decay, by name or in its keyword arguments."""
        try:
            parameters = inspect.signature(self.build).parameters
        except (TypeError, ValueError):  # some callables have no signature
            return True
        return "weight_decay" in parameters or any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())

    def make(
        self, params: Any, *, lr: float | Tensor, weight_decay: float, construction: int = CONSTRUCTOR_STEP, **options: Any
    ) -> Any:
        """Build the optimizer with the runner's options; `options` replace or extend them.

        An optimizer that takes no weight_decay is built without it, so that everything else can be measured. `construction`
        seeds the random numbers of the constructor. Raise RunError, in one line, if the constructor refuses its arguments.
        """
        given = {**self.options, **options}
        if self.takes_decay:
            make = loading.make_factory(self.path, given, training=False, construction=construction)
            built = make(params, lr=lr, weight_decay=weight_decay)
        else:
            with seeded_by_step(construction):
                built = self._build_without_decay(params, lr, given)
        return built

    def _build_without_decay(self, params: Any, lr: float | Tensor, options: Mapping[str, Any]) -> Any:
        """Build an optimizer that takes no weight_decay; it steps one tensor at a time if it has an option foreach."""
        loop = {"foreach": False} if "foreach" in inspect.signature(self.build).parameters else {}
        try:
            built = self.build(params, lr=lr, **{**loop, **options})
            return loading.WatchedOptimizer(loading.into_training_mode(built), self.path)
        except Exception as error:
            raise RunError(f"{self.path} refuses its arguments ({', '.join(['lr', *options])}): {error_line(error)}") from error

    def first_value(self, question: str) -> str:
        """Return the first value of an earlier question's finding, or an empty string."""
        finding = self.findings.get(question)
        return finding.values[0] if finding and finding.values else ""

    def run(
        self,
        starts: Sequence[Tensor],
        gradients: Gradients,
        *,
        lrs: Sequence[float],
        weight_decay: float | Sequence[float],
        built: tuple[float, float] | None = None,
        watch: Watch | None = None,
    ) -> list[Tensor]:
        """Return the path of each weight, [steps + 1, *shape], in one parameter group with learning rate `lrs[t]` at step t.

        A single weight_decay is given to the constructor and not changed. Of a sequence the constructor gets the first value,
        and the group gets `weight_decay[t]` before step t. `built` holds the learning rates of the constructor and of the group
        at construction; both are `lrs[0]` if it is not given. `watch` is called after each step.
        """
        weights = [torch.nn.Parameter(start.to(self.dtype, copy=True)) for start in starts]
        decays = weight_decay if isinstance(weight_decay, Sequence) else None
        first_decay = weight_decay[0] if isinstance(weight_decay, Sequence) else weight_decay
        constructor_lr, group_lr = built or (lrs[0], lrs[0])
        given = weights if group_lr == constructor_lr else [{"params": weights, "lr": group_lr}]
        optimizer = self.make(given, lr=constructor_lr, weight_decay=first_decay)
        paths = [[weight.detach().clone()] for weight in weights]
        for step, lr in enumerate(lrs):
            set_lr(optimizer, lr)
            if decays is not None:
                for group in optimizer.param_groups:
                    group["weight_decay"] = decays[step]
            step_once(optimizer, step, weights, gradients(step, [weight.detach() for weight in weights]))
            for path, weight in zip(paths, weights, strict=True):
                path.append(weight.detach().clone())
            if watch:
                watch(step, optimizer, weights)
        return [torch.stack(path) for path in paths]
