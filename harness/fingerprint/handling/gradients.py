"""Questions about gradients that are missing, zero, sparse or NaN.

Each question is one experiment:

    question          experiment                                        example of an unusual answer
    none_gradient     parameters without gradient beside another one    decays: weight decay applies to them too
    unseen_rows       the gradient of a row is zero at every step       untouched: a zero gradient exempts from decay
    sparse_gradient   gradients that name two of four rows              named_rows_only: only these rows decay and move
    frozen            a parameter with requires_grad=False              changed: weight decay applies to it too
    nan_gradient      a NaN in one of three parameters' gradients       spreads: steps are divided by the norm of all gradients
    zero_start        weights and first gradient are zero               not_finite: steps are divided by the weight's norm
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.self_comparison import (
    CHANCE,
    INFINITE_DISTANCE,
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

LAST_GRADIENT = 3  # the last step with a gradient, for the parameter that has one first and none later
UNSEEN_ROW = 2  # the row of the embedding that is never looked up
NAMED, UNNAMED = [0, 3], [1, 2]  # rows that a sparse gradient names, and the other rows
NAN_STEP = 2  # the step with the NaN
OWN_MOTION = 1e-2  # motion without weight decay counts above this part of the motion with weight decay


@refusal_is_an_answer
def none_gradient(runner: SubjectRunner) -> Finding:
    """Return the finding on parameters without gradient beside others: one never has a gradient, one has some at first."""
    never, later = _without_gradient(runner, WEIGHT_DECAY)
    moved = max(never, later)
    numbers = {"never_had_one": never, "had_one_before": later}
    if moved == 0:
        return Finding(
            ("untouched",), f"a parameter without gradient does not change in {2 * STEPS} steps, beside others that do", numbers
        )
    which = "even one that never had a gradient" if never else "one that had gradients in earlier steps"
    if max(_without_gradient(runner, 0.0)) > OWN_MOTION * moved:
        return Finding(
            ("moves",), f"a parameter without gradient moves, also without weight decay, by {moved:.2g} of it ({which})", numbers
        )
    return Finding(
        ("decays",), f"a parameter without gradient decays, by {moved:.2g} of it in {2 * STEPS} steps ({which})", numbers
    )


def unseen_rows(runner: SubjectRunner) -> Finding:
    """Return the finding on a row whose gradient is zero at every step, like an embedding row that no batch looks up."""
    path = _unseen_row_path(runner, WEIGHT_DECAY)
    moved, undecayed = _largest_change(path), _largest_change(_unseen_row_path(runner, 0.0))
    remaining = (path[-1] / path[0]).abs()
    numbers = {"moved": moved, "moved_without_decay": undecayed}
    if moved == 0:
        return Finding(("untouched",), f"a row whose gradient is always zero stays, bit for bit, over {STEPS} steps", numbers)
    if undecayed > OWN_MOTION * moved:
        return Finding(
            ("moves",), f"a row whose gradient is always zero moves without weight decay, by {undecayed:.2g} of it", numbers
        )
    if float(remaining.max()) >= 1:
        return Finding(
            ("moves",),
            f"weight decay makes a row grow to {remaining.max():.3g} times its size; its gradient is always zero",
            numbers,
        )
    share = 1 - float(remaining.median()) ** (1 / STEPS)
    return Finding(
        ("decays",), f"a row whose gradient is always zero decays, by {100 * share:.3g} % a step in the median", numbers
    )


def sparse_gradient(runner: SubjectRunner) -> Finding:
    """Compare the path under sparse gradients with the path under the same gradients as dense tensors."""
    try:
        dense = _path(runner, lambda *arguments: _sparse_gradient(*arguments).to_dense())
    except Exception as error:
        _path(runner, _sparse_gradient)  # raises if sparse gradients are refused too
        return Finding(
            ("accepted",), f"sparse gradients are accepted, and dense ones refused: {shortened_error(runner, error, room=60)}"
        )
    try:
        sparse = _path(runner, _sparse_gradient)
    except Exception as error:
        return _refused_with_decay(runner, shortened_error(runner, error, room=80))
    distance = max_relative_difference(sparse, dense)
    numbers = {"gap": min(distance, INFINITE_DISTANCE)}
    if distance <= tolerance(runner):
        return Finding(("accepted",), "sparse gradients are accepted, with weight decay; as when dense", numbers)
    if is_stochastic(runner):
        return Finding((), f"sparse gradients are accepted; not known whether as when dense, because {CHANCE}", numbers)
    if all(weight[UNNAMED].equal(sparse[0][UNNAMED]) for weight in sparse):
        text = f"sparse gradients change only the rows that they name: {distance:.2g} of the largest weight from the dense path"
        return Finding(("named_rows_only",), text, numbers)
    return Finding(
        ("differs",), f"sparse gradients are accepted; {distance:.2g} of the largest weight from the dense path", numbers
    )


@refusal_is_an_answer
def frozen(runner: SubjectRunner) -> Finding:
    """Return the finding on a parameter with requires_grad=False: whether it changes."""
    learning, fixed = track(runner, 1), track(runner, 2)
    fixed.weight.requires_grad_(False)
    run_tracked(build(runner, [learning, fixed]), [learning, fixed], range(STEPS), _missing_for(2, since=0))
    moved = _largest_change(fixed.path)
    if moved == 0:
        return Finding(("untouched",), f"a frozen parameter keeps its bits over {STEPS} steps beside one that learns")
    return Finding(("changed",), f"a frozen parameter changes, by {moved:.2g} of it in {STEPS} steps", {"moved": moved})


@refusal_is_an_answer
def nan_gradient(runner: SubjectRunner) -> Finding:
    """Compare the other parameters' paths in a run with one NaN gradient and in a run without it.

    If one NaN changes nothing, a gradient that is all NaN from the first step on must change nothing too.
    """
    plain, with_nan = _three_parameters(runner, gradient_at), _three_parameters(runner, _gradient_with_nan)
    finding = _nan_finding(runner, plain, with_nan)
    if finding.values != ("isolated",):
        return finding
    return _nan_finding(runner, plain, _three_parameters(runner, _gradient_of_nans))


def _nan_finding(runner: SubjectRunner, plain: Sequence[Tracked], with_nan: Sequence[Tracked]) -> Finding:
    """Return the finding on three parameters without NaN, and with it in the second one's gradient."""
    others = [(before.path, after.path) for before, after in zip(plain, with_nan, strict=True) if before.seed != 2]
    distance = max(max_relative_difference(after, before) for before, after in others)
    if distance <= tolerance(runner):
        return Finding(("isolated",), "a NaN gradient leaves the other parameters' paths as they are", {"gap": distance})
    if all(bool(after[NAN_STEP].equal(after[NAN_STEP + 1])) for _, after in others):
        return Finding(("skips_step",), "a NaN gradient in one parameter stops the step for all", {"gap": distance})
    end = f"are up to {distance:.2g} of the largest weight away" if math.isfinite(distance) else "become NaN"
    return Finding(
        ("spreads",), f"a NaN gradient reaches other parameters, which {end}", {"gap": min(distance, INFINITE_DISTANCE)}
    )


