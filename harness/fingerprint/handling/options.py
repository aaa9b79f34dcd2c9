"""Which options does the constructor take, what are their defaults, and does each of them do something?"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from harness.fingerprint.finding import Finding
from harness.fingerprint.handling import kernels
from harness.fingerprint.measuring.self_comparison import LR, WEIGHT_DECAY, Tracked, gradient_at, run_tracked, start
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question

STEPS = 12
LOUD, FADES = 100.0, 0.5  # gradients that fade by half a step: a maximum of the past differs from the present
GIVEN = ("params", "lr", "weight_decay")
UNKNOWN = "no_optimizer_has_this_option"
BAD = {
    "negative weight_decay": {"weight_decay": -0.1},
    "NaN weight_decay": {"weight_decay": float("nan")},
    "infinite weight_decay": {"weight_decay": float("inf")},
    "negative lr": {"lr": -0.1},
}


def default_options(runner: SubjectRunner) -> Finding:
    """Ask what the constructor's defaults are."""
    known = _defaults(runner)
    if not known:
        return Finding(("hidden",), "the constructor's signature names no defaults")
    said = "defaults: " + ", ".join(f"{name}={value!r}" for name, value in known.items())
    numbers = {name: float(value) for name, value in known.items() if isinstance(value, int | float)}
    return Finding(("stated",), said if len(said) < 140 else said[:136] + "...", numbers)


def inert_options(runner: SubjectRunner) -> Finding:
    """Ask whether every option with a number, a switch or a tuple of numbers as its default changes something.

    An option that does nothing by itself is tried again beside each of the others: nesterov needs a momentum.
    """
    tried = {name: list(_changes(value)) for name, value in _defaults(runner).items() if name not in (*GIVEN, *kernels.FLAGS)}
    known = {name: values for name, values in tried.items() if values}
    if not known:
        return Finding(("none",), "no option but lr and weight_decay has a number or a switch as its default")
    usual = _run(runner, {})
    inert = [name for name, values in known.items() if not _lives(runner, name, values, {}, usual)]
    inert = [name for name in inert if _accepted(runner, name, known[name]) and not _lives_beside(runner, name, known)]
    if not inert:
        return Finding(("none",), f"each of {len(known)} options changes something: {', '.join(known)}"[:139], {"inert": 0.0})
    said = f"accepted, and changes nothing in {STEPS} steps here: {', '.join(inert)}"
    return Finding(("some",), said[:139], {"inert": float(len(inert))})


def unknown_option(runner: SubjectRunner) -> Finding:
    """Ask whether an option is refused that no optimizer has."""
    unknown: dict[str, Any] = {UNKNOWN: 1.0}
    try:
        runner.make([torch.nn.Parameter(start(1).to(runner.dtype))], lr=LR, weight_decay=WEIGHT_DECAY, **unknown)
    except Exception:
        return Finding(("refused",), "an option that it does not have is refused")
    return Finding(("swallowed",), "an option that it does not have is accepted without a word: a misspelt one is lost")


def rejects(runner: SubjectRunner) -> Finding:
    """Ask which settings that make no sense are refused."""
    tried = {name: settings for name, settings in BAD.items() if runner.takes_decay or "weight_decay" not in settings}
    refused = {name: _refuses(runner, settings) for name, settings in tried.items()}
    numbers = {name.replace(" ", "_"): float(one) for name, one in refused.items()}
    accepted = ", ".join(name for name, one in refused.items() if not one)
    if not accepted:
        return Finding(("all",), f"refused: {', '.join(refused)}", numbers)
    if not any(refused.values()):
        return Finding(("none",), f"accepted without a word: {accepted}", numbers)
    kept_out = ", ".join(name for name, one in refused.items() if one)
    return Finding(("some",), f"refused: {kept_out}; accepted without a word: {accepted}", numbers)


def _defaults(runner: SubjectRunner) -> dict[str, Any]:
    """Return the constructor's options with what they are by default, or as the runner sets them."""
    known = inspect.signature(runner.build).parameters
    return {
        name: runner.options.get(name, one.default)
        for name, one in known.items()
        if name != "params" and one.default is not inspect.Parameter.empty
    }


