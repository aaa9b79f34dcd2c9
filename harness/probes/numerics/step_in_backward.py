"""Does an optimizer that steps each parameter inside the backward pass do what one step over all of them does?

One optimizer a parameter, stepped by a hook as soon as the gradient is there (torch's tutorial on memory), beside one optimizer
for all. A loss sum(w x g) gives exactly the gradient g. Nothing in a step may depend on which parameters it is taken with, so
the weights agree bit for bit, whatever the rule and its decay. A second experiment takes several backward passes an update,
with a zero gradient: accumulated, they make one step and one decay; stepped in backward, as many decays as passes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.inputs import external_gradients, starting_weights
from harness.probes.numerics import StepInBackwardSettings
from harness.subject.loading import Factory
from harness.subject.stepping import step_once


def run(make: Factory, settings: StepInBackwardSettings) -> dict[str, Measurement]:
    """Return how many elements differ between the two ways, and how often an update of several passes decays."""
    together, apart = (_train(make, settings, in_backward=way) for way in (False, True))
    differing = sum(int((one != other).sum()) for one, other in zip(together, apart, strict=True))
    elements = sum(one.numel() for one in together)
    readings = {"differing": Measurement(float(differing), "elements", 0.0, 1e-6, float(elements))}
    once = -math.log(_left(make, settings, passes=1, in_backward=False))
    for name, way, expected in (("accumulated", False, 1), ("in_backward", True, settings.passes)):
        decays = -math.log(_left(make, settings, passes=settings.passes, in_backward=way)) / once if once else 0.0
        # A logarithm of a factor that `passes` roundings moved by eps each, and as much from the one it is divided by.
        tolerance = 8 * EPS * settings.passes / (settings.lr * settings.weight_decay)
        readings[f"decays_{name}"] = Measurement(decays, "decays an update", float(expected), tolerance, 1.0)
    return readings


def _train(make: Factory, settings: StepInBackwardSettings, *, in_backward: bool) -> list[Tensor]:
    """Return three weights after a run on given gradients: two float64 matrices around a float32 one."""
    drawn = external_gradients(settings.steps, smallest=1e-2, largest=1e2, seed=settings.seed)
    gradients = [drawn[0], drawn[1].float(), drawn[1].flip(0)]
    weights = [torch.nn.Parameter(starting_weights(settings.seed + index).to(one.dtype)) for index, one in enumerate(gradients)]
    step = _attach(make, settings, weights, in_backward=in_backward)
    for at in range(settings.steps):
        for weight, gradient in zip(weights, gradients, strict=True):
            (weight * gradient[at]).sum().backward()
        step()
    return [weight.detach() for weight in weights]


def _attach(
    make: Factory, settings: StepInBackwardSettings, weights: list[torch.nn.Parameter], *, in_backward: bool
) -> Callable[[], None]:
    """Return what ends an update; the steps are taken by hooks where they are taken in backward."""
    if not in_backward:
        optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay)

        numbers = itertools.count()

        def step() -> None:
            step_once(optimizer, next(numbers))
            for weight in weights:
                weight.grad = None

        return step
    for weight in weights:
        own = make([weight], lr=settings.lr, weight_decay=settings.weight_decay)
        weight.register_post_accumulate_grad_hook(_stepping(own))
    return lambda: None


def _stepping(optimizer: Any) -> Callable[[Tensor], None]:
    numbers = itertools.count()

    def hook(weight: Tensor) -> None:
        step_once(optimizer, next(numbers))
        weight.grad = None

    return hook


def _left(make: Factory, settings: StepInBackwardSettings, *, passes: int, in_backward: bool) -> float:
    """Return what one update of several backward passes with a zero gradient leaves of a weight."""
    start = torch.tensor([[1.3, -0.4], [-2.1, 0.7]], dtype=torch.float64)
    weight = torch.nn.Parameter(start.clone())
    step = _attach(make, settings, [weight], in_backward=in_backward)
    for _ in range(passes):
        (weight * 0.0).sum().backward()
    step()
    return max(float((weight.detach() / start)[0, 0]), torch.finfo(torch.float64).tiny)
