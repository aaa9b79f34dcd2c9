"""Does a run go on as it was after its optimizer was saved and loaded, pickled or copied?"""

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
    FAR,
    LR,
    STEPS,
    VISIBLE,
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
from harness.subject.loading import unwatched
from harness.subject.stepping import step_once

LATER = range(STEPS, 2 * STEPS)
OTHER_LR, OTHER_DECAY = 0.6 * LR, 2 * WEIGHT_DECAY
THIRD = 0.4  # of another value: a third
SINGLE = float(torch.finfo(torch.float32).eps)

Paths = Sequence[list[Tensor]]  # one a parameter


@refusal_is_an_answer
def state_dict(runner: SubjectRunner) -> Finding:
    """Ask whether a run goes on from a saved state dict in a fresh optimizer as it would have gone on."""
    pair, optimizer = _halfway(runner)
    saved = _saved(optimizer)
    copies = _copies(pair)
    fresh = _build(runner, copies)
    fresh.load_state_dict(saved)
    run_tracked(optimizer, pair, LATER)
    run_tracked(fresh, copies, LATER)
    keeps = any(saved["state"].values()) if isinstance(saved, dict) and "state" in saved else True
    return _continued(
        runner, copies, pair, what="a run that goes on from a saved state dict" + ("" if keeps else " without state")
    )


@refusal_is_an_answer
def resume_weight_decay(runner: SubjectRunner) -> Finding:
    """Ask whose weight_decay counts after loading into an optimizer that was built with another."""
    if "weight_decay" not in _build(runner, [track(runner, seed) for seed in (1, 2)]).param_groups[1]:
        return Finding((), "not known, because the groups hold no weight_decay")
    return _resumed(runner, "weight_decay", {"weight_decay": OTHER_DECAY})


@refusal_is_an_answer
def resume_lr(runner: SubjectRunner) -> Finding:
    """Ask whose learning rate counts after loading into an optimizer that was built with another."""
    return _resumed(runner, "lr", {"lr": OTHER_LR})


@refusal_is_an_answer
def pickled(runner: SubjectRunner) -> Finding:
    """Ask whether a run goes on as it was when optimizer and weights were pickled."""
    pair, optimizer = _halfway(runner)
    restored, weights = pickle.loads(pickle.dumps((unwatched(optimizer), [one.weight for one in pair])))
    return _both_go_on(runner, optimizer, pair, restored, weights, what="pickled")


@refusal_is_an_answer
def deepcopied(runner: SubjectRunner) -> Finding:
    """Ask whether a run goes on as it was when optimizer and weights were copied, and the original with it."""
    pair, optimizer = _halfway(runner)
    restored, weights = copy.deepcopy((unwatched(optimizer), [one.weight for one in pair]))
    return _both_go_on(runner, optimizer, pair, restored, weights, what="deep-copied")


@refusal_is_an_answer
def state_precision(runner: SubjectRunner) -> Finding:
    """Ask whether loading a state dict keeps the precision of the state, for the runner's dtype and for bfloat16."""
    loaded = {runner.dtype: _loaded(runner, runner.dtype)}
    with contextlib.suppress(Exception):  # half precision is another question
        loaded[torch.bfloat16] = _loaded(runner, torch.bfloat16)
    cast = [
        f"{name} {_name(kind)} to {_name(after[name])} ({_name(weights)} weights)"
        for weights, (before, after) in loaded.items()
        for name, kind in before.items()
        if after.get(name, kind) != kind
    ]
    if cast:
        said = f"loading a state dict casts {', '.join(cast[:2])}" + (f" and {len(cast) - 2} more" if len(cast) > 2 else "")
        return Finding(("cast",), said, {"cast": float(len(cast))})
    names = sorted(loaded[runner.dtype][0])
    if not names:
        return Finding(("no_state",), "the state holds no tensors whose precision could be lost")
    weights = " and ".join(_name(kind) for kind in loaded)
    return Finding(("kept",), f"loading a state dict keeps the precision of {len(names)} state tensors ({weights} weights)")


def _build(runner: SubjectRunner, pair: Sequence[Tracked], **changed: float) -> Any:
    """Two groups, of which the second inherits what the constructor is given, and the first has its own weight decay."""
    given = {"lr": LR, "weight_decay": WEIGHT_DECAY, **changed}
    scale = given["weight_decay"] / WEIGHT_DECAY
    groups = [{"params": [pair[0]], "weight_decay": 0.5 * scale * WEIGHT_DECAY}, {"params": [pair[1]]}]
    return build(runner, groups, lr=given["lr"], weight_decay=given["weight_decay"])


def _halfway(runner: SubjectRunner) -> tuple[list[Tracked], Any]:
    pair = [track(runner, seed) for seed in (1, 2)]
    optimizer = _build(runner, pair)
    run_tracked(optimizer, pair, range(STEPS))
    return pair, optimizer


