"""What does an optimizer do where a gradient is missing, zero, sparse or not a number?"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.self_comparison import (
    CHANCE,
    FAR,
    STEPS,
    WEIGHT_DECAY,
    GradientAt,
    Tracked,
    build,
    gradient_at,
    is_stochastic,
    max_relative_difference,
    refusal_is_an_answer,
    run_tracked,
    shortened_error,
    tolerance,
    track,
)
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question

LAST = 3  # the last step at which the parameter that then has no gradient still has one
ROW = 2  # of the embedding: never looked up
NAMED, UNNAMED = [0, 3], [1, 2]  # rows of a sparse gradient, and the others
STRAY = 2  # the step with the NaN
OWN = 1e-2  # what moves without weight decay by more than this part of the whole moves by itself


def none_gradient(runner: SubjectRunner) -> Finding:
    """Ask what happens to a parameter without gradient beside others: one that never had any, and one that had some."""
    never, since = _without_gradient(runner, WEIGHT_DECAY)
    moved = max(never, since)
    numbers = {"never_had_one": never, "had_one_before": since}
    if moved == 0:
        return Finding(("untouched",), f"untouched without gradient, bit for bit, over {2 * STEPS} steps beside others", numbers)
    which = "even one that never had a gradient" if never else "one that had gradients before"
    if max(_without_gradient(runner, 0.0)) > OWN * moved:
        return Finding(("moves",), f"a parameter without gradient moves by itself, by {moved:.2g} of it ({which})", numbers)
    return Finding(("decays",), f"a parameter without gradient decays, by {moved:.2g} of it in some steps ({which})", numbers)


def unseen_rows(runner: SubjectRunner) -> Finding:
    """Ask what happens to a row whose gradient is zero at every step, as an embedding's is that no batch looks up."""
    path = _unseen(runner, WEIGHT_DECAY)
    moved, idle = _moved(path), _moved(_unseen(runner, 0.0))
    kept = (path[-1] / path[0]).abs()
    numbers = {"moved": moved, "moved_without_decay": idle}
    if moved == 0:
        return Finding(("untouched",), f"a row whose gradient is always zero stays, bit for bit, over {STEPS} steps", numbers)
    if idle > OWN * moved:
        return Finding(
            ("moves",), f"a row whose gradient is always zero moves without weight decay, by {idle:.2g} of it", numbers
        )
    if float(kept.max()) >= 1:
        return Finding(
            ("moves",), f"weight decay makes a row grow whose gradient is always zero, to {kept.max():.3g} of it", numbers
        )
    share = 1 - float(kept.median()) ** (1 / STEPS)
    return Finding(
        ("decays",), f"a row whose gradient is always zero decays, by {100 * share:.3g} % a step in the median", numbers
    )


def sparse_gradient(runner: SubjectRunner) -> Finding:
    """Ask whether a sparse gradient is taken."""
    try:
        dense = _path(runner, lambda *given: _rows(*given).to_dense())
    except Exception as error:
        _path(runner, _rows)  # raises where neither is taken
        return Finding(
            ("accepted",), f"sparse gradients are accepted, and dense ones refused: {shortened_error(runner, error, room=60)}"
        )
    try:
        sparse = _path(runner, _rows)
    except Exception as error:
        return _without_decay(runner, shortened_error(runner, error, room=80))
    distance = max_relative_difference(sparse, dense)
    numbers = {"gap": min(distance, FAR)}
    if distance <= tolerance(runner):
        return Finding(("accepted",), "sparse gradients are accepted, with weight decay; as when dense", numbers)
    if is_stochastic(runner):
        return Finding((), f"sparse gradients are accepted; not known whether as when dense, because {CHANCE}", numbers)
    if all(weight[UNNAMED].equal(sparse[0][UNNAMED]) for weight in sparse):
        says = f"sparse gradients change only the rows that they name: {distance:.2g} of the largest weight from the dense path"
        return Finding(("named_rows_only",), says, numbers)
    return Finding(
        ("differs",), f"sparse gradients are accepted; {distance:.2g} of the largest weight from the dense path", numbers
    )


def frozen(runner: SubjectRunner) -> Finding:
    """Ask whether a parameter that takes no gradient stays as it is."""
    free, still = track(runner, 1), track(runner, 2)
    still.weight.requires_grad_(False)
    run_tracked(build(runner, [free, still]), [free, still], range(STEPS), _silent(2, since=0))
    moved = _moved(still.path)
    if moved == 0:
        return Finding(("untouched",), f"a frozen parameter keeps its bits over {STEPS} steps beside one that learns")
    return Finding(("changed",), f"a frozen parameter changes, by {moved:.2g} of it in {STEPS} steps", {"moved": moved})


@refusal_is_an_answer
def nan_gradient(runner: SubjectRunner) -> Finding:
    """Ask whether one NaN gradient reaches other parameters."""
    calm, struck = _three(runner, gradient_at), _three(runner, _stray)
    others = [(before.path, after.path) for before, after in zip(calm, struck, strict=True) if before.seed != 2]
    distance = max(max_relative_difference(after, before) for before, after in others)
    if distance <= tolerance(runner):
        return Finding(("isolated",), "a NaN gradient leaves the other parameters' paths as they are", {"gap": distance})
    if all(bool(after[STRAY].equal(after[STRAY + 1])) for _, after in others):
        return Finding(("skips_step",), "a NaN gradient in one parameter stops the step for all", {"gap": distance})
    end = f"end {distance:.2g} away" if math.isfinite(distance) else "become NaN"
    return Finding(("spreads",), f"a NaN gradient reaches other parameters, which {end}", {"gap": min(distance, FAR)})