@refusal_is_an_answer
def zero_start(runner: SubjectRunner) -> Finding:
    """Return the finding on weights that start at zero, with a first gradient of zero: whether they stay finite."""
    tracked = Tracked.of(torch.nn.Parameter(torch.zeros(4, 3, dtype=runner.dtype)), 1)
    run_tracked(
        build(runner, [tracked]), [tracked], range(STEPS), lambda seed, step, shape: gradient_at(seed, step, shape) * (step > 0)
    )
    if bool(torch.stack(tracked.path).isfinite().all()):
        return Finding(("finite",), "weights that start at zero, with a first gradient of zero, stay finite")
    return Finding(("not_finite",), "weights that start at zero, with a first gradient of zero, become NaN or infinite")


def _without_gradient(runner: SubjectRunner, weight_decay: float) -> tuple[float, float]:
    """Return the largest changes of two parameters without gradient.

    One never has a gradient; the other has one up to step LAST_GRADIENT, and its change is measured after that step.
    """
    three = [track(runner, seed) for seed in (1, 2, 3)]
    optimizer = build(runner, three, weight_decay=weight_decay)

    def gradient(seed: int, step: int, shape: tuple[int, ...]) -> Tensor | None:
        missing = seed == 2 or (seed == 3 and step > LAST_GRADIENT)
        return None if missing else gradient_at(seed, step, shape)

    run_tracked(optimizer, three, range(2 * STEPS), gradient)
    return _largest_change(three[1].path), _largest_change(three[2].path[LAST_GRADIENT + 1 :])


