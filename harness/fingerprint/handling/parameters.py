"""How does an optimizer handle the list of parameters that it is given: tied, repeated, reordered, of mixed precision?"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.self_comparison import (
    CHANCE,
    LR,
    STEPS,
    WEIGHT_DECAY,
    GradientAt,
    Tracked,
    build,
    gradient_at,
    is_stochastic,
    max_relative_difference,
    refusal_is_an_answer,
    run_alone,
    run_tracked,
    same_path_finding,
    start,
    tolerance,
    track,
    zero_gradient,
)
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question

COUNTED = 0.1  # how far from a whole number the decays of a step may lie


def tied(runner: SubjectRunner) -> Finding:
    """Ask how often a weight decays that two modules share, given as model.parameters()."""
    one = track(runner, 1, (3, 3))
    model = torch.nn.Sequential(torch.nn.Linear(3, 3, bias=False), torch.nn.Linear(3, 3, bias=False))
    model[0].weight = model[1].weight = one.weight
    optimizer = runner.make(model.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    run_tracked(optimizer, [one], range(STEPS))
    usual = track(runner, 1, (3, 3))
    run_tracked(build(runner, [usual]), [usual], range(STEPS))
    return same_path_finding(
        runner,
        max_relative_difference(one.path, usual.path),
        what="a weight that two modules share, held against one of its own",
        same="once",
    )


@refusal_is_an_answer
def repeated(runner: SubjectRunner) -> Finding:
    """Ask how often a parameter decays in a step that is listed twice in a group."""
    listed, usual = _listed(runner, 2), _listed(runner, 1, [0, 0])
    if max_relative_difference(listed[-1:], usual[-1:]) <= tolerance(runner):
        return Finding(
            ("twice",),
            "a parameter listed twice in a group takes the whole step twice" + (", decay and all" if runner.takes_decay else ""),
            {"decays": 2},
        )
    if max_relative_difference(listed[-1:], usual[1:2]) <= tolerance(runner):
        return Finding(("once",), "a parameter listed twice in a group steps and decays once", {"decays": 1})
    once, twice = (_pulled(runner, zero_gradient, listed=times) for times in (1, 2))
    if float(once.abs().max()) == 0:
        once, twice = (_pulled(runner, gradient_at, listed=times) for times in (1, 2))
    seen = once != 0
    if not bool(seen.any()):
        return Finding((), "not known, because weight_decay does nothing in the first step")
    count = _times(once[seen], twice[seen], track(runner).path[0][seen])
    if not math.isfinite(count):
        return Finding((), "not known, because a step without gradient is not finite")
    word = next((word for word, number in (("once", 1), ("twice", 2)) if abs(count - number) < COUNTED), "differs")
    if word == "differs" and not _counts(runner):
        return Finding((), "a parameter listed twice in a group: not known how often it decays, because decay is no fixed share")
    return Finding((word,), f"a parameter listed twice in a group decays {count:.3g} times a step", {"decays": count})


@refusal_is_an_answer
def repeated_across_groups(runner: SubjectRunner) -> Finding:
    """Ask whether a parameter is refused that two groups list."""
    one = track(runner)
    run_tracked(build(runner, [{"params": [one]}, {"params": [one], "weight_decay": 0.0}]), [one], [0])
    return Finding(("accepted",), "a parameter that two groups list is taken")


def parameter_order(runner: SubjectRunner) -> Finding:
    """Ask whether a parameter's path depends on its place in the list, or on the others in it."""
    orders = [_ordered(runner, seeds) for seeds in ((1, 2, 3), (3, 1, 2))]
    shuffled = max(max_relative_difference(orders[0][seed], orders[1][seed]) for seed in (1, 2, 3))
    lonely = max(max_relative_difference(orders[0][seed], run_alone(runner, seed).path) for seed in (1, 2, 3))
    numbers = {"reordered": shuffled, "alone": lonely}
    if max(shuffled, lonely) <= tolerance(runner):
        return Finding(("independent",), "each of three parameters takes the path that it takes alone, in any order", numbers)
    if is_stochastic(runner):
        return Finding((), f"not known, because {CHANCE}", numbers)
    if shuffled > tolerance(runner):
        return Finding(
            ("depends_on_order",), f"the order in the list moves paths by {shuffled:.2g} of the largest weight", numbers
        )
    return Finding(("depends_on_others",), f"the others in the list move a path by {lonely:.2g}, in any order", numbers)


