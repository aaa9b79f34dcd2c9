"""Question about weights that change outside of step().

A weight is compared, bit for bit, before and after each call of the optimizer's interface, with a gradient in place. The
answer is the first of these that changes one:

    answer         call                                                      example
    construction   the constructor, or add_param_group                       a decay at construction
    checkpoint     state_dict() before the first step, or after some steps   a state dict that takes a step to make its state
                   state_dict() and load_state_dict()
    zero_grad      zero_grad(), with set_to_none=False and set_to_none=True  a step that is left for the next zero_grad
    modes          train() and eval(), where the optimizer has them          schedule-free optimizers
    never          none of them

A method that does not exist changes nothing. An exception is ignored, but a weight that changed before it still counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.self_comparison import STEPS, Tracked, build, gradient_at, run_tracked, track
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question
from harness.subject.stepping import give_gradients

WHAT = {
    "construction": "the constructor or add_param_group",
    "checkpoint": "state_dict() or load_state_dict()",
    "zero_grad": "zero_grad()",
    "modes": "train() or eval()",
}


def moved_outside_step(runner: SubjectRunner) -> Finding:
    """Return the finding on calls other than step() that change a weight."""
    first, joined = track(runner, 1), track(runner, 2)
    give_gradients([first.weight, joined.weight], [gradient_at(1, 0), gradient_at(2, 0)])
    moved = dict.fromkeys(WHAT, False)
    optimizer = build(runner, [first])
    moved["construction"] = _changed([first])
    moved["checkpoint"] = _moved_by(lambda: optimizer.state_dict(), [first])
    moved["construction"] |= _moved_by(lambda: optimizer.add_param_group({"params": [joined.weight]}), [first, joined])
    present = [one for one in (first, joined) if one is first or len(optimizer.param_groups) > 1]
    try:
        run_tracked(optimizer, present, range(STEPS))
    except Exception:  # a group that joined may be refused as late as in a step
        present = [track(runner, 1)]
        optimizer = build(runner, present)
        run_tracked(optimizer, present, range(STEPS))
    moved["checkpoint"] |= _moved_by(lambda: optimizer.load_state_dict(optimizer.state_dict()), present)
    for set_to_none in (False, True):
        moved["zero_grad"] |= _moved_by(partial(optimizer.zero_grad, set_to_none=set_to_none), present)
    for mode in ("eval", "train"):
        moved["modes"] |= _moved_by(getattr(optimizer, mode, _nothing), present)
    movers = [name for name, changes in moved.items() if changes]
    if not movers:
        return Finding(("never",), "no weight changes at construction, at saving or loading, in zero_grad() or between modes")
    return Finding((movers[0],), f"a weight changes outside of step(): in {', '.join(WHAT[name] for name in movers)}")


def _nothing() -> None:
    """Do nothing, in place of a method that the optimizer does not have."""


def _moved_by(call: Callable[[], Any], tracked: Sequence[Tracked]) -> bool:
    """Make a call, and return True if it changed a weight. An exception of the call is ignored."""
    before = [one.weight.detach().clone() for one in tracked]
    with contextlib.suppress(Exception):
        call()
    return any(not _same(one.weight, weight) for one, weight in zip(tracked, before, strict=True))


def _changed(tracked: Sequence[Tracked]) -> bool:
    """Return True if a weight differs from its last recorded value."""
    return any(not _same(one.weight, one.path[-1]) for one in tracked)


def _same(weight: Tensor, other: Tensor) -> bool:
    return bool(weight.detach().equal(other))


QUESTIONS = (Question("moved_outside_step", "steps", moved_outside_step, purpose="handling"),)
