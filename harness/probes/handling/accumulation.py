"""Does decay count updates, whatever was done to the gradient before: accumulated, summed or averaged, clipped?

Gradients of k micro-batches that are accumulated before a step are one gradient. Under decoupled decay the difference of
two starts keeps P = prod(1 - h l) whether those gradients are summed, averaged or clipped; under Adam with L2 the share
depends on their scale. Clipping by norm c is done before the optimizer adds anything, so it leaves a weight_decay
argument alone; a penalty l / 2 |w|^2 in the loss is clipped with the rest, and without other gradients takes h c in
length: |w| - h c. At k times the batch, the same number of epochs has 1 / k of the steps: k times the weight decay then
leaves (1 - k h l)^(T / k) for (1 - h l)^T. One that accumulates by itself decays in the calls that update.
Source: the PyTorch documentation of torch.nn.utils.clip_grad_norm_; Bergsma et al. 2025 on batch size and weight decay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from harness.decay_laws.tolerances import EPS, distance, factor_measurement, rounding_measurement
from harness.measurement import Measurement
from harness.probes.handling import AccumulationSettings
from harness.probes.inputs import matrices, noise, parameters, zero_gradients
from harness.subject.loading import Factory
from harness.subject.stepping import give_gradients, run_steps, step_once

MICRO_BATCHES = 4
EPOCH_STEPS = 12  # at the small batch
CLIP = 0.05  # a gradient norm far below that of the gradients given


def run(make: Factory, settings: AccumulationSettings) -> dict[str, Measurement]:
    """Return what accumulation, reduction, clipping and batch size do to decay."""
    kept = (1 - settings.lr * settings.weight_decay) ** settings.steps
    changes: dict[str, Callable[[Tensor], None]] = {
        "summed_survival": lambda weight: None,
        "averaged_survival": _averaged,
        "clipped_survival": _clipped,
    }
    readings = {name: _survival(make, settings, change, kept=kept) for name, change in changes.items()}
    apart = abs(readings["summed_survival"].value - readings["averaged_survival"].value)
    return {
        **readings,
        "reduction_effect": Measurement(apart, "fraction", tolerance=2 * _room(settings), effect=1 - kept),
        "micro_batch_error": _micro_batches(make, settings),
        "decayed_without_update": _withheld(make, settings),
        "clipped_penalty_factor": _clipped_penalty(make, settings),
        "epoch_ratio": _epochs(make, settings),
    }


def _averaged(weight: Tensor) -> None:
    assert weight.grad is not None
    weight.grad /= MICRO_BATCHES


def _clipped(weight: Tensor) -> None:
    clip_grad_norm_([weight], CLIP)


def _survival(make: Factory, settings: AccumulationSettings, change: Callable[[Tensor], None], *, kept: float) -> Measurement:
    """Return the share of a difference of 1 between two starts that is left, at the worst coordinate."""
    (start,), rows = matrices(1, seed=settings.seed), noise(settings.steps, 1, seed=settings.seed)
    ends = []
    for begin in (start, start + 1):
        weights = parameters([begin])
        optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay)
        for step, (row,) in enumerate(rows):
            give_gradients(weights, [row])
            change(weights[0])
            step_once(optimizer, step)
        ends.append(weights[0].detach().clone())
    gaps = (ends[1] - ends[0]).flatten()
    worst = float(gaps[int((gaps - kept).abs().argmax())])
    return Measurement(worst, "fraction", expected=kept, tolerance=_room(settings), effect=1 - kept)


def _room(settings: AccumulationSettings) -> float:
    """Weights up to 4, which gradients of SGD carry to 40: each step rounds a unit gap by 40 EPS, four times."""
    return 160 * EPS * settings.steps


def _micro_batches(make: Factory, settings: AccumulationSettings) -> Measurement:
    """Accumulate by backward, and compare with the sum given at once."""
    (start,) = matrices(1, seed=settings.seed)
    rows = noise(settings.steps * MICRO_BATCHES, 1, seed=settings.seed)
    updates = [rows[first : first + MICRO_BATCHES] for first in range(0, len(rows), MICRO_BATCHES)]
    weights = parameters([start])
    optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    for step, batches in enumerate(updates):
        weights[0].grad = None
        for (gradient,) in batches:
            (weights[0] * gradient).sum().backward()
        step_once(optimizer, step)
    whole = parameters([start])
    at_once = [[_sum(batches)] for batches in updates]
    end = run_steps(make(whole, lr=settings.lr, weight_decay=settings.weight_decay), whole, at_once)
    return rounding_measurement(distance(weights, end), steps=settings.steps, effect=settings.lr * settings.weight_decay)


def _withheld(make: Factory, settings: AccumulationSettings) -> Measurement:
    """Count the calls after the first update in which weights decay though gradients, alone, move none."""
    (start,) = matrices(1, seed=settings.seed)
    calls = 2 * MICRO_BATCHES
    updated = _moved(make, settings, start, noise(calls, 1, seed=settings.seed), decay=0.0)
    decayed = _moved(make, settings, start, zero_gradients(calls, [start]), decay=settings.weight_decay)
    first = updated.index(True) if True in updated else calls
    withheld = [decays and not updates for decays, updates in zip(decayed, updated, strict=True)]
    return Measurement(float(sum(withheld[first:])), "calls", expected=0.0, tolerance=EPS, effect=1.0)


def _moved(
    make: Factory, settings: AccumulationSettings, start: Tensor, rows: Sequence[Sequence[Tensor]], *, decay: float
) -> list[bool]:
    """Return for each call of step() whether it changes the weight."""
    weights, moved = parameters([start]), []
    optimizer = make(weights, lr=settings.lr, weight_decay=decay)
    for step, row in enumerate(rows):
        before = weights[0].detach().clone()
        step_once(optimizer, step, weights, row)
        moved.append(not torch.equal(weights[0].detach(), before))
    return moved


def _sum(batches: Sequence[Sequence[Tensor]]) -> Tensor:
    """Add in the order in which backward accumulates."""
    total = batches[0][0]
    for (gradient,) in batches[1:]:
        total = total + gradient
    return total


def _clipped_penalty(make: Factory, settings: AccumulationSettings) -> Measurement:
    """Take one step of the optimizer without decay on the clipped gradient of the penalty alone."""
    weights = parameters(matrices(1, seed=settings.seed))
    before = weights[0].detach().clone()
    optimizer = make(weights, lr=settings.lr, weight_decay=0.0)
    weights[0].grad = settings.weight_decay * before
    clip_grad_norm_(weights, CLIP)
    step_once(optimizer, 0)
    size = float(before.norm())
    left = float((weights[0].detach() / before)[0, 0])
    # torch divides by the norm plus 1e-6, which shortens the clipped gradient by 1e-6 of its own norm before.
    clipped = CLIP / (settings.weight_decay * size + 1e-6)
    return factor_measurement(
        left, 1 - settings.lr * settings.weight_decay * clipped, effect=settings.lr * settings.weight_decay * (1 - clipped)
    )


def _epochs(make: Factory, settings: AccumulationSettings) -> Measurement:
    """Return what is left at k times the batch and weight decay, over what is left at the batch, after the same epochs."""
    left = []
    for times in (1, MICRO_BATCHES):
        weights = parameters(matrices(1, seed=settings.seed))
        before = float(weights[0].detach()[0, 0])
        optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay * times)
        for step in range(EPOCH_STEPS // times):
            step_once(optimizer, step, weights, zero_gradients(1, weights)[0])
        left.append(float(weights[0].detach()[0, 0]) / before)
    decay = settings.lr * settings.weight_decay
    expected = (1 - MICRO_BATCHES * decay) ** (EPOCH_STEPS // MICRO_BATCHES) / (1 - decay) ** EPOCH_STEPS
    return Measurement(left[1] / left[0], "ratio", expected=expected, tolerance=8 * EPS * EPOCH_STEPS, effect=1 - expected)
