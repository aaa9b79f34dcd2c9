"""Numbers of 20 given steps, which record an update rule that has no closed form.

Such a rule cannot be compared with a formula, so it is compared with itself: the numbers are recorded, and a later version of
the optimizer must give them again. Each number is the projection of a weight's displacement on a fixed direction, so a change of
any element changes it. Every tensor is stepped alone, with weight decay and without it.

    tensor   what it is for
    matrix   usual weights
    large    a matrix whose norm is 50: a clamped ratio of norms shows
    vector   rules that treat tensors below two dimensions in another way

The sizes of the gradients range over four powers of ten, so a clip or a floor shows, and the learning rate changes once. The
steps are taken three times, on given gradients and on two changes of them, one fine and one coarse:

    response                                                           the number is recorded as
    in proportion to the change, or none                               exact; its tolerance follows from the response
    out of proportion (the rule rounds to few bits inside)             information: another machine rounds in another way
    two runs differ (the rule draws random numbers)                    information: another torch may draw others
    too large beside the number itself                                 information: nothing could be seen
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.fingerprint.measuring.subject_runner import SubjectRunner

STEPS = 20
RECORDED_STEPS = (1, 2, 5, 10, STEPS)  # few, so that a diff stays readable
LRS = (0.02,) * 12 + (0.005,) * 8
WEIGHT_DECAY = 0.5
GRADIENT_SIZES = (1.0, 0.01, 30.0, 0.3, 0.003)  # by step, repeated
CHANGES = {torch.float64: (1e-7, 1e-2), torch.float32: (1e-4, 1e-2)}  # relative, fine and coarse, of the gradients
ALIKE = 30.0  # the responses to both are out of proportion if one is more than this many times the other
ROUNDING_ERRORS = 4.0  # of the type of the weights, a step: what a weight may differ by on another machine
GRADIENT_ERRORS = 16.0  # of that type: a relative error of the gradients that stands for all roundings inside a step
RESOLVED = 0.01  # a number is compared if its tolerance is below this part of it
TENSORS = {"matrix": ((4, 3), 1.0), "large": ((5, 5), 10.0), "vector": ((6,), 1.0)}  # shape, and size of an element


@dataclass(frozen=True)
class StepNumber:
    """One recorded number and the largest difference that rounding explains; None if the number cannot be compared."""

    value: float
    tolerance: float | None


def step_numbers(runner: SubjectRunner) -> dict[str, StepNumber]:
    """Return the numbers by `<tensor>.<decayed or plain>.step_<number>`. A tensor that the optimizer refuses has none."""
    numbers: dict[str, StepNumber] = {}
    for tensor in TENSORS:
        try:
            for decay, name in ((0.0, "plain"), (WEIGHT_DECAY, "decayed")):
                if name == "plain" or runner.takes_decay:
                    numbers |= dict(_numbers(runner, tensor, name, decay))
        except Exception:
            continue
    return numbers


def _numbers(runner: SubjectRunner, tensor: str, name: str, decay: float) -> Iterator[tuple[str, StepNumber]]:
    fine, coarse = CHANGES[runner.dtype]
    base = _displacements(runner, tensor, decay, 0.0)
    if not bool(base.isfinite().all()):
        return
    rounding = ROUNDING_ERRORS * runner.eps * (float(base.abs().max()) + TENSORS[tensor][1])
    responses = [(_displacements(runner, tensor, decay, change) - base).abs() for change in (fine, coarse)]
    small, large = (float(response.max()) for response in responses)
    noise = STEPS * rounding  # a smaller response is rounding
    in_proportion = small * coarse <= ALIKE * max(large, noise) * fine and large * fine <= ALIKE * max(small, noise) * coarse
    compared = in_proportion and runner.first_value("deterministic") in ("", "yes")
    # An error of some roundings in the gradients has the effect of the fine change, in proportion.
    amplified = responses[0] * (GRADIENT_ERRORS * runner.eps / fine)
    for step in RECORDED_STEPS:
        tolerance = step * rounding + float(amplified[:step].max())
        value = float(base[step - 1])
        resolved = compared and tolerance <= RESOLVED * abs(value)
        yield f"{tensor}.{name}.step_{step:02d}", StepNumber(value, tolerance if resolved else None)


def _displacements(runner: SubjectRunner, tensor: str, decay: float, change: float) -> Tensor:
    """Return the projection of the displacement after each step, [STEPS]; gradients are changed by up to `change`."""
    shape, size = TENSORS[tensor]
    generator = torch.Generator().manual_seed(20)
    start, direction = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    gradients = [
        GRADIENT_SIZES[step % len(GRADIENT_SIZES)] * torch.randn(shape, generator=generator, dtype=torch.float64)
        for step in range(STEPS)
    ]
    changed = [
        gradient * (1 + change * (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)) for gradient in gradients
    ]
    sign = -1 if runner.options.get("maximize") else 1
    (path,) = runner.run([size * start], lambda step, _: [sign * changed[step].to(runner.dtype)], lrs=LRS, weight_decay=decay)
    moved = (path[1:].to(torch.float64) - path[0].to(torch.float64)).flatten(1)
    return torch.mv(moved, direction.flatten() / direction.norm())
