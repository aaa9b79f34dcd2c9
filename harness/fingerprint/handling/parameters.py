"""Questions about the list of parameters: shared, repeated, reordered, of two precisions.

Each question is one experiment:

    question                 experiment                                      example of an unusual answer
    tied                     a weight that two modules share                 differs: the shared weight decays twice
    repeated                 a parameter listed twice in a group             differs: it decays four times, once for each pair
    repeated_across_groups   a parameter in two groups                       accepted: the optimizer does not check for it
    parameter_order          three parameters in another order, and alone    depends_on_order: one step counter for all of them
    mixed_dtypes             two precisions in one group                     differs: all weights decay once for each precision
"""

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
    uneven_gradient,
    zero_gradient,
)
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question

COUNT_TOLERANCE = 0.1  # the largest distance of a count of decays from a whole number


def tied(runner: SubjectRunner) -> Finding:
    """Compare a weight that two modules share, given as model.parameters(), with a weight that is not shared."""
    shared = track(runner, 1, (3, 3))
    model = torch.nn.Sequential(torch.nn.Linear(3, 3, bias=False), torch.nn.Linear(3, 3, bias=False))
    model[0].weight = model[1].weight = shared.weight
    optimizer = runner.make(model.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    run_tracked(optimizer, [shared], range(STEPS))
    usual = track(runner, 1, (3, 3))
    run_tracked(build(runner, [usual]), [usual], range(STEPS))
    return same_path_finding(
        runner,
        max_relative_difference(shared.path, usual.path),
        what="a weight that two modules share, compared with one of its own",
        same="once",
    )


@refusal_is_an_answer
def repeated(runner: SubjectRunner) -> Finding:
    """Return the finding on a parameter that is listed twice in a group: how often it decays in a step.

    The path after one step is first compared with two plain steps on the same gradient, then with one. If it is neither, the
    decay of the step is counted: with a zero gradient, or with the usual one if nothing decays under a zero gradient.
    """
    listed, usual = _listed(runner, 2), _listed(runner, 1, [0, 0])
    if max_relative_difference(listed[-1:], usual[-1:]) <= tolerance(runner):
        return Finding(
            ("twice",),
            "a parameter listed twice in a group takes the whole step twice" + (", decay and all" if runner.takes_decay else ""),
            {"decays": 2},
        )
    if max_relative_difference(listed[-1:], usual[1:2]) <= tolerance(runner):
        return Finding(("once",), "a parameter listed twice in a group steps and decays once", {"decays": 1})
    once, twice = (_decay_of_a_step(runner, zero_gradient, listed=times) for times in (1, 2))
    if float(once.abs().max()) == 0:
        once, twice = (_decay_of_a_step(runner, gradient_at, listed=times) for times in (1, 2))
    decayed = once != 0
    if not bool(decayed.any()):
        return Finding((), "not known, because weight_decay does nothing in the first step")
    count = _decay_count(once[decayed], twice[decayed], track(runner).path[0][decayed])
    if not math.isfinite(count):
        return Finding((), "not known, because a step without gradient is not finite")
    word = next((word for word, number in (("once", 1), ("twice", 2)) if abs(count - number) < COUNT_TOLERANCE), "differs")
    if word == "differs" and not _decays_add_up(runner):
        return Finding((), "a parameter listed twice in a group: not known how often it decays, because decay is no fixed share")
    return Finding((word,), f"a parameter listed twice in a group decays {count:.3g} times a step", {"decays": count})


@refusal_is_an_answer
def repeated_across_groups(runner: SubjectRunner) -> Finding:
    """Return the finding on a parameter that two groups list: whether it is accepted."""
    tracked = track(runner)
    run_tracked(build(runner, [{"params": [tracked]}, {"params": [tracked], "weight_decay": 0.0}]), [tracked], [0])
    return Finding(("accepted",), "a parameter that two groups list is taken")


def parameter_order(runner: SubjectRunner) -> Finding:
    """Compare the paths of three parameters in two orders and alone."""
    orders = [_paths_in_order(runner, seeds) for seeds in ((1, 2, 3), (3, 1, 2))]
    shuffled = max(max_relative_difference(orders[0][seed], orders[1][seed]) for seed in (1, 2, 3))
    lonely = max(
        max_relative_difference(orders[0][seed], run_alone(runner, seed, gradient=uneven_gradient).path) for seed in (1, 2, 3)
    )
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
    """Compare parameters of two precisions in one group with the parameters of each precision in a group of their own."""
    coarse = torch.float32 if runner.dtype == torch.float64 else torch.bfloat16
    mixed = _in_one_group(runner, [runner.dtype, coarse, runner.dtype, coarse])
    separate = [
        _in_one_group(runner, [dtype, None, dtype, None] if dtype == runner.dtype else [None, dtype, None, dtype])
        for dtype in (runner.dtype, coarse)
    ]
    distances = {
        dtype: max(max_relative_difference(one.path, other.path) for one in mixed for other in group if one.seed == other.seed)
        for dtype, group in zip((runner.dtype, coarse), separate, strict=True)
    }
    limits = {dtype: tolerance(runner) * torch.finfo(dtype).eps / runner.eps for dtype in distances}
    worst = max(distances, key=lambda dtype: distances[dtype] / limits[dtype])
    if distances[worst] <= limits[worst]:
        names = " and ".join(str(dtype).removeprefix("torch.") for dtype in distances)
        return Finding(("as_alone",), f"{names} in one group: each takes the path that it takes alone", {"gap": distances[worst]})
    return same_path_finding(
        runner,
        distances[worst],
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
    """Return the path of a parameter that is listed `times` times in its group."""
    tracked = track(runner)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of the repetition
        optimizer = build(runner, [tracked] * times, weight_decay=weight_decay)
    return run_tracked(optimizer, [tracked], steps, gradient)[0].path


def _decay_of_a_step(runner: SubjectRunner, gradient: GradientAt, *, listed: int) -> Tensor:
    """Return the change that weight decay makes in the first step."""
    decayed, plain = (_listed(runner, listed, [0], gradient, weight_decay)[-1] for weight_decay in (WEIGHT_DECAY, 0.0))
    return decayed - plain


def _decay_count(once: Tensor, repeated: Tensor, weight: Tensor) -> float:
    """Return the number of decays in the change `repeated`, if `once` is the change by one decay.

    Each decay multiplies the weight by the same factor. Where no positive factor other than 1 fits, the number is the ratio of
    the changes.
    """
    left_by_one, left = 1 + once / weight, 1 + repeated / weight
    if bool((left_by_one > 0).all() and (left > 0).all() and (left_by_one != 1).all()):
        return float((left.log() / left_by_one.log()).median())
    return float((repeated / once).median())


def _decays_add_up(runner: SubjectRunner) -> bool:
    """Return True if the decays of a step can be counted, as far as the findings so far show.

    They cannot if the update rule rescales the decay (it is not decoupled), or if no scale of the decay was found.
    """
    coupling, scale = runner.findings.get("coupling"), runner.findings.get("scale")
    return (coupling is None or "decoupled" in coupling.values) and (scale is None or bool(scale.values))


def _paths_in_order(runner: SubjectRunner, seeds: Sequence[int]) -> dict[int, list[Tensor]]:
    """Return the path of each parameter, by seed, from an optimizer that lists them in the order of `seeds`."""
    listed = [track(runner, seed) for seed in seeds]
    run_tracked(build(runner, listed), listed, range(STEPS), uneven_gradient)
    return {tracked.seed: tracked.path for tracked in listed}


def _in_one_group(runner: SubjectRunner, dtypes: Sequence[torch.dtype | None]) -> Sequence[Tracked]:
    """Return the parameters of these precisions after STEPS steps in one group; None leaves a seed out."""
    listed = [
        Tracked.of(torch.nn.Parameter(start(seed).to(dtype)), seed) for seed, dtype in enumerate(dtypes, 1) if dtype is not None
    ]
    return run_tracked(build(runner, listed), listed, range(STEPS))


QUESTIONS = (
    Question("tied", "parameters", tied),
    Question("repeated", "parameters", repeated),
    Question("repeated_across_groups", "parameters", repeated_across_groups),
    Question("parameter_order", "parameters", parameter_order, purpose="handling"),
    Question("mixed_dtypes", "parameters", mixed_dtypes, purpose="handling"),
)