def _changes(value: Any) -> Iterator[Any]:
    """Yield other values for an option, of the same kind: a switch turned, a number moved a little or far."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value + 3, max(1, value // 2), 5)
    elif isinstance(value, float):
        yield from (0.5, 1e-2, 0.75 * value, 1.5 * value, 10.0)
    elif isinstance(value, tuple | list) and any(isinstance(part, float) for part in value):
        for place, part in enumerate(value):
            if isinstance(part, float):
                yield from (type(value)((*value[:place], other, *value[place + 1 :])) for other in (0.5, 0.9 * part, 10.0))


def _lives(runner: SubjectRunner, name: str, values: list[Any], beside: Mapping[str, Any], usual: str | None) -> bool:
    """Return True if some other value of an option, beside other options, leads elsewhere."""
    if isinstance(_defaults(runner)[name], tuple | list):
        return _each_lives(runner, name, values, beside, usual)
    return any(_fate(runner, {**beside, name: value}) not in (usual, None) for value in values)


def _each_lives(runner: SubjectRunner, name: str, values: list[Any], beside: Mapping[str, Any], usual: str | None) -> bool:
    """The same of a tuple, of which every number must count."""
    value = _defaults(runner)[name]
    places = [place for place, part in enumerate(value) if isinstance(part, float)]
    fates = [{_fate(runner, {**beside, name: other}) for other in values if other[place] != value[place]} for place in places]
    return all(own - {usual, None} for own in fates if own != {None})


def _accepted(runner: SubjectRunner, name: str, values: list[Any]) -> bool:
    """Return True if any other value is taken: what is refused whatever it is has not been tried."""
    return any(_fate(runner, {name: value}) is not None for value in values)


def _lives_beside(runner: SubjectRunner, name: str, known: Mapping[str, list[Any]]) -> bool:
    for other, values in known.items():
        if other == name:
            continue
        for value in values[:2]:
            usual = _fate(runner, {other: value})
            if usual is not None and _lives(runner, name, known[name], {other: value}, usual):
                return True
    return False


def _fate(runner: SubjectRunner, options: Mapping[str, Any]) -> str | None:
    """Return where a run ends, or None when the options are refused."""
    try:
        return _run(runner, options)
    except Exception:
        return None


def _run(runner: SubjectRunner, options: Mapping[str, Any]) -> str:
    """Return where weights and state end, to the last digit."""
    tracked = [Tracked.of(torch.nn.Parameter(scale * start(1).to(runner.dtype)), seed) for seed, scale in ((1, 1.0), (2, 1e-3))]
    optimizer = runner.make([one.weight for one in tracked], lr=LR, weight_decay=WEIGHT_DECAY, **options)
    run_tracked(optimizer, tracked, range(STEPS), lambda *given: LOUD * FADES ** given[1] * gradient_at(*given))
    ends = [one.path[-1] for one in tracked]
    state = [value for own in optimizer.state.values() if isinstance(own, dict) for value in own.values()]
    return repr([one.tolist() for one in (*ends, *(value for value in state if isinstance(value, torch.Tensor)))])


def _refuses(runner: SubjectRunner, settings: Mapping[str, float]) -> bool:
    given: dict[str, Any] = {"lr": LR, "weight_decay": WEIGHT_DECAY, **settings}
    try:
        runner.make([torch.nn.Parameter(start(1).to(runner.dtype))], **given)
    except Exception:
        return True
    return False


DEFAULTS = (
    Question(
        "default_options",
        "options",
        "What are the constructor's defaults?",
        default_options,
        {"stated": "its signature says", "hidden": "its signature does not say"},
    ),
)
QUESTIONS = (
    Question(
        "inert_options",
        "options",
        "Which options are accepted and change nothing?",
        inert_options,
        {"none": "none", "some": "some change neither weights nor state on any path that was tried"},
        ("none",),
    ),
    Question(
        "unknown_option",
        "options",
        "Is an option refused that no optimizer has?",
        unknown_option,
        {"refused": "yes", "swallowed": "no: a misspelt option is lost without a word"},
        ("refused",),
    ),
    Question(
        "rejects",
        "options",
        "Which settings that make no sense are refused (negative, NaN, infinite)?",
        rejects,
        {"all": "all that were tried", "some": "some of them", "none": "none of them"},
        ("all", "some"),
    ),
)
