"""Questions about shapes and layouts of parameters: scalar, vector, 4-D, large, empty, transposed, expanded, complex.

The path of an element-wise optimizer must not depend on the shape: it is compared with that of a matrix with the same numbers.
Other optimizers may treat shapes differently (a matrix is orthogonalised, a vector is not). Their parameters need only move,
decay and stay finite.

Each question is one experiment:

    question         experiment                                          example of an unusual answer
    zero_dim         a scalar, compared with a 1 x 1 matrix              not_moved: the optimizer skips scalars
    one_dim          a vector                                            not_decayed: vectors are exempt from decay
    four_dim         a 4-D tensor, contiguous and channels_last          differs: half a step for 4-D tensors
    large_tensor     a matrix of 66,560 numbers, and 12 of them          differs: an 8-bit state for large tensors only
    empty            a matrix beside a parameter without elements        differs: the step ends at the empty parameter
    non_contiguous   a transposed matrix, two layouts of its gradient    needs_alike_layout: the step reads both in memory order
    expanded         a matrix whose rows are the same memory             writes_beyond: 12 numbers are written to memory of 3
    complex          a complex matrix                                    not_moved: only the real part is updated
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.self_comparison import (
    INFINITE_DISTANCE,
    SHAPE,
    SMALLEST_EFFECT,
    STEPS,
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
from harness.fingerprint.question import Question

# More than 2^16 numbers, so that kernels divide the tensor in blocks. Some optimizers keep a
# quantised state for tensors from 4,096 numbers on.
LARGE = (260, 256)
MEMORY = 64  # elements of the memory block whose first row is expanded to a matrix of SHAPE

Make = Callable[[int], Tensor]  # seed -> start, in float64


@refusal_is_an_answer
def zero_dim(runner: SubjectRunner) -> Finding:
    """Compare a scalar parameter with a 1 x 1 matrix."""
    return _reshaped(runner, (), (1, 1), "a scalar")


@refusal_is_an_answer
def one_dim(runner: SubjectRunner) -> Finding:
    """Compare a vector with a matrix of the same numbers."""
    return _reshaped(runner, (12,), SHAPE, "a vector")


@refusal_is_an_answer
def four_dim(runner: SubjectRunner) -> Finding:
    """Compare a 4-D parameter with a matrix of the same numbers, and one in channels_last with a contiguous one."""
    finding = _reshaped(runner, (3, 2, 2, 1), SHAPE, "a 4-D tensor")
    if finding.values != ("as_usual",):
        return finding
    shape = (2, 3, 2, 2)
    plain = _run(runner, lambda seed: start(seed, shape), gradient_at)
    channels_last = _run(
        runner, lambda seed: _channels_last(start(seed, shape)), lambda *arguments: _channels_last(gradient_at(*arguments))
    )
    distance = max_relative_difference(channels_last.path, plain.path)
    if distance > tolerance(runner):
        return same_path_finding(
            runner, distance, what="a 4-D tensor in channels_last, compared with a contiguous one", same="as_usual"
        )
    return Finding(finding.values, f"{finding.text}; channels_last too", {**finding.numbers, "channels_last_gap": distance})


@refusal_is_an_answer
def large_tensor(runner: SubjectRunner) -> Finding:
    """Compare numbers of a large matrix, from its first to its last, with a small matrix of these numbers."""
    chosen = torch.linspace(0, LARGE[0] * LARGE[1] - 1, SHAPE[0] * SHAPE[1]).long()

    def picked(numbers: Tensor) -> Tensor:
        return numbers.reshape(-1)[chosen].reshape(SHAPE)

    decayed, plain = (_run(runner, partial(start, shape=LARGE), gradient_at, decay) for decay in (WEIGHT_DECAY, 0.0))
    usual = _run(
        runner, lambda seed: picked(start(seed, LARGE)), lambda seed, step, shape: picked(gradient_at(seed, step, LARGE))
    )
    path, undecayed = ([picked(weight) for weight in run.path] for run in (decayed, plain))
    return _parameter_finding(runner, path, undecayed, usual.path, f"a matrix of {decayed.weight.numel():,} numbers")


@refusal_is_an_answer
def empty(runner: SubjectRunner) -> Finding:
    """Compare a matrix beside a parameter without elements with a matrix alone."""
    tracked, without_elements = track(runner, 1), track(runner, 2, (0, 3))
    run_tracked(build(runner, [without_elements, tracked]), [without_elements, tracked], range(STEPS))
    return same_path_finding(
        runner,
        max_relative_difference(tracked.path, run_alone(runner).path),
        what="a matrix beside an empty parameter",
        same="as_usual",
        neighbours=True,
    )


@refusal_is_an_answer
def non_contiguous(runner: SubjectRunner) -> Finding:
    """Compare a transposed parameter with a contiguous one, under transposed gradients and under contiguous ones."""

    def rows(seed: int) -> Tensor:
        return start(seed, SHAPE[::-1]).t()

    def gradient(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
        return gradient_at(seed, step, shape[::-1]).t()

    plain = _run(runner, lambda seed: rows(seed).contiguous(), lambda *arguments: gradient(*arguments).contiguous())
    runs = [_run(runner, rows, gradient), _run(runner, rows, lambda *arguments: gradient(*arguments).contiguous())]
    if any(not _moves(run.path) for run in runs):
        return Finding(("not_moved",), "a transposed parameter never moves")
    same_layout, other_layout = (max_relative_difference(run.path, plain.path) for run in runs)
    if same_layout <= tolerance(runner) < other_layout and not is_stochastic(runner):
        text = f"a transposed parameter is as usual where its gradient is transposed too, and else {other_layout:.2g} away"
        return Finding(("needs_alike_layout",), text, {"gap": same_layout, "gap_else": min(other_layout, INFINITE_DISTANCE)})
    return same_path_finding(runner, max(same_layout, other_layout), what="a transposed parameter", same="as_usual")


@refusal_is_an_answer
def expanded(runner: SubjectRunner) -> Finding:
    """Return the finding on a parameter whose rows are the same memory: whether it is accepted, and what the step overwrites."""
    memory = start(1, (MEMORY,)).to(runner.dtype)  # a kernel that ignores strides writes behind the row, within this block
    before = memory.clone()
    tracked = Tracked.of(torch.nn.Parameter(memory.as_strided(SHAPE, (0, 1))), 1)
    run_tracked(build(runner, [tracked]), [tracked], range(STEPS))
    if not memory[SHAPE[1] :].equal(before[SHAPE[1] :]):
        return Finding(("writes_beyond",), "an expanded parameter is taken for a full one: the step writes into memory beyond it")
    return Finding(("accepted",), "an expanded parameter, whose rows are the same memory, is taken")


@refusal_is_an_answer
def complex_numbers(runner: SubjectRunner) -> Finding:
    """Compare a complex parameter, as real and imaginary parts, with a real matrix of the same numbers."""

    def pairs(seed: int) -> Tensor:
        return torch.view_as_complex(start(seed, (3, 2, 2)))

    def gradient(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
        return torch.view_as_complex(gradient_at(seed, step, (*shape, 2)))

    runs = [_run(runner, pairs, gradient, weight_decay) for weight_decay in (WEIGHT_DECAY, 0.0)]
    parts = [[torch.view_as_real(weight) for weight in run.path] for run in runs]
    if any(not _moves([weight[..., part] for weight in parts[1]]) for part in (0, 1)):
        return Finding(("not_moved",), "of a complex parameter the real or the imaginary part never moves")
    return _parameter_finding(runner, parts[0], parts[1], run_alone(runner).path, "a complex parameter")


def element_wise(runner: SubjectRunner) -> bool:
    """Return True if a coordinate's path depends on its own gradients and start alone."""
    path, scaled = (_corner(runner, factor) for factor in (1.0, 3.0))
    return max_relative_difference(path, scaled) <= tolerance(runner)


