"""Probe accumulation: decay under gradient accumulation, reduction, clipping and batch size.

Notation: h is the learning rate, l the weight decay, T the number of steps.

Case                        Closed form
accumulation before a step  the gradients of k micro-batches act as one gradient: their sum
sum, average or clipping    under decoupled decay the difference of two runs keeps P = prod(1 - h l) in all three;
                            under Adam with L2 the share depends on the scale of the gradients
clipping to norm c          done before the optimizer adds anything, so the weight_decay argument is unaffected; a penalty
                            l / 2 |w|^2 in the loss is clipped too, and without other gradients |w| becomes |w| - h c
k times the batch           the same epochs have 1 / k of the steps: with k times the weight decay they leave
                            (1 - k h l)^(T / k) instead of (1 - h l)^T
accumulation inside step()  an optimizer that accumulates by itself decays only in the calls that update

Source: the PyTorch documentation of torch.nn.utils.clip_grad_norm_; Bergsma et al. 2025 on batch size and weight decay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from harness.decay_laws.tolerances import EPS, distance, factor_measurement, rounding_measurement
from harness.measurement import Measured, Measurement
from harness.probes.handling import AccumulationSettings
from harness.probes.inputs import matrices, noise_gradients, parameters, zero_gradients
from harness.probes.probe import collect
from harness.subject.loading import Factory
from harness.subject.stepping import give_gradients, run_steps, step_once

MICRO_BATCHES = 4
EPOCH_STEPS = 12  # steps of the small batch
CLIP = 0.05  # far below the norm of the gradients that are given


def run(make: Factory, settings: AccumulationSettings) -> Measured:
    """Return the effects of gradient accumulation, reduction, clipping and batch size on decay."""
    remaining = (1 - settings.lr * settings.weight_decay) ** settings.steps
    changes: dict[str, Callable[[Tensor], None]] = {
        "summed_survival": lambda weight: None,
        "averaged_survival": _average_gradient,
        "clipped_survival": _clip_gradient,
    }

    def survivals() -> dict[str, Measurement]:
        measurements = {name: _survival(make, settings, change, expected=remaining) for name, change in changes.items()}
        difference = abs(measurements["summed_survival"].value - measurements["averaged_survival"].value)
        effect = Measurement(difference, "fraction", tolerance=2 * _survival_tolerance(settings), effect=1 - remaining)
        return {**measurements, "reduction_effect": effect}

    return collect(
        {
            (*changes, "reduction_effect"): survivals,
            "micro_batch_error": lambda: _micro_batches(make, settings),
            "decayed_without_update": lambda: _decays_without_update(make, settings),
            "clipped_penalty_factor": lambda: _clipped_penalty(make, settings),
            "epoch_ratio": lambda: _epoch_ratio(make, settings),
        }
    )


def _average_gradient(weight: Tensor) -> None:
    assert weight.grad is not None
    weight.grad /= MICRO_BATCHES


def _clip_gradient(weight: Tensor) -> None:
    clip_grad_norm_([weight], CLIP)


def _survival(make: Factory, settings: AccumulationSettings, change: Callable[[Tensor], None], *, expected: float) -> Measurement:
    """Return the share of a difference of 1 between two starts that remains, at the coordinate furthest from `expected`."""
    (start,), rows = matrices(1, seed=settings.seed), noise_gradients(settings.steps, 1, seed=settings.seed)
    ends = []
    for shifted in (start, start + 1):
        weights = parameters([shifted])
        optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay)
        for step, (row,) in enumerate(rows):
            give_gradients(weights, [row])
            change(weights[0])
            step_once(optimizer, step)
        ends.append(weights[0].detach().clone())
    gaps = (ends[1] - ends[0]).flatten()
    worst = float(gaps[int((gaps - expected).abs().argmax())])
    return Measurement(worst, "fraction", expected=expected, tolerance=_survival_tolerance(settings), effect=1 - expected)


def _survival_tolerance(settings: AccumulationSettings) -> float:
    """Return the rounding error of a survival.

    Under SGD the gradients move weights of size 4 to sizes of up to 40: each step rounds a difference of 1 four times by 40 EPS.
    """
    return 160 * EPS * settings.steps


def _micro_batches(make: Factory, settings: AccumulationSettings) -> Measurement:
    """Return the distance between a run whose backward passes accumulate gradients and a run with the sum of the gradients."""
    (start,) = matrices(1, seed=settings.seed)
    rows = noise_gradients(settings.steps * MICRO_BATCHES, 1, seed=settings.seed)
    updates = [rows[first : first + MICRO_BATCHES] for first in range(0, len(rows), MICRO_BATCHES)]
    weights = parameters([start])
    optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    for step, batches in enumerate(updates):
        weights[0].grad = None
        for (gradient,) in batches:
            (weights[0] * gradient).sum().backward()
        step_once(optimizer, step)
    whole = parameters([start])
    sums = [[_sum(batches)] for batches in updates]
    end = run_steps(make(whole, lr=settings.lr, weight_decay=settings.weight_decay), whole, sums)
    return rounding_measurement(distance(weights, end), steps=settings.steps, effect=settings.lr * settings.weight_decay)


def _decays_without_update(make: Factory, settings: AccumulationSettings) -> Measurement:
    """Return the number of calls that decay the weights without an update, from the first update on.

    A run without decay shows which calls update. A run with zero gradients shows which calls decay.
    """
    (start,) = matrices(1, seed=settings.seed)
    calls = 2 * MICRO_BATCHES
    updated = _changing_calls(make, settings, start, noise_gradients(calls, 1, seed=settings.seed), decay=0.0)
    decayed = _changing_calls(make, settings, start, zero_gradients(calls, [start]), decay=settings.weight_decay)
    first = updated.index(True) if True in updated else calls
    decays_alone = [decays and not updates for decays, updates in zip(decayed, updated, strict=True)]
    return Measurement(float(sum(decays_alone[first:])), "calls", expected=0.0, tolerance=EPS, effect=1.0)


def _changing_calls(
    make: Factory, settings: AccumulationSettings, start: Tensor, rows: Sequence[Sequence[Tensor]], *, decay: float
) -> list[bool]:
    """Return one flag for each call of step(): True if the call changes the weight."""
    weights, changing = parameters([start]), []
    optimizer = make(weights, lr=settings.lr, weight_decay=decay)
    for step, row in enumerate(rows):
        before = weights[0].detach().clone()
        step_once(optimizer, step, weights, row)
        changing.append(not torch.equal(weights[0].detach(), before))
    return changing


def _sum(batches: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return the sum of the gradients, added in the order in which backward accumulates them."""
    total = batches[0][0]
    for (gradient,) in batches[1:]:
        total = total + gradient
    return total


