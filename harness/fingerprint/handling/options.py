"""Questions about options of the constructor: defaults, inert options, unknown options, senseless values."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import torch

from harness.fingerprint.finding import Finding
from harness.fingerprint.handling import kernels
from harness.fingerprint.measuring.self_comparison import (
    LR,
    WEIGHT_DECAY,
    Tracked,
    build,
    gradient_at,
    run_tracked,
    start,
    track,
)
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import FEW_STEPS, Question

STEPS = 12
# The gradients begin at this size and halve at each step, so that a maximum of past gradients
# differs from the present gradient.
VECTOR, CONVOLUTION = (12,), (3, 2, 2, 1)
FIRST_SIZE, FADING = 100.0, 0.5
BETAS, EPS = (0.9, 0.999), 1e-8
OTHERS: Mapping[str, Any] = {"betas": (0.5, 0.9), "eps": 1e-2}  # other constants, which must change the steps
ALWAYS_GIVEN = ("params", "lr", "weight_decay")
UNKNOWN = "no_optimizer_has_this_option"
BAD_SETTINGS = {
    "negative weight_decay": {"weight_decay": -0.1},
    "NaN weight_decay": {"weight_decay": float("nan")},
    "infinite weight_decay": {"weight_decay": float("inf")},
    "negative lr": {"lr": -0.1},
}


def default_options(runner: SubjectRunner) -> Finding:
    """Return the finding on the constructor's defaults, with their text and numbers."""
    defaults = _defaults(runner)
    if not defaults:
        return Finding(("hidden",), "the constructor's signature names no defaults")
    line = "defaults: " + ", ".join(f"{name}={value!r}" for name, value in defaults.items())
    numbers = {name: float(value) for name, value in defaults.items() if isinstance(value, int | float)}
    return Finding(("stated",), line if len(line) < 140 else line[:136] + "...", numbers)


def adam_options(runner: SubjectRunner) -> Finding:
    """Return the finding on Adam's constants: whether the constructor takes `betas` and `eps`, and the steps follow them."""
    if runner.first_value("step_rule") not in ("adam", ""):
        return Finding(("absent",), "the update is not Adam's")
    usual = _end_or_none(runner, {"betas": BETAS, "eps": EPS})
    if usual is None:
        return Finding(("fixed",), "the constructor does not take both betas and eps")
    inert = [name for name, value in OTHERS.items() if _end_or_none(runner, {"betas": BETAS, "eps": EPS, name: value}) == usual]
    if inert:
        return Finding(("fixed",), f"the constructor takes betas and eps, and no step changes with {' and '.join(inert)}")
    return Finding(("taken",), "the constructor takes betas and eps, and the steps change with each of them")


def inert_options(runner: SubjectRunner) -> Finding:
    """Return the finding on options with a number, a switch or a tuple of numbers as default that change nothing.

    An option that changes nothing by itself is tried again together with each of the others: nesterov needs a momentum.
    """
    tried = {
        name: list(_changes(value)) for name, value in _defaults(runner).items() if name not in (*ALWAYS_GIVEN, *kernels.FLAGS)
    }
    candidates = {name: values for name, values in tried.items() if values}
    if not candidates:
        return Finding(("none",), "no option but lr and weight_decay has a number or a switch as its default")
    usual = _end(runner, {})
    inert = [name for name, values in candidates.items() if not _matters(runner, name, values, {}, usual)]
    inert = [
        name
        for name in inert
        if _accepted(runner, name, candidates[name]) and not _matters_beside_another(runner, name, candidates)
    ]
    if not inert:
        return Finding(
            ("none",), f"each of {len(candidates)} options changes something: {', '.join(candidates)}"[:139], {"inert": 0.0}
        )
    if runner.first_value("step_arguments") == "closure":
        # A rule that evaluates the closure at other weights sees the same gradients there.
        return Finding((), f"not known, because gradients here do not depend on the weights: {', '.join(inert)}"[:139])
    line = f"accepted, and changes nothing in {STEPS} steps here: {', '.join(inert)}"
    return Finding(("some",), line[:139], {"inert": float(len(inert))})


def unknown_option(runner: SubjectRunner) -> Finding:
    """Return the finding on an option that no optimizer has: whether it is refused."""
    unknown: dict[str, Any] = {UNKNOWN: 1.0}
    try:
        runner.make([torch.nn.Parameter(start(1).to(runner.dtype))], lr=LR, weight_decay=WEIGHT_DECAY, **unknown)
    except Exception:
        return Finding(("refused",), "an option that it does not have is refused")
    return Finding(("swallowed",), "an option that it does not have is accepted without a word: a misspelt one is lost")


def rejects(runner: SubjectRunner) -> Finding:
    """Return the finding on settings that make no sense: which of them are refused."""
    tried = {name: settings for name, settings in BAD_SETTINGS.items() if runner.takes_decay or "weight_decay" not in settings}
    refused = {name: _refuses(runner, settings) for name, settings in tried.items()}
    numbers = {name.replace(" ", "_"): float(is_refused) for name, is_refused in refused.items()}
    accepted = ", ".join(name for name, is_refused in refused.items() if not is_refused)
    if not accepted:
        return Finding(("all",), f"refused: {', '.join(refused)}", numbers)
    if not any(refused.values()):
        return Finding(("none",), f"accepted without a word: {accepted}", numbers)
    rejected = ", ".join(name for name, is_refused in refused.items() if is_refused)
    return Finding(("some",), f"refused: {rejected}; accepted without a word: {accepted}", numbers)


