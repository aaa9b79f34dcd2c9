"""Probe layouts: decay of tensors that differ in shape or in their layout in memory.

The same twelve numbers and gradients are stored as a matrix, as scalars, as a vector, as a transposed matrix, as every
second column of a wider matrix, and as a channels-last image. An element-wise optimizer must take all of them along
the same path. An empty tensor must not prevent the steps of the others. Copies of the matrix must decay like the
matrix, in one large tensor or as a long list of tensors. An expanded tensor stores one number for several elements, and
torch refuses to write into it.
Source: the PyTorch documentation of torch.nn.Parameter and of tensor views.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS, distance, factor_measurement, rounding_measurement
from harness.measurement import Measured, Measurement
from harness.probes.handling import LayoutsSettings
from harness.probes.inputs import SHAPE, matrices, noise_gradients, zero_gradients
from harness.probes.probe import Experiment, collect
from harness.subject.loading import Factory
from harness.subject.stepping import step_once

ROWS, COLUMNS = SHAPE
COPIES = 417  # 5004 numbers: more than one kernel block of 1024 or 4096, and not a multiple of 8
TENSORS = 300  # more than one launch of a multi-tensor kernel takes
LAYOUTS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "vector": lambda plain: plain.flatten().clone(),
    "transposed": lambda plain: plain.T.clone(memory_format=torch.contiguous_format).T,
    "strided": lambda plain: plain.repeat_interleave(2, dim=1)[:, ::2],
    "channels_last": lambda plain: plain.reshape(1, ROWS, 2, 2).to(memory_format=torch.channels_last),
}


PlainRun = tuple[Tensor, list[Tensor], Tensor]  # start, gradients and end of the plain matrix


def run(make: Factory, settings: LayoutsSettings) -> Measured:
    """Return the distance of the last weights in each memory layout from those of the plain matrix."""
    (start,), rows = matrices(1, seed=settings.seed), [row[0] for row in noise_gradients(settings.steps, 1, seed=settings.seed)]
    (plain,) = _run(make, settings, [start.clone()], [[row] for row in rows])
    errors: dict[str, Callable[[], float]] = {
        name: partial(_layout_error, make, settings, layout, (start, rows, plain)) for name, layout in LAYOUTS.items()
    }
    errors |= {
        "scalar": lambda: _scalar_error(make, settings, (start, rows, plain)),
        "beside_empty": lambda: _error_beside_empty(make, settings, (start, rows, plain)),
        "large": lambda: _large(make, settings, start),
        "many": lambda: _many(make, settings, start),
    }
    experiments: dict[str | tuple[str, ...], Experiment] = {
        f"{name}_error": partial(_rounding, error, settings) for name, error in errors.items()
    }
    experiments |= {"scalar_factor": lambda: _scalar(make, settings), "expanded_refused": lambda: _expanded(make, settings)}
    return collect(experiments)


def _rounding(error: Callable[[], float], settings: LayoutsSettings) -> Measurement:
    return rounding_measurement(error(), steps=settings.steps, effect=settings.lr * settings.weight_decay)


def _layout_error(make: Factory, settings: LayoutsSettings, layout: Callable[[Tensor], Tensor], plain: PlainRun) -> float:
    """Return the distance of a run in a layout from the run of the plain matrix."""
    start, rows, end = plain
    (weight,) = _run(make, settings, [layout(start)], [[layout(row)] for row in rows])
    return distance([weight.reshape(SHAPE)], [end])


def _scalar_error(make: Factory, settings: LayoutsSettings, plain: PlainRun) -> float:
    """Return the distance of a run with one scalar for each number from the run of the plain matrix."""
    start, rows, end = plain
    scalars = _run(make, settings, [number.clone() for number in start.flatten()], [list(row.flatten()) for row in rows])
    return distance([torch.stack(scalars).reshape(SHAPE)], [end])


def _error_beside_empty(make: Factory, settings: LayoutsSettings, plain: PlainRun) -> float:
    """Return the distance of a matrix beside an empty tensor from the matrix alone."""
    start, rows, end = plain
    empty = torch.zeros(0, dtype=torch.float64)
    with_empty = _run(make, settings, [empty, start.clone()], [[empty, row] for row in rows])
    return distance(with_empty[1:], [end])


def _run(make: Factory, settings: LayoutsSettings, starts: Sequence[Tensor], rows: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    # The starts are copies already. clone() would close gaps in memory.
    weights = [torch.nn.Parameter(start) for start in starts]
    optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    for step, row in enumerate(rows):
        step_once(optimizer, step, weights, row)
    return [weight.detach() for weight in weights]


def _large(make: Factory, settings: LayoutsSettings, start: Tensor) -> float:
    """Return the distance between copies of the matrix in one tensor and the matrix, without gradients.

    Gradients would fill optimizer states, which a subject may round.
    """
    tall = start.repeat(COPIES, 1)
    small, large = (
        _run(make, settings, [matrix.clone()], zero_gradients(settings.steps, [matrix]))[0] for matrix in (start, tall)
    )
    return distance([large], [small.repeat(COPIES, 1)])


def _many(make: Factory, settings: LayoutsSettings, start: Tensor) -> float:
    """Return the largest distance between many copies in one group and the matrix alone, without gradients."""
    starts = [start.clone() for _ in range(TENSORS)]
    (alone,) = _run(make, settings, [start.clone()], zero_gradients(settings.steps, [start]))
    ends = _run(make, settings, starts, zero_gradients(settings.steps, starts))
    return distance(ends, [alone] * TENSORS)


def _scalar(make: Factory, settings: LayoutsSettings) -> Measurement:
    """Return the factor of one step without gradient on a 0-dim weight."""
    start, zero = torch.tensor(1.9, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    (after,) = _run(make, settings, [start.clone()], [[zero]])
    decay = settings.lr * settings.weight_decay
    return factor_measurement(float(after / start), 1 - decay, effect=decay)


def _expanded(make: Factory, settings: LayoutsSettings) -> Measurement:
    """Return 1 if a step on an expanded tensor (three elements that share one number in memory) is refused, else 0."""
    # The number has 63 others behind it: a kernel that treats the three elements as neighbours
    # writes into them, and not into memory of other tensors.
    weight = torch.nn.Parameter(torch.ones(64, dtype=torch.float64)[:1].expand(3))
    optimizer = make([weight], lr=settings.lr, weight_decay=settings.weight_decay)
    try:
        step_once(optimizer, 0, [weight], [torch.zeros(3, dtype=torch.float64)])
    except (ValueError, RuntimeError):  # RunError is a ValueError; torch itself raises RuntimeError
        return Measurement(1.0, "1: yes", expected=1.0, tolerance=EPS, effect=1.0)
    return Measurement(0.0, "1: yes", expected=1.0, tolerance=EPS, effect=1.0)
