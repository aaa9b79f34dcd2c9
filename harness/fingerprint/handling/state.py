"""Questions about saved, pickled and copied optimizers: whether a run continues as before.

Each question is one experiment:

    question              experiment                                            example of an unusual answer
    state_dict            a state dict is loaded into a new optimizer           differs: the moments are not saved
    resume_weight_decay   the new optimizer is built with another weight_decay  constructor: the constructor's value counts
    resume_lr             the new optimizer is built with another lr            constructor: the constructor's value counts
    pickle                optimizer and weights are pickled                     differs: the moments are not pickled
    deepcopy              optimizer and weights are copied                      shares_state: both update the same moments
    state_precision       the precision of the state before and after loading   cast: a float32 moment of a float64 weight
"""

from __future__ import annotations

import contextlib
import copy
import io
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.self_comparison import (
    CHANCE,
    INFINITE_DISTANCE,
    LR,
    SMALLEST_EFFECT,
    STEPS,
    WEIGHT_DECAY,
    Tracked,
    build,
    gradient_at,
    is_stochastic,
    max_relative_difference,
    refusal_is_an_answer,
    run_tracked,
    start,
    tolerance,
    track,
)
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question
from harness.subject.loading import unwrap
from harness.subject.stepping import step_once

LATER = range(STEPS, 2 * STEPS)
OTHER_LR, OTHER_DECAY = 0.6 * LR, 2 * WEIGHT_DECAY
THIRD = 0.4  # the factor from the other value to a third one
FLOAT32_EPS = float(torch.finfo(torch.float32).eps)

Paths = Sequence[list[Tensor]]  # one path for each parameter


@refusal_is_an_answer
def state_dict(runner: SubjectRunner) -> Finding:
    """Compare a run that continues in a new optimizer, from a saved state dict, with the run that is not stopped."""
    pair, optimizer = _halfway(runner)
    saved = _saved(optimizer)
    copies = _copies(pair)
    fresh = _build(runner, copies)
    fresh.load_state_dict(saved)
    run_tracked(optimizer, pair, LATER)
    run_tracked(fresh, copies, LATER)
    has_state = any(saved["state"].values()) if isinstance(saved, dict) and "state" in saved else True
    return _continued(
        runner, copies, pair, what="a run that goes on from a saved state dict" + ("" if has_state else " without state")
    )


@refusal_is_an_answer
def resume_weight_decay(runner: SubjectRunner) -> Finding:
    """Return the finding on which weight_decay counts after loading into an optimizer that is built with another one."""
    if "weight_decay" not in _build(runner, [track(runner, seed) for seed in (1, 2)]).param_groups[1]:
        return Finding((), "not known, because the groups hold no weight_decay")
    return _resume_finding(runner, "weight_decay", {"weight_decay": OTHER_DECAY})


@refusal_is_an_answer
def resume_lr(runner: SubjectRunner) -> Finding:
    """Return the finding on which learning rate counts after loading into an optimizer that is built with another one."""
    return _resume_finding(runner, "lr", {"lr": OTHER_LR})


@refusal_is_an_answer
def pickled(runner: SubjectRunner) -> Finding:
    """Compare a run that continues with a pickled optimizer and its pickled weights with the run that is not stopped."""
    pair, optimizer = _halfway(runner)
    restored, weights = pickle.loads(pickle.dumps((unwrap(optimizer), [tracked.weight for tracked in pair])))
    return _copy_and_original(runner, optimizer, pair, optimizer.watch_copy(restored), weights, what="pickled")


@refusal_is_an_answer
def deepcopied(runner: SubjectRunner) -> Finding:
    """Compare a run that continues with a deep copy of optimizer and weights, and the original, with the run without a copy."""
    pair, optimizer = _halfway(runner)
    restored, weights = copy.deepcopy((unwrap(optimizer), [tracked.weight for tracked in pair]))
    return _copy_and_original(runner, optimizer, pair, optimizer.watch_copy(restored), weights, what="deep-copied")


@refusal_is_an_answer
def state_precision(runner: SubjectRunner) -> Finding:
    """Compare the precision of the state before saving and after loading, for weights of the runner's dtype and of bfloat16."""
    loaded = {runner.dtype: _loaded(runner, runner.dtype)}
    with contextlib.suppress(Exception):  # the optimizer may refuse bfloat16
        loaded[torch.bfloat16] = _loaded(runner, torch.bfloat16)
    cast = [
        f"{name} {_dtype_name(dtype)} to {_dtype_name(after[name])} ({_dtype_name(weights)} weights)"
        for weights, (before, after) in loaded.items()
        for name, dtype in before.items()
        if after.get(name, dtype) != dtype
    ]
    if cast:
        line = f"loading a state dict casts {', '.join(cast[:2])}" + (f" and {len(cast) - 2} more" if len(cast) > 2 else "")
        return Finding(("cast",), line, {"cast": float(len(cast))})
    names = sorted(loaded[runner.dtype][0])
    if not names:
        return Finding(("no_state",), "the state holds no tensors whose precision could be lost")
    weights = " and ".join(_dtype_name(dtype) for dtype in loaded)
    return Finding(("kept",), f"loading a state dict keeps the precision of {len(names)} state tensors ({weights} weights)")