def _defaults(runner: SubjectRunner) -> dict[str, Any]:
    """Return the constructor's options with their defaults; the runner's own options replace them."""
    parameters = inspect.signature(runner.build).parameters
    return {
        name: runner.options.get(name, parameter.default)
        for name, parameter in parameters.items()
        if name != "params" and parameter.default is not inspect.Parameter.empty
    }


def _changes(value: Any) -> Iterator[Any]:
    """Yield other values of the same type for an option: the opposite of a switch; nearer and farther numbers."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value + 3, max(1, value // 2), 5)
    elif isinstance(value, float):
        yield from (0.5, 1e-2, 0.75 * value, 1.5 * value, 10.0)
    elif isinstance(value, tuple | list) and any(isinstance(part, float) for part in value):
        for index, part in enumerate(value):
            if isinstance(part, float):
                yield from (type(value)((*value[:index], other, *value[index + 1 :])) for other in (0.5, 0.9 * part, 10.0))


def _matters(runner: SubjectRunner, name: str, values: list[Any], others: Mapping[str, Any], usual: str | None) -> bool:
    """Return True if some of the values of an option, together with `others`, lead to another end than `usual`."""
    if isinstance(_defaults(runner)[name], tuple | list):
        return _every_number_matters(runner, name, values, others, usual)
    return any(_end_or_none(runner, {**others, name: value}) not in (usual, None) for value in values)


def _every_number_matters(
    runner: SubjectRunner, name: str, values: list[Any], others: Mapping[str, Any], usual: str | None
) -> bool:
    """Return True if every number of a tuple changes the end of the run; a number is left out if all its values are refused."""
    value = _defaults(runner)[name]
    indices = [index for index, part in enumerate(value) if isinstance(part, float)]
    ends = [
        {_end_or_none(runner, {**others, name: other}) for other in values if other[index] != value[index]} for index in indices
    ]
    return all(reached - {usual, None} for reached in ends if reached != {None})


def _accepted(runner: SubjectRunner, name: str, values: list[Any]) -> bool:
    """Return True if any of the values is accepted. An option whose other values are all refused cannot be judged."""
    return any(_end_or_none(runner, {name: value}) is not None for value in values)


def _matters_beside_another(runner: SubjectRunner, name: str, candidates: Mapping[str, list[Any]]) -> bool:
    """Return True if an option matters once another option has another value; two values of each other option are tried."""
    for other, values in candidates.items():
        if other == name:
            continue
        for value in values[:2]:
            usual = _end_or_none(runner, {other: value})
            if usual is not None and _matters(runner, name, candidates[name], {other: value}, usual):
                return True
    return False


def _end_or_none(runner: SubjectRunner, options: Mapping[str, Any]) -> str | None:
    """Return the end of the run, or None if the options are refused or a step raises."""
    try:
        return _end(runner, options)
    except Exception:
        return None


@lru_cache(maxsize=8)
def _other_shapes(runner: SubjectRunner) -> tuple[tuple[int, ...], ...]:
    """Return the shapes, besides matrices, that the optimizer steps: some options act on vectors or convolutions only."""
    return tuple(shape for shape in (VECTOR, CONVOLUTION) if _takes(runner, shape))


def _takes(runner: SubjectRunner, shape: tuple[int, ...]) -> bool:
    """Return True if the optimizer steps a parameter of this shape."""
    tracked = track(runner, shape=shape)
    try:
        run_tracked(build(runner, [tracked]), [tracked], range(STEPS))
    except Exception:
        return False
    return True


def _end(runner: SubjectRunner, options: Mapping[str, Any]) -> str:
    """Return the weights, of every shape that it takes, and the tensors of the state after the steps, to the last digit."""
    starts = [start(1), 1e-3 * start(1), *(start(3, shape) for shape in _other_shapes(runner))]
    tracked = [Tracked.of(torch.nn.Parameter(first.to(runner.dtype)), seed) for seed, first in enumerate(starts, start=1)]
    optimizer = runner.make([parameter.weight for parameter in tracked], lr=LR, weight_decay=WEIGHT_DECAY, **options)
    run_tracked(
        optimizer, tracked, range(STEPS), lambda seed, step, shape: FIRST_SIZE * FADING**step * gradient_at(seed, step, shape)
    )
    ends = [parameter.path[-1] for parameter in tracked]
    state = [value for entry in optimizer.state.values() if isinstance(entry, dict) for value in entry.values()]
    return repr([tensor.tolist() for tensor in (*ends, *(value for value in state if isinstance(value, torch.Tensor)))])


def _refuses(runner: SubjectRunner, settings: Mapping[str, float]) -> bool:
    """Return True if the constructor raises for the settings."""
    given: dict[str, Any] = {"lr": LR, "weight_decay": WEIGHT_DECAY, **settings}
    try:
        runner.make([torch.nn.Parameter(start(1).to(runner.dtype))], **given)
    except Exception:
        return True
    return False


DEFAULTS = (Question("default_options", "options", default_options),)
QUESTIONS = (
    Question("adam_options", "options", adam_options, preconditions=(FEW_STEPS,)),
    Question("inert_options", "options", inert_options),
    Question("unknown_option", "options", unknown_option),
    Question("rejects", "options", rejects),
)