@refusal_is_an_answer
def zero_start(runner: SubjectRunner) -> Finding:
    """Ask whether weights stay finite that start at zero, with a first gradient of zero."""
    one = Tracked.of(torch.nn.Parameter(torch.zeros(4, 3, dtype=runner.dtype)), 1)
    run_tracked(build(runner, [one]), [one], range(STEPS), lambda seed, step, shape: gradient_at(seed, step, shape) * (step > 0))
    if bool(torch.stack(one.path).isfinite().all()):
        return Finding(("finite",), "weights that start at zero, with a first gradient of zero, stay finite")
    return Finding(("not_finite",), "weights that start at zero, with a first gradient of zero, become NaN or infinite")


def _without_gradient(runner: SubjectRunner, weight_decay: float) -> tuple[float, float]:
    three = [track(runner, seed) for seed in (1, 2, 3)]
    optimizer = build(runner, three, weight_decay=weight_decay)

    def gradient(seed: int, step: int, shape: tuple[int, ...]) -> Tensor | None:
        missing = seed == 2 or (seed == 3 and step > LAST)
        return None if missing else gradient_at(seed, step, shape)

    run_tracked(optimizer, three, range(2 * STEPS), gradient)
    return _moved(three[1].path), _moved(three[2].path[LAST + 1 :])


def _silent(quiet: int, *, since: int) -> GradientAt:
    return lambda seed, step, shape: None if seed == quiet and step >= since else gradient_at(seed, step, shape)


def _unseen(runner: SubjectRunner, weight_decay: float) -> list[Tensor]:
    def gradient(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
        given = gradient_at(seed, step, shape)
        given[ROW] = 0.0
        return given

    one = track(runner, 1)
    run_tracked(build(runner, [one], weight_decay=weight_decay), [one], range(STEPS), gradient)
    return [weight[ROW] for weight in one.path]


def _path(runner: SubjectRunner, gradient: GradientAt, weight_decay: float = WEIGHT_DECAY) -> list[Tensor]:
    one = track(runner, 1)
    return run_tracked(build(runner, [one], weight_decay=weight_decay), [one], range(STEPS), gradient)[0].path


def _rows(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
    seen = torch.tensor([NAMED])
    return torch.sparse_coo_tensor(seen, gradient_at(seed, step, shape)[seen[0]], shape, check_invariants=True)


def _without_decay(runner: SubjectRunner, refusal: str) -> Finding:
    try:
        _path(runner, _rows, 0.0)
    except Exception:
        return Finding(("refused",), f"sparse gradients are refused: {refusal}")
    return Finding(("without_decay_only",), f"sparse gradients are accepted at weight_decay 0, else: {refusal}")


def _three(runner: SubjectRunner, gradient: GradientAt) -> list[Tracked]:
    three = [track(runner, seed) for seed in (1, 2, 3)]
    run_tracked(build(runner, three), three, range(STEPS), gradient)
    return three


def _stray(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
    given = gradient_at(seed, step, shape)
    if (seed, step) == (2, STRAY):
        given[0, 0] = float("nan")
    return given


def _moved(path: list[Tensor]) -> float:
    """The largest change of a coordinate since the start, as a part of it."""
    worst = max(float(((weight - path[0]) / path[0]).abs().nan_to_num(nan=float("inf")).max()) for weight in path)
    return worst


QUESTIONS = (
    Question(
        "none_gradient",
        "parameters",
        "What happens to a parameter whose gradient is None?",
        none_gradient,
        {"moves": "it moves, with or without weight decay: what earlier gradients left goes on"},
        ("untouched",),
        role="handling",
    ),
    Question(
        "unseen_rows",
        "parameters",
        "What happens to an embedding row whose gradient is zero at every step?",
        unseen_rows,
        {
            "decays": "it decays like all others",
            "untouched": "nothing",
            "moves": "it moves, and not towards zero or not by decay",
        },
        ("decays",),
    ),
    Question(
        "sparse_gradient",
        "parameters",
        "Are sparse gradients taken?",
        sparse_gradient,
        {
            "accepted": "yes, with weight decay",
            "named_rows_only": "yes, and only the rows that a gradient names change: when it is dense, others do too",
            "differs": "yes, and the path is another than that of the same numbers when dense",
            "without_decay_only": "yes, unless there is weight decay",
            "refused": "no",
        },
        ("accepted", "without_decay_only", "refused"),
    ),
    Question(
        "frozen",
        "parameters",
        "What happens to a parameter in the list that takes no gradient?",
        frozen,
        {"untouched": "nothing", "changed": "it changes"},
        ("untouched",),
        role="handling",
    ),
    Question(
        "nan_gradient",
        "parameters",
        "Does a NaN in one parameter's gradient reach the others?",
        nan_gradient,
        {
            "isolated": "no",
            "skips_step": "no parameter takes that step",
            "spreads": "the others take another path",
            "refused": "the step raises",
        },
        ("isolated", "skips_step", "refused"),
        role="handling",
    ),
    Question(
        "zero_start",
        "parameters",
        "Do weights stay finite that start at zero with a gradient of zero?",
        zero_start,
        {"finite": "yes", "not_finite": "no", "refused": "the step raises"},
        ("finite",),
    ),
)
