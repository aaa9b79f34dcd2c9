"""Probe step_in_backward: steps inside the backward pass compared with one step over all parameters.

Each parameter has its own optimizer, which a hook steps as soon as the gradient is there (torch's tutorial on memory).
The comparison is one optimizer for all parameters. A loss sum(w x g) gives exactly the gradient g. A step on one
parameter must not depend on the parameters beside it, so the weights agree bit for bit, for any rule and decay. A
second experiment takes several backward passes per update, with a zero gradient: accumulated, they make one step and
one decay; stepped in backward, as many decays as passes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measured, Measurement
from harness.probes.inputs import external_gradients, starting_weights
from harness.probes.numerics import StepInBackwardSettings
from harness.probes.probe import collect
from harness.subject.loading import Factory
from harness.subject.stepping import step_once


def run(make: Factory, settings: StepInBackwardSettings) -> Measured:
    """Return the elements that differ from one step over all parameters, and the decays of an update of several passes."""
    return collect(
        {
            "differing": lambda: _differing(make, settings),
            ("decays_accumulated", "decays_in_backward"): lambda: _decays(make, settings),
        }
    )


def _differing(make: Factory, settings: StepInBackwardSettings) -> Measurement:
    """Return the number of elements that differ between one step over all parameters and a step in each one's hook."""
    together, apart = (_train(make, settings, in_backward=in_backward) for in_backward in (False, True))
    differing = sum(int((ours != theirs).sum()) for ours, theirs in zip(together, apart, strict=True))
    elements = sum(weight.numel() for weight in together)
    return Measurement(float(differing), "elements", 0.0, 1e-6, float(elements))


def _decays(make: Factory, settings: StepInBackwardSettings) -> dict[str, Measurement]:
    """Return the decays of an update whose gradient has several passes, for both ways to step."""
    measurements = dict[str, Measurement]()
    one_decay = -math.log(_left(make, settings, passes=1, in_backward=False))
    for name, in_backward, expected in (("accumulated", False, 1), ("in_backward", True, settings.passes)):
        decays = (
            -math.log(_left(make, settings, passes=settings.passes, in_backward=in_backward)) / one_decay if one_decay else 0.0
        )
        # Each of `passes` roundings moves the factor in the logarithm by eps; the divisor has the
        # same error.
        tolerance = 8 * EPS * settings.passes / (settings.lr * settings.weight_decay)
        measurements[f"decays_{name}"] = Measurement(decays, "decays an update", float(expected), tolerance, 1.0)
    return measurements


def _train(make: Factory, settings: StepInBackwardSettings, *, in_backward: bool) -> list[Tensor]:
    """Return three weights after a run on given gradients: two float64 matrices around a float32 one."""
    drawn = external_gradients(settings.steps, smallest=1e-2, largest=1e2, seed=settings.seed)
    gradients = [drawn[0], drawn[1].float(), drawn[1].flip(0)]
    weights = [
        torch.nn.Parameter(starting_weights(settings.seed + index).to(gradient.dtype)) for index, gradient in enumerate(gradients)
    ]
    end_update = _attach(make, settings, weights, in_backward=in_backward)
    for index in range(settings.steps):
        for weight, gradient in zip(weights, gradients, strict=True):
            (weight * gradient[index]).sum().backward()
        end_update()
    return [weight.detach() for weight in weights]


def _attach(
    make: Factory, settings: StepInBackwardSettings, weights: list[torch.nn.Parameter], *, in_backward: bool
) -> Callable[[], None]:
    """Return a function that ends an update: it takes the step, or does nothing where hooks take the steps in backward."""
    if not in_backward:
        optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay)

        numbers = itertools.count()

        def step() -> None:
            step_once(optimizer, next(numbers))
            for weight in weights:
                weight.grad = None

        return step
    for weight in weights:
        optimizer = make([weight], lr=settings.lr, weight_decay=settings.weight_decay)
        weight.register_post_accumulate_grad_hook(_stepping_hook(optimizer))
    return lambda: None


def _stepping_hook(optimizer: Any) -> Callable[[Tensor], None]:
    numbers = itertools.count()

    def hook(weight: Tensor) -> None:
        step_once(optimizer, next(numbers))
        weight.grad = None

    return hook


def _left(make: Factory, settings: StepInBackwardSettings, *, passes: int, in_backward: bool) -> float:
    """Return the share of a weight that remains after one update of `passes` backward passes with a zero gradient."""
    start = torch.tensor([[1.3, -0.4], [-2.1, 0.7]], dtype=torch.float64)
    weight = torch.nn.Parameter(start.clone())
    end_update = _attach(make, settings, [weight], in_backward=in_backward)
    for _ in range(passes):
        (weight * 0.0).sum().backward()
    end_update()
    return max(float((weight.detach() / start)[0, 0]), torch.finfo(torch.float64).tiny)
