"""What happens to a weight that got no gradient, a zero, or a bad one, and to a step that is skipped or given as a closure?

Without a gradient (None, or requires_grad False) a weight keeps its bits, and its next step is as if there had been no
pause. A gradient that a hook has made zero is a gradient: the weight decays by 1 - h l at each step. NaN stays with the
weight that got it. A step that torch's GradScaler skips for an infinite gradient leaves no trace. step(closure) is
backward and step(). Nothing here writes into .grad. All but the hook's factor compare the subject with itself.
Source: the PyTorch documentation of Optimizer.zero_grad and of torch.amp.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from harness.decay_laws.tolerances import changed, count_measurement, distance, factor_measurement, rounding_measurement
from harness.measurement import Measurement
from harness.probes.handling import MissingGradientsSettings
from harness.probes.inputs import matrices, noise, parameters
from harness.subject.loading import Factory, unwatched
from harness.subject.randomness import random_numbers_of
from harness.subject.stepping import run_steps, step_once

# The scaler and a closure see the tensors in the groups; where those are float32 copies of the weights the comparison says
# nothing, and a tolerance that is too coarse there keeps it from being judged.
DIRECT = 1e-5
SCALE = 1024.0  # a power of two: unscaling is exact


def run(make: Factory, settings: MissingGradientsSettings) -> dict[str, Measurement]:
    """Return what gradients that are missing, zeroed or bad do to a weight and to its neighbour, or what the other parts read."""
    if settings.part == "skipped_step":
        return _skipped(make, settings)
    if settings.part == "bad_gradient":
        return {"beside_bad_changed": _beside_bad(make, settings)}
    if settings.part == "closure":
        return {"closure_changed": _closure(make, settings)}
    return {
        **_without(make, settings),
        "pause_error": _paused(make, settings),
        "hooked_factor": _hooked(make, settings),
        "gradient_changed": _gradient(make, settings),
    }


def _pair(make: Factory, settings: MissingGradientsSettings) -> tuple[Any, list[torch.nn.Parameter], list[list[Tensor]]]:
    weights = parameters(matrices(2, seed=settings.seed))
    return make(weights, lr=settings.lr, weight_decay=settings.weight_decay), weights, noise(6, 2, seed=settings.seed)


def _without(make: Factory, settings: MissingGradientsSettings) -> dict[str, Measurement]:
    """Step three weights: one with gradients, one whose gradient is None, one that does not require any."""
    weights = parameters(matrices(3, seed=settings.seed))
    weights[2].requires_grad_(False)
    before = [weight.detach().clone() for weight in weights]
    rows: list[list[Tensor | None]] = [[row[0], None, None] for row in noise(settings.steps, 1, seed=settings.seed)]
    after = run_steps(make(weights, lr=settings.lr, weight_decay=settings.weight_decay), weights, rows)
    stake = float(weights[0].numel())
    return {
        "without_gradient_changed": count_measurement(changed(after[1:2], before[1:2]), at_stake=stake),
        "frozen_changed": count_measurement(changed(after[2:], before[2:]), at_stake=stake),
        "with_gradient_changed": Measurement(changed(after[:1], before[:1]), "elements", effect=stake),
    }


def _paused(make: Factory, settings: MissingGradientsSettings) -> Measurement:
    """Leave a weight's gradient out of two steps in six, and compare with the four steps alone."""
    optimizer, weights, rows = _pair(make, settings)
    paused: list[list[Tensor | None]] = [[first, None if step in (2, 3) else second] for step, (first, second) in enumerate(rows)]
    with_pause = run_steps(optimizer, weights, paused)[1:]
    alone = parameters(matrices(2, seed=settings.seed)[1:])
    steps = [[second] for step, (_, second) in enumerate(rows) if step not in (2, 3)]
    without = run_steps(make(alone, lr=settings.lr, weight_decay=settings.weight_decay), alone, steps)
    return rounding_measurement(distance(with_pause, without), steps=len(rows), effect=settings.lr * settings.weight_decay)


def _hooked(make: Factory, settings: MissingGradientsSettings) -> Measurement:
    """Zero every gradient in a hook, as people do to freeze a weight."""
    optimizer, weights, rows = _pair(make, settings)
    handles = [weight.register_hook(torch.zeros_like) for weight in weights]
    before = float(weights[0].detach()[0, 0])
    for step in range(settings.steps):
        _backward(weights, rows[step])
        step_once(optimizer, step)
    for handle in handles:
        handle.remove()
    kept = (1 - settings.lr * settings.weight_decay) ** settings.steps
    return factor_measurement(float(weights[0].detach()[0, 0]) / before, kept, steps=settings.steps, effect=1 - kept)