def _build(runner: SubjectRunner, pair: Sequence[Tracked], **changed: float) -> Any:
    """Build an optimizer of two groups: the first has a weight decay of its own, the second has the constructor's values."""
    given = {"lr": LR, "weight_decay": WEIGHT_DECAY, **changed}
    scale = given["weight_decay"] / WEIGHT_DECAY
    groups = [{"params": [pair[0]], "weight_decay": 0.5 * scale * WEIGHT_DECAY}, {"params": [pair[1]]}]
    return build(runner, groups, lr=given["lr"], weight_decay=given["weight_decay"])


def _halfway(runner: SubjectRunner) -> tuple[list[Tracked], Any]:
    """Return two parameters and their optimizer after STEPS steps."""
    pair = [track(runner, seed) for seed in (1, 2)]
    optimizer = _build(runner, pair)
    run_tracked(optimizer, pair, range(STEPS))
    return pair, optimizer


def _saved(optimizer: Any) -> Any:
    """Return the state dict after torch.save and torch.load, so that it shares no tensor with the run that continues."""
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def _copies(pair: Sequence[Tracked]) -> list[Tracked]:
    """Return copies of the parameters whose paths begin at the present weights.

    The paths of the originals are cut, so that they begin there too.
    """
    copies = [Tracked.of(torch.nn.Parameter(tracked.weight.detach().clone()), tracked.seed) for tracked in pair]
    for tracked in pair:
        tracked.path[:] = tracked.path[-1:]
    return copies


def _continued(runner: SubjectRunner, continued: Sequence[Tracked], usual: Sequence[Tracked], *, what: str) -> Finding:
    """Return the finding on a run that continues after an event, compared with the run that is not stopped."""
    distance = max(max_relative_difference(one.path, other.path) for one, other in zip(continued, usual, strict=True))
    numbers = {"gap": min(distance, INFINITE_DISTANCE)}
    if distance == 0:
        return Finding(("identical",), f"{what} takes the same path, bit for bit, over {STEPS} steps", numbers)
    if distance <= tolerance(runner):
        return Finding(("to_rounding",), f"{what} takes the same path to {distance:.1e}", numbers)
    if distance <= tolerance(runner) * FLOAT32_EPS / runner.eps:
        return Finding(
            ("to_single_rounding",),
            f"{what} is up to {distance:.1e} of the largest weight away, as if cast to float32 once",
            numbers,
        )
    if is_stochastic(runner):
        return Finding((), f"{what}: not known, because {CHANCE}", numbers)
    return Finding(
        ("differs",), f"{what} is up to {distance:.2g} of the largest weight away from the run that was not stopped", numbers
    )


@dataclass(frozen=True)
class Resumed:
    """Paths of the second half of a run. Two of them agree if the same value counts in both.

    found         the state dict is loaded into an optimizer that is built with another value
    checkpoint    the run is not stopped
    same          the state dict is loaded into an optimizer that is built with the same value
    constructor   the other value stands in the constructor and in the loaded groups
    third         a third value stands in the constructor and in the loaded groups

    In the last two, loading changes no value in the groups.
    """

    found: Paths
    checkpoint: Paths
    same: Paths
    constructor: Paths
    third: Paths


def _resume_finding(runner: SubjectRunner, name: str, changed: Mapping[str, float]) -> Finding:
    """Return the finding on which value of `name` counts after loading; `changed` is the other value, for the constructor."""
    pair, optimizer = _halfway(runner)
    saved = _saved(optimizer)
    third = {key: THIRD * value for key, value in changed.items()}
    found, same = (_after(runner, pair, saved, built) for built in (changed, {}))
    constructor, with_third = (_after(runner, pair, _saved_with(runner, name, built), built) for built in (changed, third))
    _copies(pair)
    run_tracked(optimizer, pair, LATER)
    return _finding_on_value(runner, name, Resumed(found, [tracked.path for tracked in pair], same, constructor, with_third))


def _after(runner: SubjectRunner, pair: Sequence[Tracked], saved: Any, built: Mapping[str, float]) -> Paths:
    """Return the paths from the present weights, in an optimizer with the settings `built` that loads the state dict `saved`."""
    copies = _copies(pair)
    fresh = _build(runner, copies, **built)
    fresh.load_state_dict(copy.deepcopy(saved))
    return [tracked.path for tracked in run_tracked(fresh, copies, LATER)]


def _saved_with(runner: SubjectRunner, name: str, built: Mapping[str, float]) -> Any:
    """Return the state dict of a run whose groups got, before saving, the value of `name` that the settings `built` give."""
    _, optimizer = _halfway(runner)
    sources = _build(runner, [track(runner, seed) for seed in (1, 2)], **built).param_groups
    for group, other in zip(optimizer.param_groups, sources, strict=False):
        if name in group:
            group[name] = other[name]
    return _saved(optimizer)


