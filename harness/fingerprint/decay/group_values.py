"""Question about which weight_decay counts: the group's, the constructor's, or the group's first one.

Only runs of the same optimizer are compared, so the answers hold for any form of decay. Another weight decay in a group, or in
the constructor, must change the weights or must leave them unchanged.

    answer         observation                                                    example
    own            a group's value counts, also after it was changed              torch.optim:AdamW
    captured       a group's value counts, and a later change has no effect       DecayCaptured
    constructor    a group's value has no effect, the constructor's counts        DefaultDecayForAllGroups
    (none)         no value has an effect                                         DecayForgotten
    first          the first group's value counts for all groups                  FirstGroupForAll
    (none)         a mixture, such as the last group's value for all groups       LastGroupForAll in the self-test
    (none)         the optimizer has fewer or more groups than it was given       GroupsFlattened
    own, captured  two groups are refused; the one group answers as above         OneGroupOnly
    refused        any group with its own weight_decay is refused             ParametersOnly in the self-test

The examples without a package are classes of `tests.mutants`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.gradient_sequence import LRS, WEIGHT_DECAY, default_sequence
from harness.fingerprint.measuring.self_comparison import run_alone, shortened_error
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question
from harness.subject.stepping import step_once

STEPS, CHANGED_AT = 7, 3
Decays = tuple[float, ...]


def _run(runner: SubjectRunner, constructor: float, decays: Decays, later: Decays = ()) -> list[Tensor]:
    """Return the last weights of one or two groups with a weight decay each; `later` replaces these midway."""
    sequence = default_sequence(runner).first(STEPS)
    starts = sequence.starts[: len(decays)]
    weights = [torch.nn.Parameter(start.to(runner.dtype, copy=True)) for start in starts]
    groups = [{"params": [weight], "weight_decay": decay} for weight, decay in zip(weights, decays, strict=True)]
    optimizer = runner.make(groups, lr=LRS[0], weight_decay=constructor)
    for step in range(STEPS):
        if later and step == CHANGED_AT:
            for group, decay in zip(optimizer.param_groups, later, strict=True):
                group["weight_decay"] = decay
        step_once(optimizer, step, weights, sequence.gradients[step][: len(weights)])
    return [weight.detach().to(torch.float64) for weight in weights]


def _gap(first: Sequence[Tensor], second: Sequence[Tensor], tensor: int) -> float:
    """Return the largest difference between two runs in the weights of one tensor."""
    return float((first[tensor] - second[tensor]).abs().max())


def _group_count(runner: SubjectRunner) -> int:
    """Return the number of groups in an optimizer that was given one group of two parameters for each tensor."""
    pairs = [
        [torch.nn.Parameter(start.to(runner.dtype, copy=True)) for _ in range(2)] for start in default_sequence(runner).starts
    ]
    return len(runner.make([{"params": pair} for pair in pairs], lr=LRS[0], weight_decay=WEIGHT_DECAY).param_groups)


def _ask(runner: SubjectRunner) -> Finding:
    try:
        return _two_groups(runner)
    except Exception as two_refused:
        try:
            return _one_group(runner, shortened_error(runner, two_refused))
        except Exception as one_refused:
            run_alone(runner)  # raises if the subject cannot take a plain run either; the caller reports that error
            return Finding(
                ("refused",), f"groups with a weight_decay of their own are refused: {shortened_error(runner, one_refused)}"
            )


def _one_group(runner: SubjectRunner, refusal: str) -> Finding:
    """Return the finding of an optimizer that refuses a second group. Its own value and the first group's are the same thing."""
    on, off = WEIGHT_DECAY, 0.0
    without, constructor, group, both = (_run(runner, c, (g,)) for c, g in ((off, off), (on, off), (off, on), (on, on)))
    group_counts = bool(_gap(group, without, 0) or _gap(both, constructor, 0))
    constructor_counts = bool(_gap(constructor, without, 0) or _gap(both, group, 0))
    after_change = _run(runner, off, (on,), later=(off,))
    numbers = {"own_value": _gap(group, without, 0), "change": _gap(group, after_change, 0)}
    why = f"two groups are refused: {refusal}"
    if group_counts and constructor_counts:
        return Finding((), f"unknown: the only group's weight_decay and the constructor's both count; {why}", numbers)
    if not group_counts and not constructor_counts:
        return Finding((), f"unknown: weight_decay has no effect in the only group; {why}", numbers)
    if constructor_counts:
        return Finding(("constructor",), f"the only group's own has no effect; the constructor's is used; {why}", numbers)
    if not numbers["change"]:
        return Finding(("captured",), f"a change after {CHANGED_AT} steps in the only group has no effect; {why}", numbers)
    return Finding(("own",), f"the only group's own is used, also after a change; {why}", numbers)


def _two_groups(runner: SubjectRunner) -> Finding:
    given, count = len(default_sequence(runner).starts), _group_count(runner)
    if count != given:
        return Finding((), f"unknown: the optimizer was given {given} groups, and has {count}", {"kept": float(count)})
    on, off = WEIGHT_DECAY, 0.0
    mixed = _run(runner, on, (on, off))
    both, neither = _run(runner, on, (on, on)), _run(runner, on, (off, off))
    numbers = {"own_value": _gap(mixed, both, 1), "change": _gap(mixed, _run(runner, on, (on, off), (off, off)), 0)}
    constructor_effect = _gap(mixed, _run(runner, off, (on, off)), 0)
    if not any((numbers["own_value"], _gap(mixed, neither, 0), constructor_effect)):
        return Finding((), "unknown: weight_decay has no effect in any group", numbers)
    if constructor_effect and not numbers["own_value"] and not _gap(mixed, neither, 0):
        return Finding(("constructor",), "a group's own weight_decay has no effect; the constructor's is used", numbers)
    if not numbers["own_value"] or constructor_effect:
        exchanged = _run(runner, on, (off, on))
        if not _gap(mixed, both, 1) and not _gap(exchanged, neither, 1) and not constructor_effect:
            return Finding(("first",), "the first group's weight_decay is used for every group", numbers)
        return Finding(
            (), "unknown: the optimizer uses neither each group's own weight_decay nor the constructor's alone", numbers
        )
    if not _gap(mixed, neither, 0):
        return Finding((), "unknown: the last group's weight_decay is used for every group", numbers)
    if not numbers["change"]:
        return Finding(("captured",), f"a change of a group's weight_decay after {CHANGED_AT} steps has no effect", numbers)
    effect = numbers["own_value"]
    return Finding(
        ("own",),
        f"each group's own is used, also after a change (a group's 0 instead of {on:g} changes a weight by up to {effect:.2g})",
        numbers,
    )


QUESTION = Question("groups", "decay", _ask, purpose="rule", in_sentence=True)