@refusal_is_an_answer
def mixed_dtypes(runner: SubjectRunner) -> Finding:
    """Ask whether parameters of two precisions in one group each take the path that they take among their own."""
    coarse = torch.float32 if runner.dtype == torch.float64 else torch.bfloat16
    both = _precisions(runner, [runner.dtype, coarse, runner.dtype, coarse])
    own = [
        _precisions(runner, [kind, None, kind, None] if kind == runner.dtype else [None, kind, None, kind])
        for kind in (runner.dtype, coarse)
    ]
    apart = {
        kind: max(max_relative_difference(one.path, other.path) for one in both for other in alike if one.seed == other.seed)
        for kind, alike in zip((runner.dtype, coarse), own, strict=True)
    }
    allowed = {kind: tolerance(runner) * torch.finfo(kind).eps / runner.eps for kind in apart}
    worst = max(apart, key=lambda kind: apart[kind] / allowed[kind])
    if apart[worst] <= allowed[worst]:
        names = " and ".join(str(kind).removeprefix("torch.") for kind in apart)
        return Finding(("as_alone",), f"{names} in one group: each takes the path that it takes alone", {"gap": apart[worst]})
    return same_path_finding(
        runner,
        apart[worst],
        what=f"{str(worst).removeprefix('torch.')} beside another precision",
        same="as_alone",
        neighbours=True,
    )


def _listed(
    runner: SubjectRunner,
    times: int,
    steps: Sequence[int] = (0,),
    gradient: GradientAt = gradient_at,
    weight_decay: float = WEIGHT_DECAY,
) -> list[Tensor]:
    """Return the path of a parameter that is listed so many times in its group."""
    one = track(runner)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of it; what counts here is what it then does
        optimizer = build(runner, [one] * times, weight_decay=weight_decay)
    return run_tracked(optimizer, [one], steps, gradient)[0].path


def _pulled(runner: SubjectRunner, gradient: GradientAt, *, listed: int) -> Tensor:
    """Return what weight decay changes of the first step."""
    decayed, plain = (_listed(runner, listed, [0], gradient, weight_decay)[-1] for weight_decay in (WEIGHT_DECAY, 0.0))
    return decayed - plain


def _times(once: Tensor, often: Tensor, weight: Tensor) -> float:
    """Return how many decays `often` is, each a share of what the one before left; of no share, how many times as large."""
    kept, left = 1 + once / weight, 1 + often / weight
    if bool((kept > 0).all() and (left > 0).all() and (kept != 1).all()):
        return float((left.log() / kept.log()).median())
    return float((often / once).median())


def _counts(runner: SubjectRunner) -> bool:
    """Return True if two decays are twice one: not so of a decay that the update rule rescales."""
    coupling, scale = runner.known.get("coupling"), runner.known.get("scale")
    return (coupling is None or "decoupled" in coupling.values) and (scale is None or bool(scale.values))


def _ordered(runner: SubjectRunner, seeds: Sequence[int]) -> dict[int, list[Tensor]]:
    listed = [track(runner, seed) for seed in seeds]
    run_tracked(build(runner, listed), listed, range(STEPS))
    return {one.seed: one.path for one in listed}


def _precisions(runner: SubjectRunner, kinds: Sequence[torch.dtype | None]) -> Sequence[Tracked]:
    listed = [
        Tracked.of(torch.nn.Parameter(start(seed).to(kind)), seed) for seed, kind in enumerate(kinds, 1) if kind is not None
    ]
    return run_tracked(build(runner, listed), listed, range(STEPS))


QUESTIONS = (
    Question(
        "tied",
        "parameters",
        "How often does a weight decay that two modules share?",
        tied,
        {"once": "once a step, as one of its own", "differs": "otherwise"},
        ("once",),
    ),
    Question(
        "repeated",
        "parameters",
        "How often does a parameter decay that is listed twice in a group?",
        repeated,
        {"once": "once", "twice": "twice", "differs": "by another count", "refused": "it is refused"},
        ("refused", "once", "twice"),
    ),
    Question(
        "repeated_across_groups",
        "parameters",
        "Is a parameter taken that two groups list?",
        repeated_across_groups,
        {"refused": "no", "accepted": "yes"},
        ("refused",),
    ),
    Question(
        "parameter_order",
        "parameters",
        "Does a parameter's path depend on its place among the others?",
        parameter_order,
        {
            "independent": "no: it is the path that it takes alone",
            "depends_on_others": "on the others, and not on their order",
            "depends_on_order": "on its place in the list",
        },
        ("independent",),
        role="handling",
    ),
    Question(
        "mixed_dtypes",
        "parameters",
        "Do parameters of two precisions in one group take the paths that they take alone?",
        mixed_dtypes,
        {"as_alone": "yes", "differs": "no", "refused": "it raises"},
        ("as_alone", "refused"),
        role="handling",
    ),
)
