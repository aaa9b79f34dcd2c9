"""Does decay know no direction: opposite weights, permuted weights, turned weights, a weight of zero, an ascent?

w and g of the other sign end at the other sign; an element-wise optimizer takes permuted elements to permuted ends.
Without gradients decoupled decay commutes with a rotation R, since R (k w) = k (R w), and a pull of constant length does
not. Zero stays zero. Under maximize the gradient changes its sign and the decay does not: without a gradient the first
step leaves 1 - h l (decoupled, plain SGD) or 1 - h / (|w| + eps / l) (Adam with L2). Source: the PyTorch documentation of
torch.optim.SGD on maximize.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.decay_laws.tolerances import changed, count_measurement, distance, factor_measurement, rounding_measurement
from harness.measurement import Measurement
from harness.probes.inputs import matrices, noise, parameters, zero_gradients
from harness.probes.rule import SymmetrySettings
from harness.subject.loading import Factory
from harness.subject.stepping import run_steps

ADAM_EPS = 1e-8


def run(make: Factory, settings: SymmetrySettings) -> dict[str, Measurement]:
    """Return how far mirrored, permuted and turned runs are from the run itself, and what becomes of zero."""
    (start,), rows = matrices(1, seed=settings.seed), [row[0] for row in noise(settings.steps, 1, seed=settings.seed)]
    zeros = [torch.zeros_like(start)] * settings.steps
    end = _end(make, settings, start, rows)
    mirrored = -_end(make, settings, -start, [-row for row in rows])
    order = torch.randperm(start.numel(), generator=torch.Generator().manual_seed(settings.seed))
    permuted = _end(make, settings, _permuted(start, order), [_permuted(row, order) for row in rows])
    turn = _rotation(start.shape[0], settings.seed)
    turned, quiet = _end(make, settings, turn @ start, zeros), _end(make, settings, start, zeros)
    effect = settings.lr * settings.weight_decay
    return {
        "mirrored_error": rounding_measurement(distance([mirrored], [end]), steps=settings.steps, effect=effect),
        "permuted_error": rounding_measurement(
            distance([permuted], [_permuted(end, order)]), steps=settings.steps, effect=effect
        ),
        "turned_error": rounding_measurement(distance([turned], [turn @ quiet]), steps=settings.steps, effect=effect),
        "zero_moved": _from_zero(make, settings),
        "quiet_factor": _quiet(make, settings),
        "update_response": _response(make, settings),
    }


def _end(make: Factory, settings: SymmetrySettings, start: Tensor, rows: Sequence[Tensor]) -> Tensor:
    weights = parameters([start])
    return run_steps(make(weights, lr=settings.lr, weight_decay=settings.weight_decay), weights, [[row] for row in rows])[0]


def _permuted(matrix: Tensor, order: Tensor) -> Tensor:
    moved: Tensor = matrix.flatten()[order].reshape(matrix.shape)
    return moved


def _rotation(size: int, seed: int) -> Tensor:
    drawn = torch.randn(size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    turn: Tensor = torch.linalg.qr(drawn)[0]
    return turn


def _from_zero(make: Factory, settings: SymmetrySettings) -> Measurement:
    """Count what leaves zero without a gradient."""
    weights = parameters([torch.zeros_like(matrices(1, seed=settings.seed)[0])])
    optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    after = run_steps(optimizer, weights, zero_gradients(settings.steps, weights))
    return count_measurement(changed(after, [torch.zeros_like(after[0])]), at_stake=float(after[0].numel()))


def _quiet(make: Factory, settings: SymmetrySettings) -> Measurement:
    weights = parameters(matrices(1, seed=settings.seed))
    before = float(weights[0].detach()[0, 0])
    after = float(
        run_steps(make(weights, lr=settings.lr, weight_decay=settings.weight_decay), weights, zero_gradients(1, weights))[0][0, 0]
    )
    pull = settings.weight_decay * abs(before)
    taken = settings.weight_decay if settings.law == "decoupled" else settings.weight_decay / (pull + ADAM_EPS)
    return factor_measurement(after / before, 1 - settings.lr * taken, steps=2, effect=settings.lr * taken)


def _response(make: Factory, settings: SymmetrySettings) -> Measurement:
    """Return which way a step without decay goes along a gradient: -1 down, 1 up."""
    weights = parameters(matrices(1, seed=settings.seed))
    before = weights[0].detach().clone()
    gradient = noise(1, 1, seed=settings.seed)[0][0]
    after = run_steps(make(weights, lr=settings.lr, weight_decay=0.0), weights, [[gradient]])[0]
    return Measurement(float(((after - before) * gradient).sum().sign()), "-1 down, 1 up", effect=2.0)
