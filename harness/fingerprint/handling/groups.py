"""Questions about parameter groups: whose lr and weight_decay count, and changes of the caller's dicts.

Each question is one experiment:

    question                experiment                                         example of an unusual answer
    add_param_group         two parameters join after some steps               ignored: only the groups of the start are stepped
    group_options           two groups with lr and weight_decay of their own   decay_of_first_group: it counts for all groups
    exempt_first            groups after one with weight_decay 0               not_decayed: the decay ends at the exempt group
    empty_group             a group without parameters before another one      dropped: the optimizer leaves the group out
    callers_groups          the caller's dicts, before and after the steps     values_changed: lr x weight_decay is written there
    weight_decay_schedule   weight_decay is set before the first step          ignored: the constructor's counts
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.self_comparison import (
    LR,
    SMALLEST_EFFECT,
    STEPS,
    WEIGHT_DECAY,
    build,
    decay_shows,
    max_relative_difference,
    refusal_is_an_answer,
    run_alone,
    run_tracked,
    same_path_finding,
    tolerance,
    track,
)
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question
from harness.spec.fields import FIELDS

OWN_LR, OWN_DECAY = 0.75 * LR, 2 * WEIGHT_DECAY
# The factor 1.3 must not be 1.5 = 0.75 x 2: a decay by lr^2 over the constructor's lr would then
# look like a decay by lr and the first group's weight_decay.
THIRD_LR, THIRD_DECAY = 0.6 * LR, 1.3 * WEIGHT_DECAY
JOINED_AFTER = 3  # steps; not STEPS, which may be the period of an optimizer that averages every five steps
LATER = range(JOINED_AFTER, JOINED_AFTER + STEPS)
INVISIBLE = "not known, because weight_decay changes no path by more than rounding could"


@refusal_is_an_answer
def add_param_group(runner: SubjectRunner) -> Finding:
    """Compare two parameters that join mid-run, one with its own lr and weight_decay, with parameters of a fresh optimizer."""
    old, custom, default = (track(runner, seed) for seed in (1, 2, 3))
    optimizer = build(runner, [old])
    run_tracked(optimizer, [old], range(JOINED_AFTER))
    optimizer.add_param_group({"params": [custom.weight], "lr": OWN_LR, "weight_decay": OWN_DECAY})
    optimizer.add_param_group({"params": [default.weight]})
    run_tracked(optimizer, [old, custom, default], LATER)
    if any(one.path[-1].equal(one.path[0]) for one in (custom, default)):
        return Finding(("ignored",), "a parameter that joins mid-run by add_param_group never moves")
    settings = {
        "as_fresh": (OWN_LR, OWN_DECAY),
        "decay_of_constructor": (OWN_LR, WEIGHT_DECAY),
        "lr_of_constructor": (LR, OWN_DECAY),
        "not_decayed": (OWN_LR, 0.0),
    }
    word = _matching_answer(runner, custom.path, {word: _fresh(runner, 2, *pair) for word, pair in settings.items()})
    if word not in ("as_fresh", ""):
        return Finding(
            (word,),
            f"a parameter that joins mid-run: {_TEXTS[word]}",
            {"gap": max_relative_difference(custom.path, _fresh(runner, 2, *settings["as_fresh"]))},
        )
    distances = [
        max_relative_difference(custom.path, _fresh(runner, 2, OWN_LR, OWN_DECAY)),
        max_relative_difference(default.path, _fresh(runner, 3, LR, WEIGHT_DECAY)),
        max_relative_difference(old.path, run_alone(runner, 1, range(LATER.stop)).path),
    ]
    return same_path_finding(
        runner,
        max(distances),
        what="a parameter that joins mid-run, compared with a fresh optimizer",
        same="as_fresh",
        neighbours=True,
    )


@refusal_is_an_answer
def group_options(runner: SubjectRunner) -> Finding:
    """Compare two groups, which have their own lr and weight_decay, with parameters alone.

    The second group is also compared with parameters under the values of the constructor and of the first group.
    """
    if not decay_shows(runner):
        return Finding((), INVISIBLE)
    first, second = track(runner, 1), track(runner, 2)
    groups = [
        {"params": [first], "lr": THIRD_LR, "weight_decay": THIRD_DECAY},
        {"params": [second], "lr": OWN_LR, "weight_decay": OWN_DECAY},
    ]
    run_tracked(build(runner, groups), [first, second], range(STEPS))
    settings = {
        "own": (OWN_LR, OWN_DECAY),
        "decay_of_constructor": (OWN_LR, WEIGHT_DECAY),
        "lr_of_constructor": (LR, OWN_DECAY),
        "constructor": (LR, WEIGHT_DECAY),
        "decay_of_first_group": (OWN_LR, THIRD_DECAY),
        "first_group": (THIRD_LR, THIRD_DECAY),
    }
    paths = {word: run_alone(runner, 2, lr=lr, weight_decay=weight_decay).path for word, (lr, weight_decay) in settings.items()}
    word = _matching_answer(runner, second.path, paths)
    distance = max_relative_difference(second.path, paths["own"])
    if word == "own":
        distance = max_relative_difference(first.path, run_alone(runner, 1, lr=THIRD_LR, weight_decay=THIRD_DECAY).path)
    elif word:
        return Finding((word,), f"in the second of two groups {_TEXTS[word]}", {"gap": distance})
    return same_path_finding(
        runner, distance, what="a group with its own lr and weight_decay, compared with one alone", same="own", neighbours=True
    )


@refusal_is_an_answer
def exempt_first(runner: SubjectRunner) -> Finding:
    """Compare the groups after one with weight_decay 0, and that group, with optimizers of their own."""
    exempt, *decayed = (track(runner, seed) for seed in (1, 2, 3))
    groups = [{"params": [exempt], "weight_decay": 0.0}, *({"params": [tracked]} for tracked in decayed)]
    run_tracked(build(runner, groups), [exempt, *decayed], range(STEPS))
    if not decay_shows(runner):
        return Finding((), INVISIBLE)
    if any(tracked.path[-1].equal(tracked.path[0]) for tracked in (exempt, *decayed)):
        return Finding(("not_moved",), "with an exempt group in front, some parameter never moves")
    exempt_difference = max_relative_difference(exempt.path, run_alone(runner, 1, weight_decay=0.0).path)
    if exempt_difference > tolerance(runner) and max_relative_difference(exempt.path, run_alone(runner, 1).path) <= tolerance(
        runner
    ):
        return Finding(
            ("exempt_decays",), "a group whose weight_decay is 0 decays by the constructor's", {"gap": exempt_difference}
        )
    if any(
        max_relative_difference(tracked.path, run_alone(runner, tracked.seed, weight_decay=0.0).path) <= tolerance(runner)
        for tracked in decayed
    ):
        return Finding(("not_decayed",), "groups after one whose weight_decay is 0 do not decay")
    worst = max(
        exempt_difference, *(max_relative_difference(tracked.path, run_alone(runner, tracked.seed).path) for tracked in decayed)
    )
    return same_path_finding(
        runner, worst, what="groups after one whose weight_decay is 0, compared with each alone", same="decayed", neighbours=True
    )


@refusal_is_an_answer
def empty_group(runner: SubjectRunner) -> Finding:
    """Return the finding on a group without parameters: whether it is accepted, and whether it changes the other group's path."""
    tracked = track(runner)
    optimizer = build(runner, [{"params": [], "weight_decay": 0.0}, {"params": [tracked]}])
    run_tracked(optimizer, [tracked], range(STEPS))
    count = len(optimizer.param_groups)
    if count < 2:
        return Finding(("dropped",), f"a group without parameters is dropped: {count} of 2 groups left", {"kept": float(count)})
    return same_path_finding(
        runner,
        max_relative_difference(tracked.path, run_alone(runner).path),
        what="a matrix beside a group without parameters",
        same="accepted",
        neighbours=True,
    )


