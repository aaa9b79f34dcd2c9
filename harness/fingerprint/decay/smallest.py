"""What is the smallest decay that still moves a weight, and what does the constructor take when none is given?

At a learning rate of 1 every scale (the learning rate, its square, a schedule, none) is the same number, so that the
threshold is one of lr x weight_decay.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from harness.fingerprint.decay.rule import decay_rule
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question

LOWEST = -40  # powers of two that are searched, up to 2^0
REFINED = 4  # bisections of the last power: 2^(1/16), or 4.4 percent
RESCALED = 1e-3  # of a precision's eps: no rounding has its threshold there
LATER = 64  # steps in which a compensated sum of a quarter of the threshold has moved a weight
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def _weights(dtype: torch.dtype) -> Tensor:
    """Eight weights between 1 and 2, eight times each: the rows are alike."""
    return (1.0 + (torch.arange(8, dtype=torch.float64) + 0.5) / 8).repeat(8, 1).to(dtype)


def _changed(runner: SubjectRunner, decay: float, steps: int) -> Tensor:
    """Return which weights have moved after steps at lr x weight_decay = `decay` without gradient.

    Raises what the optimizer raises, and ArithmeticError where it makes weights that are not finite.
    """
    end, plain = _end(runner, decay, steps), _end(runner, 0.0, steps)
    if not bool(torch.stack([end, plain]).isfinite().all()):
        raise ArithmeticError("no gradient at all gives nan")
    return end != plain


@lru_cache(maxsize=64)
def _end(runner: SubjectRunner, decay: float, steps: int) -> Tensor:
    start = _weights(runner.dtype)
    (path,) = runner.run([start], lambda step, weights: [torch.zeros_like(start)], lrs=[1.0] * steps, weight_decay=decay)
    return path[-1]


def _threshold(moves: Callable[[float], bool]) -> float:
    """Return the smallest decay that moves, to a few percent; 0 if the lowest does, infinity if 1 does not."""
    if moves(2.0**LOWEST):
        return 0.0
    low, high = float(LOWEST), 0.0
    if not moves(0.7):  # a decay of 1 may be refused
        return math.inf
    while high - low > 2.0**-REFINED:
        middle = (low + high) / 2
        low, high = (low, middle) if moves(2.0**middle) else (middle, high)
    return math.exp2(high)


def _measure(runner: SubjectRunner, steps: int, *, decoupled: bool) -> tuple[dict[str, float], str]:
    """Return the thresholds of one precision, and the word for what was seen; only the last of `steps` decays."""
    first = _threshold(lambda decay: bool(_changed(runner, decay, steps).any()))
    if first == math.inf:
        return {}, ""
    if first < RESCALED * runner.eps:
        return {"any": first} if first else {}, "rescaled"
    if any(_unlike(_changed(runner, factor * first, steps)) for factor in (0.25, 0.5, 1.0, 1.4)):
        return {"any": first}, "stochastic"
    found = {"any": first, "all": _threshold(lambda decay: bool(_changed(runner, decay, steps).all()))}
    adds_up = decoupled and bool(_changed(runner, first / 4, LATER).any())  # a momentum would add it up as well
    return found, "accumulates" if adds_up else "rounded"


def _unlike(changed: Tensor) -> bool:
    """Return True if equal weights did not all do the same."""
    return bool((changed != changed[0]).any())


def _ask_smallest(runner: SubjectRunner) -> Finding:
    if runner.first("coupling") == "none":
        return Finding((), "unknown: weight_decay changes nothing")
    numbers: dict[str, float] = {}
    words, parts = [], []
    found = decay_rule(runner)
    steps = 1 + min((step.number for step in found.replayed_run.steps if step.moved.any()), default=0)
    for name, dtype in DTYPES.items():
        try:
            thresholds, word = _measure(
                SubjectRunner(runner.path, runner.options, dtype), steps, decoupled=found.coupling == ("decoupled",)
            )
        except Exception as error:
            parts.append(f"{name} not measured ({' '.join(str(error).removeprefix(runner.path).split())[:44]})")
            continue
        words.append(word)
        numbers |= {name + ("" if key == "any" else "_all"): value for key, value in thresholds.items()}
        parts.append(_part(name, thresholds, word))
    if "" in words and any(words):  # one precision moves: in the other it is not the missing gradient that keeps it
        return Finding(("never",), "; ".join(parts), numbers)
    says = "; ".join(parts)
    says = f"lr x weight_decay moves {says}" if set(words) <= {"rounded", "accumulates"} and words else says
    if words == ["rescaled", "rescaled"]:
        says = "float32 and bfloat16 weights move at any lr x weight_decay: the update rule rescales it"
    return Finding(tuple(dict.fromkeys(word for word in words if word)), says, numbers)


def _part(name: str, found: dict[str, float], word: str) -> str:
    if not word:
        return f"no {name} weight without gradient moves at lr x weight_decay 0.7"
    if word == "rescaled":
        return f"{name} moves at any lr x weight_decay (rescaled)"
    if word == "stochastic":
        return f"{name} moves by chance (seen from {found['any']:.2g} on)"
    later = ", less adds up" if word == "accumulates" else ""
    return f"{name} from {found['any']:.2g} on (all from {found['all']:.2g}){later}"


def _ask_default(runner: SubjectRunner) -> Finding:
    given = inspect.signature(runner.build).parameters.get("weight_decay")
    declared = given.default if given is not None and isinstance(given.default, int | float) else None
    built = runner.build([torch.nn.Parameter(torch.ones(2, 2, dtype=runner.dtype))], lr=0.1, **_without(runner))
    used = built.param_groups[0].get("weight_decay", declared)
    if not isinstance(used, int | float):
        return Finding((), "unknown: neither the constructor nor its parameter groups name a weight_decay")
    said = f"weight_decay is {used:g} when none is given"
    if declared is not None and declared != used:
        said += f", though the constructor's signature says {declared:g}"
    return Finding((f"{float(used):.6g}",), said, {"default": float(used)})


def _without(runner: SubjectRunner) -> dict[str, object]:
    return {name: value for name, value in runner.options.items() if name != "weight_decay"}


QUESTIONS: tuple[Question, ...] = (
    Question(
        "smallest_decay",
        "precision",
        "What is the smallest lr x weight_decay that moves a weight in one step?",
        _ask_smallest,
        {
            "rounded": "below a threshold the decay is rounded away",
            "accumulates": "below the threshold it is kept and adds up",
            "stochastic": "rounded up or down by chance",
            "never": "in one of the precisions not even a decay of 0.7 moves a weight",
            "rescaled": "any decay moves a weight: the update rule divides it by its own size",
        },
        usual=("rounded",),
    ),
    Question("default_weight_decay", "decay", "What is weight_decay when none is given?", _ask_default, preconditions=()),
)