def _corner(runner: SubjectRunner, factor: float) -> list[Tensor]:
    """Return the path of the first coordinate, with the starts and gradients of all others multiplied by a factor."""
    scale = torch.full(SHAPE, factor, dtype=torch.float64)
    scale[0, 0] = 1.0
    run = _run(runner, lambda seed: scale * start(seed), lambda seed, step, shape: scale * gradient_at(seed, step))
    return [weight[:1, :1] for weight in run.path]


def _reshaped(runner: SubjectRunner, shape: tuple[int, ...], matrix: tuple[int, ...], what: str) -> Finding:
    """Return the finding on a parameter of a shape, compared with a matrix of the same numbers."""
    decayed, plain = (_run(runner, partial(start, shape=shape), gradient_at, decay) for decay in (WEIGHT_DECAY, 0.0))
    usual = _run(runner, partial(start, shape=matrix), gradient_at)
    return _parameter_finding(runner, decayed.path, plain.path, usual.path, what)


def _parameter_finding(
    runner: SubjectRunner, path: Sequence[Tensor], undecayed: Sequence[Tensor], usual: Sequence[Tensor], what: str
) -> Finding:
    """Return the finding on a parameter, whose description is `what`.

    `path` and `undecayed` are its paths with weight decay and without; `usual` is the path of a matrix with the same numbers.
    """
    if not all(bool(weight.isfinite().all()) for weight in path):
        return Finding(("not_finite",), f"{what} becomes NaN or infinite")
    if not _moves(path):
        return Finding(("not_moved",), f"{what} never moves")
    if max_relative_difference(path, undecayed) <= SMALLEST_EFFECT * tolerance(runner) and decay_shows(runner):
        return Finding(("not_decayed",), f"{what} moves, and weight decay does nothing to it")
    if not element_wise(runner):
        return Finding(
            ("as_usual",), f"{what} moves, decays and stays finite (the steps are not element-wise: no path to hold it to)"
        )
    distance = max_relative_difference([weight.reshape(-1) for weight in path], [weight.reshape(-1) for weight in usual])
    return same_path_finding(runner, distance, what=f"{what}, compared with a matrix of the same numbers", same="as_usual")


def _run(runner: SubjectRunner, make: Make, gradient: GradientAt, weight_decay: float = WEIGHT_DECAY) -> Tracked:
    """Return the parameter that starts at `make(1)`, after STEPS steps."""
    numbers = make(1)
    dtype = runner.dtype.to_complex() if numbers.is_complex() else runner.dtype
    one = Tracked.of(torch.nn.Parameter(numbers.to(dtype)), 1)
    run_tracked(build(runner, [one], weight_decay=weight_decay), [one], range(STEPS), gradient)
    return one


def _moves(path: Sequence[Tensor]) -> bool:
    return not path[-1].equal(path[0])


def _channels_last(tensor: Tensor) -> Tensor:
    return tensor.to(memory_format=torch.channels_last)


QUESTIONS = (
    Question("zero_dim", "parameters", zero_dim, purpose="handling"),
    Question("one_dim", "parameters", one_dim, purpose="handling"),
    Question("four_dim", "parameters", four_dim, purpose="handling"),
    Question("large_tensor", "parameters", large_tensor, purpose="handling"),
    Question("empty", "parameters", empty),
    Question("non_contiguous", "parameters", non_contiguous, purpose="handling"),
    Question("expanded", "parameters", expanded),
    Question("complex", "parameters", complex_numbers),
)
