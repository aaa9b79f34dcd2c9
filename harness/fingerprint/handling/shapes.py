"""Which parameters does an optimizer take: scalars, vectors, images, empty, transposed, expanded, complex ones?

An element-wise optimizer takes the same numbers on the same path whatever their shape, and is held to it. Others may not (a
matrix is orthogonalised, a vector is not): of them it is asked that the parameter moves, decays and stays finite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.self_comparison import (
    FAR,
    SHAPE,
    STEPS,
    VISIBLE,
    WEIGHT_DECAY,
    GradientAt,
    Tracked,
    build,
    decay_shows,
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
)
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question, Role

ROOM = 64  # elements of memory in which a row stands for a matrix of SHAPE

Make = Callable[[int], Tensor]  # seed -> start, in float64


@refusal_is_an_answer
def zero_dim(runner: SubjectRunner) -> Finding:
    """Ask whether a scalar parameter is treated as a 1 x 1 matrix is."""
    return _reshaped(runner, (), (1, 1), "a scalar")


@refusal_is_an_answer
def one_dim(runner: SubjectRunner) -> Finding:
    """Ask whether a vector is treated as a matrix with the same numbers is."""
    return _reshaped(runner, (12,), SHAPE, "a vector")


@refusal_is_an_answer
def four_dim(runner: SubjectRunner) -> Finding:
    """Ask whether a convolution's weight is treated as a matrix is, and in the memory format channels_last as in the other."""
    found = _reshaped(runner, (3, 2, 2, 1), SHAPE, "a 4-D tensor")
    if found.values != ("as_usual",):
        return found
    shape = (2, 3, 2, 2)
    plain = _walk(runner, lambda seed: start(seed, shape), gradient_at)
    last = _walk(runner, lambda seed: _channels_last(start(seed, shape)), lambda *given: _channels_last(gradient_at(*given)))
    distance = max_relative_difference(last.path, plain.path)
    if distance > tolerance(runner):
        return same_path_finding(
            runner, distance, what="a 4-D tensor in channels_last, held against a contiguous one", same="as_usual"
        )
    return Finding(found.values, f"{found.says}; channels_last too", {**found.numbers, "channels_last_gap": distance})


@refusal_is_an_answer
def empty(runner: SubjectRunner) -> Finding:
    """Ask whether a parameter without elements disturbs the others."""
    one, nothing = track(runner, 1), track(runner, 2, (0, 3))
    run_tracked(build(runner, [nothing, one]), [nothing, one], range(STEPS))
    return same_path_finding(
        runner,
        max_relative_difference(one.path, run_alone(runner).path),
        what="a matrix beside an empty parameter",
        same="as_usual",
        neighbours=True,
    )