def _missing_for(missing: int, *, since: int) -> GradientAt:
    """Return gradients that are None for the parameter of one seed from step `since` on."""
    return lambda seed, step, shape: None if seed == missing and step >= since else gradient_at(seed, step, shape)


def _unseen_row_path(runner: SubjectRunner, weight_decay: float) -> list[Tensor]:
    """Return the path of a row whose gradient is zero at every step."""

    def gradient(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
        values = gradient_at(seed, step, shape)
        values[UNSEEN_ROW] = 0.0
        return values

    tracked = track(runner, 1)
    run_tracked(build(runner, [tracked], weight_decay=weight_decay), [tracked], range(STEPS), gradient)
    return [weight[UNSEEN_ROW] for weight in tracked.path]


def _path(runner: SubjectRunner, gradient: GradientAt, weight_decay: float = WEIGHT_DECAY) -> list[Tensor]:
    """Return the path of a parameter under the given gradients."""
    tracked = track(runner, 1)
    return run_tracked(build(runner, [tracked], weight_decay=weight_decay), [tracked], range(STEPS), gradient)[0].path


def _sparse_gradient(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
    """Return the usual gradient as a sparse tensor that holds the rows NAMED only."""
    indices = torch.tensor([NAMED])
    return torch.sparse_coo_tensor(indices, gradient_at(seed, step, shape)[indices[0]], shape, check_invariants=True)


def _refused_with_decay(runner: SubjectRunner, refusal: str) -> Finding:
    """Return the finding on an optimizer that refuses sparse gradients with weight decay, after a try at weight_decay 0."""
    try:
        _path(runner, _sparse_gradient, 0.0)
    except Exception:
        return Finding(("refused",), f"sparse gradients are refused: {refusal}")
    return Finding(("without_decay_only",), f"sparse gradients are accepted at weight_decay 0, else: {refusal}")


def _three_parameters(runner: SubjectRunner, gradient: GradientAt) -> list[Tracked]:
    """Return three parameters after STEPS steps in one optimizer."""
    three = [track(runner, seed) for seed in (1, 2, 3)]
    run_tracked(build(runner, three), three, range(STEPS), gradient)
    return three


def _gradient_with_nan(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
    """Return the usual gradient, with one NaN for the parameter of seed 2 at step NAN_STEP."""
    values = gradient_at(seed, step, shape)
    if (seed, step) == (2, NAN_STEP):
        values[0, 0] = float("nan")
    return values


def _gradient_of_nans(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
    """Return the usual gradient, for the parameter of seed 2 all NaN at every step."""
    return torch.full(shape, float("nan"), dtype=torch.float64) if seed == 2 else gradient_at(seed, step, shape)


def _largest_change(path: list[Tensor]) -> float:
    """Return the largest change of a coordinate since the start, relative to its start; infinite where a weight is NaN."""
    return max(float(((weight - path[0]) / path[0]).abs().nan_to_num(nan=float("inf")).max()) for weight in path)


QUESTIONS = (
    Question("none_gradient", "parameters", none_gradient, purpose="handling"),
    Question("unseen_rows", "parameters", unseen_rows),
    Question("sparse_gradient", "parameters", sparse_gradient),
    Question("frozen", "parameters", frozen, purpose="handling"),
    Question("nan_gradient", "parameters", nan_gradient, purpose="handling"),
    Question("zero_start", "parameters", zero_start),
)
