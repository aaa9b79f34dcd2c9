"""Question about GradScaler: scaled steps equal plain ones, and steps with infinite gradients are skipped.

The answers:

    answer           example
    skipped          torch.optim.AdamW: a step with an infinite gradient changes neither weights nor state
    weights_change   weight decay is applied in steps that the GradScaler skips
    state_changes    the step count advances in steps that the GradScaler skips
    differs          the optimizer divides by the scale again after unscale_
    refused          the run under a GradScaler raises
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.self_comparison import (
    STEPS,
    Tracked,
    build,
    gradient_at,
    max_relative_difference,
    refusal_is_an_answer,
    run_alone,
    same_path_finding,
    tolerance,
    track,
)
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question
from harness.subject.loading import unwrap
from harness.subject.randomness import seeded_by_step


@refusal_is_an_answer
def grad_scaler(runner: SubjectRunner) -> Finding:
    """Compare steps under a GradScaler with plain ones, and the optimizer before and after a step with an infinite gradient."""
    kernels: list[dict[str, Any]] = [{}] + (
        [{"fused": True, "foreach": False}] if "fused" in inspect.signature(runner.build).parameters else []
    )
    for kernel in kernels:
        name = "with fused=True " if kernel else ""
        tracked, change = _scaled(runner, kernel)
        if change:
            return Finding(
                (change,), f"{name}a step that the GradScaler finds infinite gradients in changes the {_CHANGED[change]}"
            )
        # The plain run leaves out step 2, in which the gradient of the scaled run is infinite.
        distance = max_relative_difference(tracked.path, run_alone(runner, 1, [0, 1, 3, 4], **kernel).path)
        if distance > tolerance(runner):
            return same_path_finding(
                runner, distance, what=f"{name}a step after scale and unscale_, compared with the plain one", same="skipped"
            )
    fused = ", fused too" if len(kernels) > 1 else ""
    return Finding(
        ("skipped",), f"a step with infinite gradients is skipped, state and all; other scaled steps are plain ones{fused}"
    )


def _scaled(runner: SubjectRunner, kernel: dict[str, Any]) -> tuple[Tracked, str]:
    """Take five steps under a GradScaler, the third with an infinite gradient.

    Return the parameter, whose path leaves that step out, and the answer that names the change by that step, or an empty string.
    """
    tracked, change = track(runner), ""
    optimizer = unwrap(build(runner, [tracked], **kernel))
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, enabled=True)
    for step in range(STEPS):
        tracked.weight.grad = None
        before, state = tracked.weight.detach().clone(), _state_values(optimizer)
        given = gradient_at(1, step).to(runner.dtype)
        given[0, 0] = float("inf") if step == 2 else given[0, 0]
        scaler.scale((tracked.weight * given).sum()).backward()
        if step % 2:
            scaler.unscale_(optimizer)  # as before clipping; the step must not unscale again
        with seeded_by_step(step):
            scaler.step(optimizer)
        scaler.update()
        if step == 2:
            change = "weights_change" if not before.equal(tracked.weight.detach()) else change
            change = change or ("" if _same_numbers(state, _state_values(optimizer)) else "state_changes")
        else:
            tracked.path.append(tracked.weight.detach().clone())
    return tracked, change


def _state_values(optimizer: Any) -> list[Any]:
    """Return copies of the values in the state, in a fixed order.

    Some optimizers keep a number for all parameters beside the dict of each parameter.
    """
    values = [
        value for entry in optimizer.state.values() for value in (_sorted_values(entry) if isinstance(entry, dict) else [entry])
    ]
    return [value.clone() if isinstance(value, Tensor) else value for value in values]


def _sorted_values(entry: dict[Any, Any]) -> list[Any]:
    return [entry[name] for name in sorted(entry, key=str)]


def _same_numbers(before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Return True if two lists are of equal length and their numbers and tensors are equal."""
    if len(before) != len(after):
        return False
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if isinstance(old, Tensor | int | float)]
    return all(torch.equal(torch.as_tensor(old), torch.as_tensor(new)) for old, new in pairs)


_CHANGED = {"weights_change": "weights", "state_changes": "state"}

QUESTIONS = (Question("grad_scaler", "steps", grad_scaler, purpose="handling"),)
