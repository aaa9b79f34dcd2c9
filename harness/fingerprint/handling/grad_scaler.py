"""Is a step under a GradScaler the plain step, and no step at all where gradients are infinite?"""

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
from harness.subject.loading import unwatched
from harness.subject.randomness import random_numbers_of


@refusal_is_an_answer
def grad_scaler(runner: SubjectRunner) -> Finding:
    """Ask whether a GradScaler's step is the plain step, and one with an infinite gradient no step at all."""
    kernels: list[dict[str, Any]] = [{}] + (
        [{"fused": True, "foreach": False}] if "fused" in inspect.signature(runner.build).parameters else []
    )
    for kernel in kernels:
        name = "with fused=True " if kernel else ""
        one, kept = _scaled(runner, kernel)
        if kept:
            return Finding((kept,), f"{name}a step that the GradScaler finds infinite gradients in changes the {_KEPT[kept]}")
        distance = max_relative_difference(one.path, run_alone(runner, 1, [0, 1, 3, 4], **kernel).path)
        if distance > tolerance(runner):
            return same_path_finding(
                runner, distance, what=f"{name}a step after scale and unscale_, held against the plain one", same="skipped"
            )
    too = ", fused too" if len(kernels) > 1 else ""
    return Finding(
        ("skipped",), f"a step with infinite gradients is skipped, state and all; other scaled steps are plain ones{too}"
    )


def _scaled(runner: SubjectRunner, kernel: dict[str, Any]) -> tuple[Tracked, str]:
    """Take five steps under a GradScaler, the third with an infinite gradient; return what that one changed, or nothing."""
    one, kept = track(runner), ""
    optimizer = unwatched(build(runner, [one], **kernel))
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, enabled=True)
    for step in range(STEPS):
        one.weight.grad = None
        before, state = one.weight.detach().clone(), _numbers(optimizer)
        given = gradient_at(1, step).to(runner.dtype)
        given[0, 0] = float("inf") if step == 2 else given[0, 0]
        scaler.scale((one.weight * given).sum()).backward()
        if step % 2:
            scaler.unscale_(optimizer)  # a caller does so to clip, and the step must then not do it again
        with random_numbers_of(step):
            scaler.step(optimizer)
        scaler.update()
        if step == 2:
            kept = "weights_change" if not before.equal(one.weight.detach()) else kept
            kept = kept or ("" if _alike(state, _numbers(optimizer)) else "state_changes")
        else:
            one.path.append(one.weight.detach().clone())
    return one, kept


def _numbers(optimizer: Any) -> list[Any]:
    """Return what the state holds, in order; some optimizers keep a number for all beside a dict for each parameter."""
    kept = [one for own in optimizer.state.values() for one in (_in_order(own) if isinstance(own, dict) else [own])]
    return [value.clone() if isinstance(value, Tensor) else value for value in kept]


def _in_order(own: dict[Any, Any]) -> list[Any]:
    return [own[name] for name in sorted(own, key=str)]


def _alike(before: Sequence[Any], after: Sequence[Any]) -> bool:
    if len(before) != len(after):
        return False
    pairs = [(one, other) for one, other in zip(before, after, strict=True) if isinstance(one, Tensor | int | float)]
    return all(torch.equal(torch.as_tensor(one), torch.as_tensor(other)) for one, other in pairs)


_KEPT = {"weights_change": "weights", "state_changes": "state"}

QUESTIONS = (
    Question(
        "grad_scaler",
        "steps",
        "Is a GradScaler's step the plain one, and skipped when gradients are infinite?",
        grad_scaler,
        {
            "skipped": "yes",
            "weights_change": "a skipped step changes weights",
            "state_changes": "a skipped step changes the state",
            "differs": "a scaled step is not the plain one",
            "refused": "it raises",
        },
        ("skipped",),
        role="handling",
    ),
)