def _backward(weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """Give each weight its gradient by differentiating, and return the loss."""
    for weight in weights:
        weight.grad = None
    loss = torch.stack([(weight * gradient).sum() for weight, gradient in zip(weights, gradients, strict=True)]).sum()
    loss.backward()
    return loss


def _beside_bad(make: Factory, settings: MissingGradientsSettings) -> Measurement:
    """Count what a neighbour's gradient of NaN changes."""
    ends = []
    for bad in (False, True):
        optimizer, weights, rows = _pair(make, settings)
        given = [[torch.full_like(first, torch.nan) if bad else first, second] for first, second in rows[: settings.steps]]
        ends.append(run_steps(optimizer, weights, given)[1:])
    return count_measurement(changed(*ends), at_stake=float(ends[0][0].numel()))


def _skipped(make: Factory, settings: MissingGradientsSettings) -> dict[str, Measurement]:
    """Take a step, skip one whose gradient is infinite, take another; compare with the two steps alone."""
    optimizer, weights, rows = _pair(make, settings)
    stake = float(sum(weight.numel() for weight in weights))
    if optimizer.param_groups[0]["params"][0] is not weights[0]:
        measures = ("skipped_changed", "after_skip_changed", "unscaled_changed")
        return {name: _direct(0.0, stake) for name in measures}  # copies: see DIRECT
    scaler = torch.amp.GradScaler("cpu", init_scale=SCALE)
    path = []
    for step, infinite in enumerate((False, True, False)):
        for weight in weights:
            weight.grad = None
        given = [row * torch.inf for row in rows[0]] if infinite else rows[step // 2]
        losses = [(weight * gradient).sum() for weight, gradient in zip(weights, given, strict=True)]
        scaler.scale(torch.stack(losses).sum()).backward()
        with random_numbers_of(step // 2):
            scaler.step(unwatched(optimizer))  # it tells a fused optimizer of the scale through attributes
        scaler.update()
        path.append([weight.detach().clone() for weight in weights])
    plain, alone, _ = _pair(make, settings)
    end = run_steps(plain, alone, rows[:2])
    return {
        "skipped_changed": _direct(changed(path[1], path[0]), stake),
        "after_skip_changed": _direct(changed(path[2], end), stake),
        "unscaled_changed": _direct(changed(_unscaled(make, settings), end), stake),
    }


def _unscaled(make: Factory, settings: MissingGradientsSettings) -> list[torch.nn.Parameter]:
    """Take a scaled step, and one whose gradients the scaler has unscaled before it, as one does to clip them."""
    optimizer, weights, rows = _pair(make, settings)
    scaler = torch.amp.GradScaler("cpu", init_scale=SCALE)
    for step, explicit in enumerate((False, True)):
        for weight in weights:
            weight.grad = None
        losses = [(weight * gradient).sum() for weight, gradient in zip(weights, rows[step], strict=True)]
        scaler.scale(torch.stack(losses).sum()).backward()
        if explicit:
            scaler.unscale_(unwatched(optimizer))
        with random_numbers_of(step):
            scaler.step(unwatched(optimizer))
        scaler.update()
    return weights


def _closure(make: Factory, settings: MissingGradientsSettings) -> Measurement:
    """Count what differs between step(closure) and backward before step()."""
    optimizer, weights, rows = _pair(make, settings)
    end = run_steps(optimizer, weights, rows[: settings.steps])
    closing, others, _ = _pair(make, settings)
    for step in range(settings.steps):
        for weight in others:
            weight.grad = None
        step_once(closing, step, closure=partial(_backward, others, rows[step]))
    return _direct(changed(others, end), float(sum(weight.numel() for weight in weights)))


def _gradient(make: Factory, settings: MissingGradientsSettings) -> Measurement:
    """Count the elements of .grad that a step changes."""
    optimizer, weights, rows = _pair(make, settings)
    step_once(optimizer, 0, weights, rows[0])
    now = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
    return count_measurement(changed(now, rows[0]), at_stake=float(sum(weight.numel() for weight in weights)))


def _direct(value: float, stake: float) -> Measurement:
    return Measurement(value, "elements", expected=0.0, tolerance=DIRECT, effect=stake)