@refusal_is_an_answer
def callers_groups(runner: SubjectRunner) -> Finding:
    """Return the finding on the dicts that the caller gives as groups: whether values change or keys are added."""
    try:
        return _callers_groups(runner, 2)
    except Exception:  # some optimizers refuse a second group
        return _callers_groups(runner, 1)


def _callers_groups(runner: SubjectRunner, count: int) -> Finding:
    tracked = [track(runner, seed) for seed in (1, 2)[:count]]
    options = [{"lr": OWN_LR, "weight_decay": OWN_DECAY}, {"weight_decay": 0.0}]
    given: list[dict[str, Any]] = [{"params": [each.weight], **own} for each, own in zip(tracked, options[:count], strict=True)]
    before = [dict(group) for group in given]
    optimizer = runner.make(given, lr=LR, weight_decay=WEIGHT_DECAY)
    run_tracked(optimizer, tracked, range(STEPS))
    changed = sorted(
        {
            name
            for group, original in zip(given, before, strict=True)
            for name in original
            if _value_changed(group, original, name)
        }
    )
    added = sorted({name for group, original in zip(given, before, strict=True) for name in group if name not in original})
    numbers = {"changed": float(len(changed)), "added": float(len(added))}
    if changed:
        return Finding(
            ("values_changed",), f"the caller's groups end with other values than given: {', '.join(changed)}"[:139], numbers
        )
    if added:
        return Finding(("defaults_written",), f"the caller's groups keep their values, and gain {len(added)} keys", numbers)
    return Finding(("untouched",), "the caller's groups stay as they were given", numbers)