def _saved(optimizer: Any) -> Any:
    """Return the state dict as a file gives it back: nothing in it is shared with the run that goes on."""
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def _copies(pair: Sequence[Tracked]) -> list[Tracked]:
    """Return copies of the weights as they stand; their paths begin here, as those of the originals then must."""
    copies = [Tracked.of(torch.nn.Parameter(one.weight.detach().clone()), one.seed) for one in pair]
    for one in pair:
        one.path[:] = one.path[-1:]
    return copies


def _continued(runner: SubjectRunner, went_on: Sequence[Tracked], usual: Sequence[Tracked], *, what: str) -> Finding:
    distance = max(max_relative_difference(one.path, other.path) for one, other in zip(went_on, usual, strict=True))
    numbers = {"gap": min(distance, FAR)}
    if distance == 0:
        return Finding(("identical",), f"{what} takes the same path, bit for bit, over {STEPS} steps", numbers)
    if distance <= tolerance(runner):
        return Finding(("to_rounding",), f"{what} takes the same path to {distance:.1e}", numbers)
    if distance <= tolerance(runner) * SINGLE / runner.eps:
        return Finding(("to_single_rounding",), f"{what} ends {distance:.1e} away, as if cast to float32 once", numbers)
    if is_stochastic(runner):
        return Finding((), f"{what}: not known, because {CHANCE}", numbers)
    return Finding(
        ("differs",), f"{what} ends {distance:.2g} of the largest weight away from the run that was not stopped", numbers
    )


@dataclass(frozen=True)
class Resumed:
    """Paths after half a run, which are alike where the same value counts.

    `found`: loaded into an optimizer that was built with another value; `checkpoint`: not stopped; `same`: loaded into one like
    it; `constructor` and `third`: built and saved with the other value, and with a third, so that nothing is written into groups.
    """

    found: Paths
    checkpoint: Paths
    same: Paths
    constructor: Paths
    third: Paths


def _resumed(runner: SubjectRunner, name: str, changed: Mapping[str, float]) -> Finding:
    pair, optimizer = _halfway(runner)
    saved = _saved(optimizer)
    third = {key: THIRD * value for key, value in changed.items()}
    found, same = (_after(runner, pair, saved, built) for built in (changed, {}))
    constructor, further = (_after(runner, pair, _rewritten(runner, saved, name, built), built) for built in (changed, third))
    _copies(pair)
    run_tracked(optimizer, pair, LATER)
    return _whose(runner, name, Resumed(found, [one.path for one in pair], same, constructor, further))


def _after(runner: SubjectRunner, pair: Sequence[Tracked], saved: Any, built: Mapping[str, float]) -> Paths:
    """Return how the weights go on as they stand, with what was saved loaded into an optimizer that is `built` so."""
    copies = _copies(pair)
    fresh = _build(runner, copies, **built)
    fresh.load_state_dict(copy.deepcopy(saved))
    return [one.path for one in run_tracked(fresh, copies, LATER)]


def _rewritten(runner: SubjectRunner, saved: Any, name: str, built: Mapping[str, float]) -> Any:
    """Return what would have been saved, had its groups the values of an optimizer that is `built` so."""
    own = _build(runner, [track(runner, seed) for seed in (1, 2)], **built).param_groups
    changed = copy.deepcopy(saved)
    held = changed.get("param_groups", []) if isinstance(changed, dict) else []
    for group, other in zip(held, own, strict=False):
        if name in group:
            group[name] = other[name]
    return changed


def _whose(runner: SubjectRunner, name: str, paths: Resumed) -> Finding:
    """Compare the resumed paths with those under the checkpoint's value and under the constructor's: first step, then all."""
    effect = _apart(paths.constructor, paths.checkpoint)
    first, all_of_it = _apart(paths.found, paths.checkpoint, slice(2)), _apart(paths.found, paths.checkpoint)
    numbers = {"effect": effect, "first": first, "all": all_of_it}
    if effect <= VISIBLE * tolerance(runner):
        return Finding((), f"not known, because {name} changes nothing after loading that rounding does not hide", numbers)
    room = tolerance(runner) * (SINGLE / runner.eps if effect > VISIBLE * tolerance(runner) * SINGLE / runner.eps else 1)
    if all_of_it <= room:
        return Finding(("checkpoint",), f"after loading, the checkpoint's {name} counts from the first step on", numbers)
    if max(_apart(paths.constructor, paths.third), _apart(paths.constructor, paths.found)) <= room:
        return Finding(
            ("neither",), f"after loading, neither the checkpoint's {name} nor the constructor's changes a step", numbers
        )
    if _apart(paths.found, paths.constructor) <= room:
        return Finding(("constructor",), f"after loading, the constructor's {name} counts, and not the checkpoint's", numbers)
    if _apart(paths.same, paths.checkpoint) > room:
        return Finding((), "not known, because a run does not go on as it was after loading", numbers)
    if _apart(paths.found, paths.constructor, slice(2)) <= room < first:
        return Finding(
            ("stale_first_step",), f"after loading, the first step takes the constructor's {name}, later ones not", numbers
        )
    return Finding(("neither",), f"the path after loading is neither the checkpoint's {name}'s nor the constructor's", numbers)