@refusal_is_an_answer
def non_contiguous(runner: SubjectRunner) -> Finding:
    """Ask whether a transposed parameter is treated as a contiguous one is, with gradients laid out either way."""

    def rows(seed: int) -> Tensor:
        return start(seed, SHAPE[::-1]).t()

    def gradient(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
        return gradient_at(seed, step, shape[::-1]).t()

    plain = _walk(runner, lambda seed: rows(seed).contiguous(), lambda *given: gradient(*given).contiguous())
    runs = [_walk(runner, rows, gradient), _walk(runner, rows, lambda *given: gradient(*given).contiguous())]
    if any(not _moves(run.path) for run in runs):
        return Finding(("not_moved",), "a transposed parameter never moves")
    alike, apart = (max_relative_difference(run.path, plain.path) for run in runs)
    if alike <= tolerance(runner) < apart and not is_stochastic(runner):
        says = f"a transposed parameter is as usual where its gradient is transposed too, and else {apart:.2g} away"
        return Finding(("needs_alike_layout",), says, {"gap": alike, "gap_else": min(apart, FAR)})
    return same_path_finding(runner, max(alike, apart), what="a transposed parameter", same="as_usual")


@refusal_is_an_answer
def expanded(runner: SubjectRunner) -> Finding:
    """Ask whether a parameter is refused whose rows are the same memory."""
    memory = start(1, (ROOM,)).to(runner.dtype)  # room behind the row for a kernel that takes it for a whole matrix
    before = memory.clone()
    one = Tracked.of(torch.nn.Parameter(memory.as_strided(SHAPE, (0, 1))), 1)
    run_tracked(build(runner, [one]), [one], range(STEPS))
    if not memory[SHAPE[1] :].equal(before[SHAPE[1] :]):
        return Finding(("writes_beyond",), "an expanded parameter is taken for a full one: the step writes into memory beyond it")
    return Finding(("accepted",), "an expanded parameter, whose rows are the same memory, is taken")


@refusal_is_an_answer
def complex_numbers(runner: SubjectRunner) -> Finding:
    """Ask whether a complex parameter is treated as its real and imaginary parts are."""

    def pairs(seed: int) -> Tensor:
        return torch.view_as_complex(start(seed, (3, 2, 2)))

    def gradient(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
        return torch.view_as_complex(gradient_at(seed, step, (*shape, 2)))

    runs = [_walk(runner, pairs, gradient, weight_decay) for weight_decay in (WEIGHT_DECAY, 0.0)]
    parts = [[torch.view_as_real(weight) for weight in run.path] for run in runs]
    if any(not _moves([weight[..., part] for weight in parts[1]]) for part in (0, 1)):
        return Finding(("not_moved",), "of a complex parameter the real or the imaginary part never moves")
    return _found(runner, parts[0], parts[1], run_alone(runner).path, "a complex parameter")


def element_wise(runner: SubjectRunner) -> bool:
    """Return True if a coordinate's path depends on its own gradients and start alone."""
    one, other = (_corner(runner, factor) for factor in (1.0, 3.0))
    return max_relative_difference(one, other) <= tolerance(runner)


def _corner(runner: SubjectRunner, factor: float) -> list[Tensor]:
    """Return the path of the first coordinate, with all others' starts and gradients multiplied by a factor."""
    scale = torch.full(SHAPE, factor, dtype=torch.float64)
    scale[0, 0] = 1.0
    run = _walk(runner, lambda seed: scale * start(seed), lambda seed, step, shape: scale * gradient_at(seed, step))
    return [weight[:1, :1] for weight in run.path]


def _reshaped(runner: SubjectRunner, shape: tuple[int, ...], matrix: tuple[int, ...], what: str) -> Finding:
    """Return what becomes of the numbers of a matrix in another shape."""
    decayed, plain = (_walk(runner, partial(start, shape=shape), gradient_at, decay) for decay in (WEIGHT_DECAY, 0.0))
    usual = _walk(runner, partial(start, shape=matrix), gradient_at)
    return _found(runner, decayed.path, plain.path, usual.path, what)


def _found(
    runner: SubjectRunner, path: Sequence[Tensor], undecayed: Sequence[Tensor], usual: Sequence[Tensor], what: str
) -> Finding:
    """Return what became of a parameter; `usual` is the path of a matrix with the same numbers."""
    if not all(bool(weight.isfinite().all()) for weight in path):
        return Finding(("not_finite",), f"{what} becomes NaN or infinite")
    if not _moves(path):
        return Finding(("not_moved",), f"{what} never moves")
    if max_relative_difference(path, undecayed) <= VISIBLE * tolerance(runner) and decay_shows(runner):
        return Finding(("not_decayed",), f"{what} moves, and weight decay does nothing to it")
    if not element_wise(runner):
        return Finding(
            ("as_usual",), f"{what} moves, decays and stays finite (the steps are not element-wise: no path to hold it to)"
        )
    distance = max_relative_difference([weight.reshape(-1) for weight in path], [weight.reshape(-1) for weight in usual])
    return same_path_finding(runner, distance, what=f"{what}, held against a matrix of the same numbers", same="as_usual")


def _walk(runner: SubjectRunner, make: Make, gradient: GradientAt, weight_decay: float = WEIGHT_DECAY) -> Tracked:
    numbers = make(1)
    kind = runner.dtype.to_complex() if numbers.is_complex() else runner.dtype
    one = Tracked.of(torch.nn.Parameter(numbers.to(kind)), 1)
    run_tracked(build(runner, [one], weight_decay=weight_decay), [one], range(STEPS), gradient)
    return one


def _moves(path: Sequence[Tensor]) -> bool:
    return not path[-1].equal(path[0])


def _channels_last(tensor: Tensor) -> Tensor:
    return tensor.to(memory_format=torch.channels_last)


_VALUES: Mapping[str, str] = {
    "as_usual": "as a matrix with the same numbers",
    "differs": "on another path",
    "not_moved": "it is left where it is",
    "not_decayed": "it moves, and does not decay",
    "not_finite": "it becomes NaN or infinite",
    "refused": "the constructor or the step raises",
}


def _question(name: str, asks: str, ask: Callable[[SubjectRunner], Finding], *usual: str, role: Role = "information") -> Question:
    return Question(name, "parameters", asks, ask, _VALUES, ("as_usual", *usual), role)


QUESTIONS = (
    _question("zero_dim", "What happens to a scalar parameter?", zero_dim, "refused", role="handling"),
    _question("one_dim", "What happens to a vector?", one_dim, "refused", role="handling"),
    _question(
        "four_dim",
        "What happens to a 4-D parameter, also in the memory format channels_last?",
        four_dim,
        "refused",
        role="handling",
    ),
    _question("empty", "What does a parameter without elements do to the others?", empty, "refused"),
    Question(
        "non_contiguous",
        "parameters",
        "What happens to a transposed parameter?",
        non_contiguous,
        {**_VALUES, "needs_alike_layout": "as usual only where its gradient is laid out as it is, which autograd's are"},
        ("as_usual", "refused"),
        role="handling",
    ),
    Question(
        "expanded",
        "parameters",
        "What happens to a parameter whose rows are the same memory?",
        expanded,
        {
            "accepted": "it is taken",
            "writes_beyond": "it is taken for a full one, and memory beyond it is overwritten",
            "refused": "the constructor or the step raises",
        },
        ("refused", "accepted"),
    ),
    _question("complex", "What happens to a complex parameter?", complex_numbers, "refused"),
)
