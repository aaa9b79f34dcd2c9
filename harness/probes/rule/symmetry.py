"""Probe of symmetry: decay under change of sign, permutation and rotation, at zero and under maximize.

sign         -w with gradients -g ends at the negative of the end of w with gradients g
permutation  an element-wise optimizer takes permuted weights and gradients to the permuted end
rotation     without gradients decoupled decay commutes with a rotation R, since R (k w) = k (R w); a pull of constant
             length does not
zero         without a gradient a weight of zero stays zero
maximize     the gradient changes its sign and the decay does not: without a gradient the first step multiplies a weight by
             1 - h l (decoupled, plain SGD) or 1 - h / (|w| + eps / l) (Adam with L2), h the learning rate, l the decay

Source: the PyTorch documentation of torch.optim.SGD on maximize.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.decay_laws.tolerances import count_differences, count_measurement, distance, factor_measurement, rounding_measurement
from harness.measurement import Measured, Measurement
from harness.probes.inputs import matrices, noise_gradients, parameters, zero_gradients
from harness.probes.probe import collect
from harness.probes.rule import SymmetrySettings
from harness.subject.loading import Factory
from harness.subject.stepping import run_steps

ADAM_EPS = 1e-8


def run(make: Factory, settings: SymmetrySettings) -> Measured:
    """Return the distances of mirrored, permuted and rotated runs from the run itself, and the moves of weights at zero."""
    (start,), rows = matrices(1, seed=settings.seed), [row[0] for row in noise_gradients(settings.steps, 1, seed=settings.seed)]
    zeros = [torch.zeros_like(start)] * settings.steps
    end = _end(make, settings, start, rows)

    def error(other: Tensor, usual: Tensor) -> Measurement:
        return rounding_measurement(distance([other], [usual]), steps=settings.steps, effect=settings.lr * settings.weight_decay)

    def permuted() -> Measurement:
        order = torch.randperm(start.numel(), generator=torch.Generator().manual_seed(settings.seed))
        other = _end(make, settings, _permuted(start, order), [_permuted(row, order) for row in rows])
        return error(other, _permuted(end, order))

    def turned() -> Measurement:
        turn = _rotation(start.shape[0], settings.seed)
        quiet = _end(make, settings, start, zeros)
        return error(_end(make, settings, turn @ start, zeros), turn @ quiet)

    return collect(
        {
            "mirrored_error": lambda: error(-_end(make, settings, -start, [-row for row in rows]), end),
            "permuted_error": permuted,
            "turned_error": turned,
            "zero_moved": lambda: _zero_moved(make, settings),
            "quiet_factor": lambda: _quiet_factor(make, settings),
            "update_response": lambda: _update_response(make, settings),
        }
    )


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


def _zero_moved(make: Factory, settings: SymmetrySettings) -> Measurement:
    """Return the number of elements that leave zero without a gradient."""
    weights = parameters([torch.zeros_like(matrices(1, seed=settings.seed)[0])])
    optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    after = run_steps(optimizer, weights, zero_gradients(settings.steps, weights))
    return count_measurement(count_differences(after, [torch.zeros_like(after[0])]), at_stake=float(after[0].numel()))


def _quiet_factor(make: Factory, settings: SymmetrySettings) -> Measurement:
    """Return the factor of the first step on a weight without a gradient."""
    weights = parameters(matrices(1, seed=settings.seed))
    before = float(weights[0].detach()[0, 0])
    after = float(
        run_steps(make(weights, lr=settings.lr, weight_decay=settings.weight_decay), weights, zero_gradients(1, weights))[0][0, 0]
    )
    pull = settings.weight_decay * abs(before)
    rate = settings.weight_decay if settings.law == "decoupled" else settings.weight_decay / (pull + ADAM_EPS)
    return factor_measurement(after / before, 1 - settings.lr * rate, steps=2, effect=settings.lr * rate)


def _update_response(make: Factory, settings: SymmetrySettings) -> Measurement:
    """Return the direction of a step without decay along the gradient: -1 down, 1 up."""
    weights = parameters(matrices(1, seed=settings.seed))
    before = weights[0].detach().clone()
    gradient = noise_gradients(1, 1, seed=settings.seed)[0][0]
    after = run_steps(make(weights, lr=settings.lr, weight_decay=0.0), weights, [[gradient]])[0]
    return Measurement(float(((after - before) * gradient).sum().sign()), "-1 down, 1 up", effect=2.0)