def _apart(one: Paths, other: Paths, steps: slice = slice(None)) -> float:
    return max(max_relative_difference(here[steps], there[steps]) for here, there in zip(one, other, strict=True))


def _both_go_on(
    runner: SubjectRunner, optimizer: Any, pair: list[Tracked], restored: Any, weights: Sequence[Tensor], *, what: str
) -> Finding:
    """Drive the copy, then the original, and hold both against a run that was never copied."""
    copies = [Tracked.of(weight, one.seed) for weight, one in zip(weights, pair, strict=True)]
    _copies(pair)
    run_tracked(restored, copies, LATER)
    run_tracked(optimizer, pair, LATER)
    usual, undisturbed = _halfway(runner)
    _copies(usual)
    run_tracked(undisturbed, usual, LATER)
    disturbed = max(max_relative_difference(one.path, other.path) for one, other in zip(pair, usual, strict=True))
    if disturbed > tolerance(runner) and not is_stochastic(runner):
        says = f"an optimizer that was {what} shares its state: the original ends {disturbed:.2g} away"
        return Finding(("shares_state",), says, {"gap": disturbed})
    found = _continued(runner, copies, usual, what=f"an optimizer that was {what} with its weights")
    word = {"identical": "same", "to_rounding": "same", "to_single_rounding": "differs"}
    return Finding(tuple(word.get(value, value) for value in found.values), found.says, found.numbers)


def _loaded(runner: SubjectRunner, kind: torch.dtype) -> tuple[dict[str, torch.dtype], dict[str, torch.dtype]]:
    """Return the precision of each state tensor, by name, before saving and after loading."""
    weights = [torch.nn.Parameter(start(1).to(kind)) for _ in range(2)]
    optimizer, fresh = (runner.make([weight], lr=LR, weight_decay=WEIGHT_DECAY) for weight in weights)
    for step in range(3):
        step_once(optimizer, step, weights[:1], [gradient_at(1, step)])
    fresh.load_state_dict(_saved(optimizer))
    return _precisions(optimizer), _precisions(fresh)


def _precisions(optimizer: Any) -> dict[str, torch.dtype]:
    return {
        str(name): value.dtype
        for own in optimizer.state.values()
        if isinstance(own, dict)
        for name, value in own.items()
        if isinstance(value, Tensor)
    }


def _name(kind: torch.dtype) -> str:
    return str(kind).removeprefix("torch.")


_WHOSE = {
    "checkpoint": "the checkpoint's",
    "constructor": "the constructor's",
    "stale_first_step": "the constructor's in the first step, the checkpoint's after it",
    "neither": "neither of them: another value, or none",
    "refused": "it raises",
}
_COPIED = {
    "same": "as it was, to rounding",
    "shares_state": "the copy's steps change the original",
    "differs": "on another path",
    "refused": "it raises",
}

QUESTIONS = (
    Question(
        "state_dict",
        "state",
        "Does a run go on from a saved state dict as it would have gone on?",
        state_dict,
        {
            "identical": "bit for bit",
            "to_rounding": "to rounding",
            "to_single_rounding": "to the rounding of float32: something was cast",
            "differs": "no",
            "refused": "it raises",
        },
        ("identical", "to_rounding", "to_single_rounding"),
        role="handling",
    ),
    Question(
        "resume_weight_decay",
        "state",
        "Whose weight_decay counts after loading a state dict?",
        resume_weight_decay,
        _WHOSE,
        ("checkpoint",),
        role="handling",
    ),
    Question("resume_lr", "state", "Whose lr counts after loading a state dict?", resume_lr, _WHOSE, ("checkpoint",)),
    Question(
        "pickle",
        "state",
        "Does a run go on when optimizer and weights were pickled?",
        pickled,
        _COPIED,
        ("same",),
        role="handling",
    ),
    Question(
        "deepcopy",
        "state",
        "Does a run go on when optimizer and weights were copied?",
        deepcopied,
        _COPIED,
        ("same",),
        role="handling",
    ),
    Question(
        "state_precision",
        "state",
        "Does loading a state dict keep the precision of what it holds?",
        state_precision,
        {
            "kept": "yes",
            "cast": "no: it is cast, as torch does to a state of another precision than its weights",
            "no_state": "there is nothing to keep",
            "refused": "it raises",
        },
        ("kept", "no_state"),
    ),
)