def _clipped_penalty(make: Factory, settings: AccumulationSettings) -> Measurement:
    """Return the factor of one step, at weight decay 0, on the clipped gradient of the penalty alone."""
    weights = parameters(matrices(1, seed=settings.seed))
    before = weights[0].detach().clone()
    optimizer = make(weights, lr=settings.lr, weight_decay=0.0)
    weights[0].grad = settings.weight_decay * before
    clip_grad_norm_(weights, CLIP)
    step_once(optimizer, 0)
    size = float(before.norm())
    left = float((weights[0].detach() / before)[0, 0])
    # torch divides by the norm plus 1e-6: the clipped gradient is shorter than CLIP by a share of
    # 1e-6 / norm.
    clipped = CLIP / (settings.weight_decay * size + 1e-6)
    return factor_measurement(
        left, 1 - settings.lr * settings.weight_decay * clipped, effect=settings.lr * settings.weight_decay * (1 - clipped)
    )


def _epoch_ratio(make: Factory, settings: AccumulationSettings) -> Measurement:
    """Return the remaining share at k times batch and weight decay, over the share at the small batch, after equal epochs."""
    left = []
    for factor in (1, MICRO_BATCHES):
        weights = parameters(matrices(1, seed=settings.seed))
        before = float(weights[0].detach()[0, 0])
        optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay * factor)
        for step in range(EPOCH_STEPS // factor):
            step_once(optimizer, step, weights, zero_gradients(1, weights)[0])
        left.append(float(weights[0].detach()[0, 0]) / before)
    decay = settings.lr * settings.weight_decay
    expected = (1 - MICRO_BATCHES * decay) ** (EPOCH_STEPS // MICRO_BATCHES) / (1 - decay) ** EPOCH_STEPS
    return Measurement(left[1] / left[0], "ratio", expected=expected, tolerance=8 * EPS * EPOCH_STEPS, effect=1 - expected)