def _finding_on_value(runner: SubjectRunner, name: str, paths: Resumed) -> Finding:
    """Return the finding on which value of `name` counts after loading.

    The cases are tested in this order; "the path" is `paths.found`:

        answer             case                                                    example
        (none)             the value changes the path by less than is visible      an optimizer that ignores weight_decay
        checkpoint         the path is that of the run that is not stopped         torch.optim.AdamW
        neither            no value changes the path                               decay ends when a state dict is loaded
        constructor        the path is that under the constructor's value          the optimizer keeps its own weight_decay
        (none)             loading changes the path even if the values are equal   the moments are not saved
        stale_first_step   only the first step is that of the constructor's value  each group's value counts one step late
        neither            any other path                                          the mean of both values counts
    """
    effect = _largest_difference(paths.constructor, paths.checkpoint)
    first, whole = (
        _largest_difference(paths.found, paths.checkpoint, slice(2)),
        _largest_difference(paths.found, paths.checkpoint),
    )
    numbers = {"effect": effect, "first": first, "all": whole}
    if effect <= SMALLEST_EFFECT * tolerance(runner):
        return Finding(
            (), f"not known, because another {name} in checkpoint or constructor changes no step after loading", numbers
        )
    limit = tolerance(runner) * (
        FLOAT32_EPS / runner.eps if effect > SMALLEST_EFFECT * tolerance(runner) * FLOAT32_EPS / runner.eps else 1
    )
    if whole <= limit:
        return Finding(("checkpoint",), f"after loading, the checkpoint's {name} counts from the first step on", numbers)
    if max(_largest_difference(paths.constructor, paths.third), _largest_difference(paths.constructor, paths.found)) <= limit:
        return Finding(
            ("neither",), f"after loading, neither the checkpoint's {name} nor the constructor's changes a step", numbers
        )
    if _largest_difference(paths.found, paths.constructor) <= limit:
        return Finding(("constructor",), f"after loading, the constructor's {name} counts, and not the checkpoint's", numbers)
    if _largest_difference(paths.same, paths.checkpoint) > limit:
        return Finding((), "not known, because a run does not go on as it was after loading", numbers)
    if _largest_difference(paths.found, paths.constructor, slice(2)) <= limit < first:
        return Finding(
            ("stale_first_step",), f"after loading, the first step takes the constructor's {name}, later ones not", numbers
        )
    return Finding(("neither",), f"the path after loading is neither the checkpoint's {name}'s nor the constructor's", numbers)


def _largest_difference(paths: Paths, others: Paths, steps: slice = slice(None)) -> float:
    """Return the largest relative difference of two lists of paths, in the given steps."""
    return max(max_relative_difference(path[steps], other[steps]) for path, other in zip(paths, others, strict=True))


def _copy_and_original(
    runner: SubjectRunner, optimizer: Any, pair: list[Tracked], restored: Any, weights: Sequence[Tensor], *, what: str
) -> Finding:
    """Continue the copy, then the original, and compare both with a run that is never copied."""
    copies = [Tracked.of(weight, tracked.seed) for weight, tracked in zip(weights, pair, strict=True)]
    _copies(pair)
    run_tracked(restored, copies, LATER)
    run_tracked(optimizer, pair, LATER)
    usual, undisturbed = _halfway(runner)
    _copies(usual)
    run_tracked(undisturbed, usual, LATER)
    disturbed = max(max_relative_difference(one.path, other.path) for one, other in zip(pair, usual, strict=True))
    if disturbed > tolerance(runner) and not is_stochastic(runner):
        text = f"an optimizer that was {what} shares its state: the original is up to {disturbed:.2g} of the largest weight away"
        return Finding(("shares_state",), text, {"gap": disturbed})
    finding = _continued(runner, copies, usual, what=f"an optimizer that was {what} with its weights")
    word = {"identical": "same", "to_rounding": "same", "to_single_rounding": "differs"}
    return Finding(tuple(word.get(value, value) for value in finding.values), finding.text, finding.numbers)


def _loaded(runner: SubjectRunner, dtype: torch.dtype) -> tuple[dict[str, torch.dtype], dict[str, torch.dtype]]:
    """Return the precision of each state tensor, by name, before saving and after loading."""
    weights = [torch.nn.Parameter(start(1).to(dtype)) for _ in range(2)]
    optimizer, fresh = (runner.make([weight], lr=LR, weight_decay=WEIGHT_DECAY) for weight in weights)
    for step in range(3):
        step_once(optimizer, step, weights[:1], [gradient_at(1, step)])
    fresh.load_state_dict(_saved(optimizer))
    return _precisions(optimizer), _precisions(fresh)


def _precisions(optimizer: Any) -> dict[str, torch.dtype]:
    return {
        str(name): value.dtype
        for entry in optimizer.state.values()
        if isinstance(entry, dict)
        for name, value in entry.items()
        if isinstance(value, Tensor)
    }


def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


QUESTIONS = (
    Question("state_dict", "state", state_dict, purpose="handling"),
    Question("resume_weight_decay", "state", resume_weight_decay, purpose="handling"),
    Question("resume_lr", "state", resume_lr),
    Question("pickle", "state", pickled, purpose="handling"),
    Question("deepcopy", "state", deepcopied, purpose="handling"),
    Question("state_precision", "state", state_precision),
)
