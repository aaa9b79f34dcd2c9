"""Questions about the smallest decay that still moves a weight, and about the constructor's default.

At a learning rate of 1 every scale (the learning rate, its square, a schedule, none) is the same number. The threshold is
therefore one of lr x weight_decay. The weights have no gradient.

    answer         observation in float32 and bfloat16                          example
    rounded        a decay below a threshold moves no weight                    torch.optim:AdamW
    accumulates    the same, but a 32nd of the threshold moves it later      KeepsRemainder
    stochastic     equal weights move differently                               StochasticRounding, in bfloat16
    rescaled       any decay moves the weights                                  torch.optim:Adam
    never          in one of the two precisions no weight moves                 SparesHalfPrecision in the self-test
    (none)         no weight moves in either precision                          DecayOnlyWhereGradient
    (none)         the optimizer raises, or makes weights that are not finite   torch.optim:AdamW with eps 0

The examples without a package are classes of `tests.mutants`.
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

LOWEST = -40  # exponent of the smallest decay that is tried; the largest is 2^0
REFINED = 4  # bisections of the last power of two: to a factor of 2^(1/16), or 4.4 percent
RESCALED = 1e-3  # in units of a precision's eps: no rounding has its threshold below this
# A compensated sum of this part of the threshold has moved a weight after LATER steps. A step that
# grows, as in a warm-up inside the optimizer, must not reach the threshold by itself.
PART, LATER = 1 / 32, 128
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def _weights(dtype: torch.dtype) -> Tensor:
    """Return eight weights between 1 and 2 in each of eight equal rows."""
    return (1.0 + (torch.arange(8, dtype=torch.float64) + 0.5) / 8).repeat(8, 1).to(dtype)


def _changed(runner: SubjectRunner, decay: float, steps: int) -> Tensor:
    """Return which weights `steps` steps without gradient move at lr x weight_decay = `decay`, compared with no decay.

    Raises what the optimizer raises, and ArithmeticError if it makes weights that are not finite.
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
    """Return the smallest decay that moves a weight, to a few percent; 0 if 2^LOWEST moves one, infinity if 0.7 does not."""
    if moves(2.0**LOWEST):
        return 0.0
    low, high = float(LOWEST), 0.0
    if not moves(0.7):  # not 1: some optimizers may refuse it
        return math.inf
    while high - low > 2.0**-REFINED:
        middle = (low + high) / 2
        low, high = (low, middle) if moves(2.0**middle) else (middle, high)
    return math.exp2(high)


def _measure(runner: SubjectRunner, steps: int, *, decoupled: bool) -> tuple[dict[str, float], str]:
    """Return the thresholds of one precision, and the answer, which is empty if no weight moves.

    `steps` is the number of steps up to the first that decays.
    """
    first = _threshold(lambda decay: bool(_changed(runner, decay, steps).any()))
    if first == math.inf:
        return {}, ""
    if first < RESCALED * runner.eps:
        return {"any": first} if first else {}, "rescaled"
    if any(_rows_differ(_changed(runner, factor * first, steps)) for factor in (0.25, 0.5, 1.0, 1.4)):
        return {"any": first}, "stochastic"
    thresholds = {"any": first, "all": _threshold(lambda decay: bool(_changed(runner, decay, steps).all()))}
    # Decoupled only: the momentum of a coupled decay would add it up as well.
    adds_up = decoupled and bool(_changed(runner, first * PART, LATER).any())
    return thresholds, "accumulates" if adds_up else "rounded"


def _rows_differ(changed: Tensor) -> bool:
    """Return True if some of the equal weights moved and others did not."""
    return bool((changed != changed[0]).any())


def _ask_smallest(runner: SubjectRunner) -> Finding:
    if runner.first_value("coupling") == "none":
        return Finding((), "unknown: weight_decay changes nothing")
    numbers: dict[str, float] = {}
    words, parts = [], []
    rule = decay_rule(runner)
    steps = 1 + min((step.number for step in rule.replayed_run.steps if step.moved.any()), default=0)
    for name, dtype in DTYPES.items():
        try:
            thresholds, word = _measure(
                SubjectRunner(runner.path, runner.options, dtype), steps, decoupled=rule.coupling == ("decoupled",)
            )
        except Exception as error:
            parts.append(f"{name} not measured ({' '.join(str(error).removeprefix(runner.path).split())[:44]})")
            continue
        words.append(word)
        numbers |= {name + ("" if key == "any" else "_all"): value for key, value in thresholds.items()}
        parts.append(_part(name, thresholds, word))
    # Weights move in one precision, so the missing gradient is not the reason in the other.
    if "" in words and any(words):
        return Finding(("never",), "; ".join(parts), numbers)
    text = "; ".join(parts)
    text = (
        f"weights from 1 to 2 move from this lr x weight_decay on: {text}"
        if set(words) <= {"rounded", "accumulates"} and words
        else text
    )
    if words == ["rescaled", "rescaled"]:
        text = "float32 and bfloat16 weights move even at an lr x weight_decay far below their rounding"
    return Finding(tuple(dict.fromkeys(word for word in words if word)), text, numbers)


def _part(name: str, thresholds: dict[str, float], word: str) -> str:
    """Return the text about one precision."""
    if not word:
        return f"no {name} weight without gradient moves at lr x weight_decay 0.7"
    if word == "rescaled":
        return f"{name} moves at any lr x weight_decay (rescaled)"
    if word == "stochastic":
        return f"{name} moves by chance (seen from {thresholds['any']:.2g} on)"
    later = ", less adds up" if word == "accumulates" else ""
    return f"{name} {thresholds['any']:.2g} (all: {thresholds['all']:.2g}){later}"


def _ask_default(runner: SubjectRunner) -> Finding:
    parameter = inspect.signature(runner.build).parameters.get("weight_decay")
    declared = parameter.default if parameter is not None and isinstance(parameter.default, int | float) else None
    built = runner.build([torch.nn.Parameter(torch.ones(2, 2, dtype=runner.dtype))], lr=0.1, **_without_decay(runner))
    used = built.param_groups[0].get("weight_decay", declared)
    if not isinstance(used, int | float):
        return Finding((), "unknown: neither the constructor nor its parameter groups name a weight_decay")
    text = f"weight_decay is {used:g} when none is given"
    if declared is not None and declared != used:
        text += f", though the constructor's signature says {declared:g}"
    return Finding((f"{float(used):.6g}",), text, {"default": float(used)})


def _without_decay(runner: SubjectRunner) -> dict[str, object]:
    """Return the runner's options without weight_decay."""
    return {name: value for name, value in runner.options.items() if name != "weight_decay"}


QUESTIONS: tuple[Question, ...] = (
    Question("smallest_decay", "precision", _ask_smallest),
    Question("default_weight_decay", "decay", _ask_default, preconditions=()),
)
