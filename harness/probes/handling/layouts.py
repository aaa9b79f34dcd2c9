"""Does a tensor's shape or its layout in memory change what decays?

The same twelve numbers and gradients are held as a matrix, as scalars, a vector, a transposed matrix, every second column
of a wider one, and a channels-last image; an element-wise optimizer must take them along the same path. An empty tensor
is no obstacle, and copies decay as the one, in one large tensor or as a long list of tensors. An expanded tensor holds one
number several times, and torch refuses to write into it.
Source: the PyTorch documentation of torch.nn.Parameter and of tensor views.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS, distance, factor_measurement, rounding_measurement
from harness.measurement import Measurement
from harness.probes.handling import LayoutsSettings
from harness.probes.inputs import SHAPE, matrices, noise, zero_gradients
from harness.subject.loading import Factory
from harness.subject.stepping import step_once

ROWS, COLUMNS = SHAPE
COPIES = 417  # 5004 numbers: more than a kernel's block of 1024 or 4096, and no multiple of 8
TENSORS = 300  # more than a launch of a multi-tensor kernel takes at once
LAYOUTS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "vector": lambda plain: plain.flatten().clone(),
    "transposed": lambda plain: plain.T.clone(memory_format=torch.contiguous_format).T,
    "strided": lambda plain: plain.repeat_interleave(2, dim=1)[:, ::2],
    "channels_last": lambda plain: plain.reshape(1, ROWS, 2, 2).to(memory_format=torch.channels_last),
}


def run(make: Factory, settings: LayoutsSettings) -> dict[str, Measurement]:
    """Return how far each layout is from the plain matrix."""
    (start,), rows = matrices(1, seed=settings.seed), [row[0] for row in noise(settings.steps, 1, seed=settings.seed)]
    (plain,) = _run(make, settings, [start.clone()], [[row] for row in rows])
    effect = settings.lr * settings.weight_decay
    found = {name: _run(make, settings, [lay(start)], [[lay(row)] for row in rows])[0] for name, lay in LAYOUTS.items()}
    scalars = _run(make, settings, [one.clone() for one in start.flatten()], [list(row.flatten()) for row in rows])
    empty = torch.zeros(0, dtype=torch.float64)
    beside = _run(make, settings, [empty, start.clone()], [[empty, row] for row in rows])
    errors = {name: distance([end.reshape(SHAPE)], [plain]) for name, end in found.items()}
    errors |= {"scalar": distance([torch.stack(scalars).reshape(SHAPE)], [plain]), "beside_empty": distance(beside[1:], [plain])}
    errors |= {"large": _large(make, settings, start), "many": _many(make, settings, start)}
    readings = {
        f"{name}_error": rounding_measurement(error, steps=settings.steps, effect=effect) for name, error in errors.items()
    }
    return readings | {"scalar_factor": _scalar(make, settings), "expanded_refused": _expanded(make, settings)}


def _run(make: Factory, settings: LayoutsSettings, starts: Sequence[Tensor], rows: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    # No clone(), which closes gaps in memory: every layout is a copy already.
    weights = [torch.nn.Parameter(start) for start in starts]
    optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    for step, row in enumerate(rows):
        step_once(optimizer, step, weights, row)
    return [weight.detach() for weight in weights]


def _large(make: Factory, settings: LayoutsSettings, start: Tensor) -> float:
    """Return how far copies of the matrix, in one tensor, end from the matrix: without gradients, whose states may be rounded."""
    tall = start.repeat(COPIES, 1)
    small, large = (_run(make, settings, [one.clone()], zero_gradients(settings.steps, [one]))[0] for one in (start, tall))
    return distance([large], [small.repeat(COPIES, 1)])


def _many(make: Factory, settings: LayoutsSettings, start: Tensor) -> float:
    """Return how far the furthest of many copies in one group ends from the matrix alone, without gradients."""
    starts = [start.clone() for _ in range(TENSORS)]
    (alone,) = _run(make, settings, [start.clone()], zero_gradients(settings.steps, [start]))
    ends = _run(make, settings, starts, zero_gradients(settings.steps, starts))
    return distance(ends, [alone] * TENSORS)


def _scalar(make: Factory, settings: LayoutsSettings) -> Measurement:
    """Return what one step without gradient leaves of a 0-dim weight."""
    start, zero = torch.tensor(1.9, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    (after,) = _run(make, settings, [start.clone()], [[zero]])
    decay = settings.lr * settings.weight_decay
    return factor_measurement(float(after / start), 1 - decay, effect=decay)


def _expanded(make: Factory, settings: LayoutsSettings) -> Measurement:
    """Return whether a step on a tensor that holds one number three times is refused."""
    # With memory behind it: a kernel that takes the three for neighbours writes there, and not into somebody else's.
    weight = torch.nn.Parameter(torch.ones(64, dtype=torch.float64)[:1].expand(3))
    optimizer = make([weight], lr=settings.lr, weight_decay=settings.weight_decay)
    try:
        step_once(optimizer, 0, [weight], [torch.zeros(3, dtype=torch.float64)])
    except (ValueError, RuntimeError):  # a RunError is the first; torch's own is the other
        return Measurement(1.0, "1: yes", expected=1.0, tolerance=EPS, effect=1.0)
    return Measurement(0.0, "1: yes", expected=1.0, tolerance=EPS, effect=1.0)
