"""Question about implementations of a step: foreach, fused, capturable and differentiable take the same step.

The reference is the step with all these options off, which is taken one tensor at a time. The answers:

    agree             the largest difference of the paths is a rounding of the runner's precision
    agree_in_single   it is a rounding of float32, as for an optimizer that keeps its step count in a float32 tensor
    differs           it is larger: for example, foreach decays the whole list once for each of its tensors. Or it is a
                      rounding, but not in groups with two precisions: for example, foreach decays once for each precision
    absent            the constructor has none of these options
    refused           every option that it has raises

There is no answer for larger differences if the optimizer draws random numbers.
"""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from harness.fingerprint.decay.rule import decay_rule
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.self_comparison import (
    CHANCE,
    LR,
    WEIGHT_DECAY,
    Tracked,
    gradient_at,
    is_stochastic,
    max_relative_difference,
    run_tracked,
    start,
    tolerance,
)
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question

FLAGS = ("foreach", "fused", "capturable", "differentiable")  # options that select an implementation
STEPS = 20
FLOAT32_EPS = float(torch.finfo(torch.float32).eps)
SHAPES = (((4, 3), (5,)), ((3, 4), (7,)))  # two groups, each with a matrix and a vector
MATRICES = (((4, 3), (3, 3)), ((3, 4), (2, 5)))  # for optimizers that refuse vectors


def flags(runner: SubjectRunner) -> list[str]:
    """Return the options of FLAGS that the constructor takes."""
    parameters = inspect.signature(runner.build).parameters
    return [flag for flag in FLAGS if flag in parameters]


def paths(runner: SubjectRunner) -> Finding:
    """Compare the path under each option with the path of steps one tensor at a time."""
    present = flags(runner)
    if not present:
        return Finding(("absent",), f"the constructor has none of the options {', '.join(FLAGS)}")
    shapes, reference = _reference(runner, present)
    distances: dict[str, float] = {}
    refused: list[str] = []
    for flag in present:
        try:
            distances[flag] = _largest_difference(_run(runner, shapes, {**_off(present), flag: True}), reference)
        except Exception:
            refused.append(flag)
    if not distances:
        return Finding(("refused",), f"every option that the constructor has raises an error here: {', '.join(refused)}")
    finding = _finding(runner, distances, refused)
    return (_mixed_precision_finding(runner, shapes, list(distances)) if "differs" not in finding.values else None) or finding


def _mixed_precision_finding(runner: SubjectRunner, shapes: Any, accepted: Sequence[str]) -> Finding | None:
    """Return the finding on groups with two precisions if a path differs there, else None.

    Implementations by lists make one list for each precision, which is a place for errors of their own.
    """
    coarse = torch.float32 if runner.dtype == torch.float64 else torch.bfloat16
    present = flags(runner)
    distances: dict[str, float] = {}
    with contextlib.suppress(Exception):  # the optimizer may refuse two precisions
        reference = _run(runner, shapes, _off(present), coarse)
        for flag in accepted:
            with contextlib.suppress(Exception):  # the question mixed_dtypes is about this
                distances[flag] = _largest_difference(_run(runner, shapes, {**_off(present), flag: True}, coarse), reference)
    limit = tolerance(runner, STEPS) * float(torch.finfo(coarse).eps) / runner.eps
    shown = ", ".join(f"{flag} {_distance_text(distance)}" for flag, distance in distances.items() if distance > limit)
    if not shown or is_stochastic(runner):
        return None
    name = str(coarse).removeprefix("torch.")
    return Finding(("differs",), f"beside {name} weights, other weights than by the for-loop: {shown}", distances)


