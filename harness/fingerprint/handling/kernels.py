"""Does an optimizer that has several ways to take a step (foreach, fused, ...) take the same step each way?"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

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

FLAGS = ("foreach", "fused", "capturable", "differentiable")  # ways to compute, which must change no number
STEPS = 20
SINGLE = float(torch.finfo(torch.float32).eps)
SHAPES = (((4, 3), (5,)), ((3, 4), (7,)))  # two groups, each with a matrix and a vector
MATRICES = (((4, 3), (3, 3)), ((3, 4), (2, 5)))  # where vectors are refused


def flags(runner: SubjectRunner) -> list[str]:
    """Return the flags that the constructor knows."""
    known = inspect.signature(runner.build).parameters
    return [flag for flag in FLAGS if flag in known]


def paths(runner: SubjectRunner) -> Finding:
    """Ask whether the step taken one tensor at a time is taken with each of the flags too."""
    present = flags(runner)
    if not present:
        return Finding(("absent",), f"there is one way to take a step: no option {', '.join(FLAGS)}")
    shapes, usual = _plain(runner, present)
    apart: dict[str, float] = {}
    refused: list[str] = []
    for flag in present:
        try:
            apart[flag] = _furthest(_run(runner, shapes, {**_off(present), flag: True}), usual)
        except Exception:
            refused.append(flag)
    if not apart:
        return Finding(("refused",), f"every other way to take a step is refused here: {', '.join(refused)}")
    found = _judged(runner, apart, refused)
    return (_of_two_precisions(runner, shapes, list(apart)) if "differs" not in found.values else None) or found


def _of_two_precisions(runner: SubjectRunner, shapes: Any, taken: Sequence[str]) -> Finding | None:
    """Return what differs where a group holds two precisions, which lists are made of one by one; nothing if nothing does."""
    coarse = torch.float32 if runner.dtype == torch.float64 else torch.bfloat16
    present = flags(runner)
    apart: dict[str, float] = {}
    with contextlib.suppress(Exception):  # not every loop takes two precisions
        usual = _run(runner, shapes, _off(present), coarse)
        for flag in taken:
            with contextlib.suppress(Exception):  # another question asks what two precisions do
                apart[flag] = _furthest(_run(runner, shapes, {**_off(present), flag: True}, coarse), usual)
    room = tolerance(runner, STEPS) * float(torch.finfo(coarse).eps) / runner.eps
    shown = ", ".join(f"{flag} {_shown(distance)}" for flag, distance in apart.items() if distance > room)
    if not shown or is_stochastic(runner):
        return None
    name = str(coarse).removeprefix("torch.")
    return Finding(("differs",), f"beside {name} weights elsewhere than one tensor at a time: {shown}", apart)


def _judged(runner: SubjectRunner, apart: Mapping[str, float], refused: Sequence[str]) -> Finding:
    shown = ", ".join(
        [f"{flag} {_shown(distance)}" for flag, distance in apart.items()] + [f"{flag} refused" for flag in refused]
    )
    worst, room = max(apart.values()), tolerance(runner, STEPS)
    if worst <= room:
        return Finding(("agree",), f"over {STEPS} steps as one tensor at a time: {shown}", apart)
    if worst <= room * SINGLE / runner.eps:
        return Finding(("agree_in_single",), f"as one tensor at a time, to the rounding of float32: {shown}", apart)
    if is_stochastic(runner):
        return Finding((), f"not known, because {CHANCE}: {shown}", apart)
    return Finding(("differs",), f"after {STEPS} steps elsewhere than one tensor at a time: {shown}", apart)


def _shown(distance: float) -> str:
    return f"{distance:.1e}" if distance else "bit for bit"


def _plain(runner: SubjectRunner, present: Sequence[str]) -> tuple[Any, Sequence[Tracked]]:
    try:
        return SHAPES, _run(runner, SHAPES, _off(present))
    except Exception:
        return MATRICES, _run(runner, MATRICES, _off(present))


def _off(present: Sequence[str]) -> dict[str, bool]:
    return dict.fromkeys(present, False)


def _run(runner: SubjectRunner, shapes: Any, options: dict[str, bool], second: torch.dtype | None = None) -> Sequence[Tracked]:
    """Return the paths of two groups; the second tensor of each is of another precision where `second` is given."""
    # A differentiable step writes into its weights with gradients on, which torch allows to tensors that need none.
    learns = not options.get("differentiable", False)
    groups = [
        [
            _weight((second if place else None) or runner.dtype, 10 * number + place, shape, learns)
            for place, shape in enumerate(own)
        ]
        for number, own in enumerate(shapes)
    ]
    given = [
        {"params": [one.weight for one in group], "lr": LR / (1 + number), "weight_decay": WEIGHT_DECAY * (1 + number)}
        for number, group in enumerate(groups)
    ]
    optimizer = runner.make(given, lr=LR, weight_decay=WEIGHT_DECAY, **options)
    return run_tracked(optimizer, [one for group in groups for one in group], range(STEPS), _sloped)


def _weight(kind: torch.dtype, seed: int, shape: tuple[int, ...], learns: bool) -> Tracked:
    numbers = start(seed, shape).to(kind)
    return Tracked.of(torch.nn.Parameter(numbers) if learns else numbers, seed)


def _sloped(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
    return gradient_at(seed, step, shape) * (3.0, 0.3, 1.0)[step % 3]


def _furthest(run: Sequence[Tracked], usual: Sequence[Tracked]) -> float:
    return max(max_relative_difference(one.path, other.path) for one, other in zip(run, usual, strict=True))


QUESTIONS = (
    Question(
        "paths",
        "options",
        "Do the ways to take a step (foreach, fused, capturable, differentiable) take the same one?",
        paths,
        {
            "agree": "to rounding",
            "agree_in_single": "to the rounding of float32, in which one of them keeps a number",
            "differs": "one of them ends elsewhere",
            "absent": "there is only one",
            "refused": "the others are all refused here",
        },
        ("agree", "agree_in_single", "absent", "refused"),
        role="handling",
    ),
)