@refusal_is_an_answer
def weight_decay_schedule(runner: SubjectRunner) -> Finding:
    """Compare a run whose weight_decay is set in the group before the first step with a run that is built with this value."""
    tracked = track(runner)
    optimizer = build(runner, [tracked])
    for group in optimizer.param_groups:
        group["weight_decay"] = OWN_DECAY
    run_tracked(optimizer, [tracked], range(STEPS))
    changed, constructed = run_alone(runner, weight_decay=OWN_DECAY).path, run_alone(runner).path
    effect = max_relative_difference(changed, constructed)
    if effect <= SMALLEST_EFFECT * tolerance(runner):
        return Finding((), INVISIBLE)
    if max_relative_difference(tracked.path, constructed) <= tolerance(runner):
        return Finding(
            ("ignored",), "a weight_decay written into the group before the first step does nothing", {"effect": effect}
        )
    return same_path_finding(
        runner,
        max_relative_difference(tracked.path, changed),
        what="a weight_decay written into the group before the first step",
        same="counts",
    )


def _fresh(runner: SubjectRunner, seed: int, lr: float, weight_decay: float) -> list[Tensor]:
    """Return the path of a parameter that takes the LATER steps in a new optimizer."""
    return run_alone(runner, seed, LATER, lr=lr, weight_decay=weight_decay).path


def _matching_answer(runner: SubjectRunner, path: Sequence[Tensor], paths: Mapping[str, Sequence[Tensor]]) -> str:
    """Return the first answer whose path is the given one, or an empty string."""
    return next((word for word, expected in paths.items() if max_relative_difference(path, expected) <= tolerance(runner)), "")


def _value_changed(group: Mapping[str, Any], original: Mapping[str, Any], name: str) -> bool:
    """Return True if an entry of a group is missing or differs from the original; parameters must be the same objects."""
    if name != "params":
        return name not in group or bool(group[name] != original[name])
    params = list(group.get(name, []))
    return len(params) != len(original[name]) or any(
        parameter is not expected for parameter, expected in zip(params, original[name], strict=True)
    )


_TEXTS = {
    word: value.means for name in ("add_param_group", "group_options") for word, value in FIELDS[name].values.items()
}  # the words of the contract, which a finding repeats

QUESTIONS = (
    Question("add_param_group", "groups", add_param_group, purpose="handling"),
    Question("group_options", "groups", group_options, purpose="handling"),
    Question("exempt_first", "groups", exempt_first, purpose="handling"),
    Question("empty_group", "groups", empty_group, purpose="handling"),
    Question("callers_groups", "groups", callers_groups, purpose="handling"),
    Question("weight_decay_schedule", "groups", weight_decay_schedule),
)