def _finding(runner: SubjectRunner, distances: Mapping[str, float], refused: Sequence[str]) -> Finding:
    """Return the finding on the distance of each option's path from the reference."""
    shown = ", ".join(
        [f"{flag} {_distance_text(distance)}" for flag, distance in distances.items()] + [f"{flag} refused" for flag in refused]
    )
    worst, limit = max(distances.values()), tolerance(runner, STEPS)
    if worst <= limit:
        return Finding(("agree",), f"same weights as by the for-loop in {STEPS} steps: {shown}", distances)
    if worst <= limit * FLOAT32_EPS / runner.eps:
        return Finding(("agree_in_single",), f"same weights as by the for-loop, to float32 rounding: {shown}", distances)
    if is_stochastic(runner):
        return Finding((), f"not known, because {CHANCE}: {shown}", distances)
    flag = max(distances, key=lambda name: distances[name])
    return Finding(("differs",), f"other weights than by the for-loop: {shown}{_decay_under(runner, flag)}", distances)


def _decay_under(runner: SubjectRunner, flag: str) -> str:
    """Return in words what the decay is with the option that takes another path; empty if it is the same as without it."""
    with contextlib.suppress(Exception):  # the option may refuse the experiment, and the paths differ in any case
        usual = decay_rule(runner)
        other = decay_rule(SubjectRunner(runner.path, {**runner.options, flag: True}, runner.dtype))
        if other.coupling != usual.coupling:
            return f" (decay under {flag}: {' or '.join(other.coupling) or 'of no known form'})"
        pairs = zip(other.shares, usual.shares, strict=True)
        ratios = [share.taken / before.taken for share, before in pairs if before.taken]
        if ratios and max(abs(ratio - 1) for ratio in ratios) > math.sqrt(runner.eps):
            low, high = min(ratios), max(ratios)
            times = f"{low:.3g}" if math.isclose(low, high, rel_tol=1e-6) else f"{low:.3g} to {high:.3g}"
            return f" (decay under {flag}: {times} times as strong)"
    return ""


def _distance_text(distance: float) -> str:
    return f"{distance:.1e}" if distance else "bit for bit"


def _reference(runner: SubjectRunner, present: Sequence[str]) -> tuple[Any, Sequence[Tracked]]:
    """Return the shapes that the optimizer accepts, and the parameters after steps one tensor at a time."""
    try:
        return SHAPES, _run(runner, SHAPES, _off(present))
    except Exception:
        return MATRICES, _run(runner, MATRICES, _off(present))


def _off(present: Sequence[str]) -> dict[str, bool]:
    return dict.fromkeys(present, False)


def _run(runner: SubjectRunner, shapes: Any, options: dict[str, bool], second: torch.dtype | None = None) -> Sequence[Tracked]:
    """Return the parameters of two groups after their steps; with `second`, each group's second tensor is of this precision."""
    # A differentiable step writes into its weights while gradients are enabled. torch allows that
    # only for tensors with requires_grad=False.
    requires_grad = not options.get("differentiable", False)
    groups = [
        [
            _weight((second if index else None) or runner.dtype, 10 * number + index, shape, requires_grad)
            for index, shape in enumerate(group_shapes)
        ]
        for number, group_shapes in enumerate(shapes)
    ]
    given = [
        {"params": [tracked.weight for tracked in group], "lr": LR / (1 + number), "weight_decay": WEIGHT_DECAY * (1 + number)}
        for number, group in enumerate(groups)
    ]
    optimizer = runner.make(given, lr=LR, weight_decay=WEIGHT_DECAY, **options)
    return run_tracked(optimizer, [tracked for group in groups for tracked in group], range(STEPS), _varied_gradient)


def _weight(dtype: torch.dtype, seed: int, shape: tuple[int, ...], requires_grad: bool) -> Tracked:
    numbers = start(seed, shape).to(dtype)
    return Tracked.of(torch.nn.Parameter(numbers) if requires_grad else numbers, seed)


def _varied_gradient(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
    """Return the usual gradient, multiplied by a factor that repeats every three steps."""
    return gradient_at(seed, step, shape) * (3.0, 0.3, 1.0)[step % 3]


def _largest_difference(run: Sequence[Tracked], reference: Sequence[Tracked]) -> float:
    return max(max_relative_difference(tracked.path, other.path) for tracked, other in zip(run, reference, strict=True))


QUESTIONS = (Question("paths", "options", paths, purpose="handling"),)
