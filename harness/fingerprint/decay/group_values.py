"""Whose weight_decay counts: the parameter group's, the constructor's, or what was captured at the start?

Self-relative, so that it holds for any form of decay: runs with other weight decays in the groups or the constructor must
differ, or must not.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.gradient_sequence import LRS, WEIGHT_DECAY, default_sequence
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question
from harness.subject.stepping import step_once

STEPS, CHANGED_AT = 7, 3
Pair = tuple[float, float]


def _run(runner: SubjectRunner, constructor: float, own: Pair, later: Pair | None = None) -> list[Tensor]:
    """Return the last weights of two groups with their own weight decays; `later` replaces these midway."""
    sequence = default_sequence(runner).first(STEPS)
    weights = [torch.nn.Parameter(start.to(runner.dtype, copy=True)) for start in sequence.starts]
    groups = [{"params": [weight], "weight_decay": decay} for weight, decay in zip(weights, own, strict=True)]
    optimizer = runner.make(groups, lr=LRS[0], weight_decay=constructor)
    for step in range(STEPS):
        if later and step == CHANGED_AT:
            for group, decay in zip(optimizer.param_groups, later, strict=True):
                group["weight_decay"] = decay
        step_once(optimizer, step, weights, sequence.gradients[step])
    return [weight.detach().to(torch.float64) for weight in weights]


def _gap(one: Sequence[Tensor], other: Sequence[Tensor], tensor: int) -> float:
    return float((one[tensor] - other[tensor]).abs().max())


def _kept(runner: SubjectRunner) -> int:
    """Return how many groups the optimizer has that was given one for each tensor."""
    weights = [torch.nn.Parameter(start.to(runner.dtype, copy=True)) for start in default_sequence(runner).starts]
    return len(runner.make([{"params": [weight]} for weight in weights], lr=LRS[0], weight_decay=WEIGHT_DECAY).param_groups)


def _ask(runner: SubjectRunner) -> Finding:
    given, kept = len(default_sequence(runner).starts), _kept(runner)
    if kept != given:
        does = "keeps" if kept < given else "makes"
        return Finding((), f"unknown: the optimizer {does} {kept} groups of the {given} that it is given", {"kept": float(kept)})
    on, off = WEIGHT_DECAY, 0.0
    own = _run(runner, on, (on, off))
    both, neither = _run(runner, on, (on, on)), _run(runner, on, (off, off))
    numbers = {"own_value": _gap(own, both, 1), "change": _gap(own, _run(runner, on, (on, off), (off, off)), 0)}
    elsewhere = _gap(own, _run(runner, off, (on, off)), 0)
    if not any((numbers["own_value"], _gap(own, neither, 0), elsewhere)):
        return Finding((), "unknown: weight_decay changes nothing in any group", numbers)
    if elsewhere and not numbers["own_value"] and not _gap(own, neither, 0):
        return Finding(("constructor",), "a group's own weight_decay changes nothing, the constructor's counts", numbers)
    if not numbers["own_value"] or elsewhere:
        return Finding((), "unknown: neither all of the groups' own weight decays nor the constructor's alone count", numbers)
    if not numbers["change"]:
        return Finding(("captured",), f"a group's weight_decay changed after {CHANGED_AT} steps changes nothing", numbers)
    moved = numbers["own_value"]
    return Finding(
        ("own",), f"each group's own, also when changed midway (its own 0 instead of {on:g} moves w by {moved:.2g})", numbers
    )


QUESTION = Question("groups", "decay", "Whose weight_decay counts?", _ask, usual=("own",), role="rule", in_sentence=True)
