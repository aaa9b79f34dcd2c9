"""Probe missing_gradients: weights whose gradient is missing, zero or bad; skipped steps; steps with a closure.

Case                                  Expected result
no gradient                           the weight keeps its bits, and its next step is as without the pause
(None, or requires_grad is False)
gradient zeroed by a hook             still a gradient: each step leaves 1 - h l (h: learning rate, l: weight decay)
NaN in one weight's gradient          the other weights are unchanged
step that torch's GradScaler skips    no effect, then or later
(infinite gradient)
step(closure)                         equals backward followed by step()
any step                              .grad is unchanged

All measures but the hook's factor compare the subject with itself.
Source: the PyTorch documentation of Optimizer.zero_grad and of torch.amp.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from harness.decay_laws.tolerances import count_differences, count_measurement, distance, factor_measurement, rounding_measurement
from harness.measurement import Measured, Measurement
from harness.probes.handling import MissingGradientsSettings
from harness.probes.inputs import matrices, noise_gradients, parameters
from harness.probes.probe import collect
from harness.subject.loading import Factory, unwrap
from harness.subject.randomness import seeded_by_step
from harness.subject.stepping import run_steps, step_once

# The scaler and a closure use the tensors in the groups. Where those are float32 copies of the
# weights, the comparison shows nothing: this tolerance, widened by 2^29 for float32, then exceeds
# the effect, and the measure is not judged.
DIRECT = 1e-5
SCALE = 1024.0  # a power of two, so unscaling is exact


UNTOUCHED = ("without_gradient_changed", "with_gradient_changed")


def run(make: Factory, settings: MissingGradientsSettings) -> Measured:
    """Return the effects of missing, zero and bad gradients, or those of skipped steps or of a closure."""
    if settings.part == "skipped_step":
        return _skipped(make, settings)
    if settings.part == "bad_gradient":
        return {"beside_bad_changed": _neighbour_of_nan(make, settings)}
    if settings.part == "closure":
        return {"closure_changed": _closure(make, settings)}
    return collect(
        {
            UNTOUCHED: lambda: _without_gradient(make, settings),
            "frozen_changed": lambda: _frozen_changed(make, settings),
            "pause_error": lambda: _pause_error(make, settings),
            "hooked_factor": lambda: _hooked_factor(make, settings),
            "gradient_changed": lambda: _gradient_changed(make, settings),
        }
    )


def _pair(make: Factory, settings: MissingGradientsSettings) -> tuple[Any, list[torch.nn.Parameter], list[list[Tensor]]]:
    weights = parameters(matrices(2, seed=settings.seed))
    return make(weights, lr=settings.lr, weight_decay=settings.weight_decay), weights, noise_gradients(6, 2, seed=settings.seed)


def _without_gradient(make: Factory, settings: MissingGradientsSettings) -> dict[str, Measurement]:
    """Step two weights: one with gradients, and one whose gradient is None."""
    changed = _changed_beside_one_that_learns(make, settings, requires_grad=True)
    elements = float(matrices(1, seed=settings.seed)[0].numel())
    return {
        "without_gradient_changed": count_measurement(changed[1], at_stake=elements),
        "with_gradient_changed": Measurement(changed[0], "elements", effect=elements),
    }


def _frozen_changed(make: Factory, settings: MissingGradientsSettings) -> Measurement:
    """Return the elements that change in a weight that requires no gradient, beside one with gradients."""
    changed = _changed_beside_one_that_learns(make, settings, requires_grad=False)[1]
    return count_measurement(changed, at_stake=float(matrices(1, seed=settings.seed)[0].numel()))


def _changed_beside_one_that_learns(
    make: Factory, settings: MissingGradientsSettings, *, requires_grad: bool
) -> tuple[float, float]:
    """Return the numbers of elements that change: in a weight with gradients, and in a second one without."""
    weights = parameters(matrices(3, seed=settings.seed))[: 2 if requires_grad else 3]
    weights[-1].requires_grad_(requires_grad)
    pair = [weights[0], weights[-1]]
    before = [weight.detach().clone() for weight in pair]
    rows: list[list[Tensor | None]] = [[row[0], None] for row in noise_gradients(settings.steps, 1, seed=settings.seed)]
    after = run_steps(make(pair, lr=settings.lr, weight_decay=settings.weight_decay), pair, rows)
    return count_differences(after[:1], before[:1]), count_differences(after[1:], before[1:])


def _pause_error(make: Factory, settings: MissingGradientsSettings) -> Measurement:
    """Return the distance between six steps of a weight, two of them without gradient, and its four other steps alone."""
    optimizer, weights, rows = _pair(make, settings)
    paused: list[list[Tensor | None]] = [[first, None if step in (2, 3) else second] for step, (first, second) in enumerate(rows)]
    with_pause = run_steps(optimizer, weights, paused)[1:]
    alone = parameters(matrices(2, seed=settings.seed)[1:])
    steps = [[second] for step, (_, second) in enumerate(rows) if step not in (2, 3)]
    without = run_steps(make(alone, lr=settings.lr, weight_decay=settings.weight_decay), alone, steps)
    return rounding_measurement(distance(with_pause, without), steps=len(rows), effect=settings.lr * settings.weight_decay)


def _hooked_factor(make: Factory, settings: MissingGradientsSettings) -> Measurement:
    """Return the share of a weight that remains when a hook zeroes its gradients, which users do to freeze a weight."""
    optimizer, weights, rows = _pair(make, settings)
    handles = [weight.register_hook(torch.zeros_like) for weight in weights]
    before = float(weights[0].detach()[0, 0])
    for step in range(settings.steps):
        _backward(weights, rows[step])
        step_once(optimizer, step)
    for handle in handles:
        handle.remove()
    expected = (1 - settings.lr * settings.weight_decay) ** settings.steps
    return factor_measurement(float(weights[0].detach()[0, 0]) / before, expected, steps=settings.steps, effect=1 - expected)


def _backward(weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """Set each weight's gradient by a backward pass, and return the loss."""
    for weight in weights:
        weight.grad = None
    loss = torch.stack([(weight * gradient).sum() for weight, gradient in zip(weights, gradients, strict=True)]).sum()
    loss.backward()
    return loss


def _neighbour_of_nan(make: Factory, settings: MissingGradientsSettings) -> Measurement:
    """Count the elements of a weight that a NaN in its neighbour's gradient changes."""
    ends = []
    for bad in (False, True):
        optimizer, weights, rows = _pair(make, settings)
        gradients = [[torch.full_like(first, torch.nan) if bad else first, second] for first, second in rows[: settings.steps]]
        ends.append(run_steps(optimizer, weights, gradients)[1:])
    return count_measurement(count_differences(*ends), at_stake=float(ends[0][0].numel()))


def _skipped(make: Factory, settings: MissingGradientsSettings) -> dict[str, Measurement]:
    """Compare a run of a step, a skipped step (infinite gradient) and a further step with the two steps alone."""
    optimizer, weights, rows = _pair(make, settings)
    elements = float(sum(weight.numel() for weight in weights))
    if optimizer.param_groups[0]["params"][0] is not weights[0]:
        measures = ("skipped_changed", "after_skip_changed", "unscaled_changed")
        return {name: _coarse_count(0.0, elements) for name in measures}  # the groups hold copies: see DIRECT
    scaler = torch.amp.GradScaler("cpu", init_scale=SCALE)
    path = []
    for step, infinite in enumerate((False, True, False)):
        for weight in weights:
            weight.grad = None
        gradients = [row * torch.inf for row in rows[0]] if infinite else rows[step // 2]
        losses = [(weight * gradient).sum() for weight, gradient in zip(weights, gradients, strict=True)]
        scaler.scale(torch.stack(losses).sum()).backward()
        with seeded_by_step(step // 2):
            scaler.step(unwrap(optimizer))  # the scaler sets attributes of a fused optimizer
        scaler.update()
        path.append([weight.detach().clone() for weight in weights])
    plain, alone, _ = _pair(make, settings)
    end = run_steps(plain, alone, rows[:2])
    return {
        "skipped_changed": _coarse_count(count_differences(path[1], path[0]), elements),
        "after_skip_changed": _coarse_count(count_differences(path[2], end), elements),
        "unscaled_changed": _coarse_count(count_differences(_unscaled(make, settings), end), elements),
    }


def _unscaled(make: Factory, settings: MissingGradientsSettings) -> list[torch.nn.Parameter]:
    """Return the weights after a scaled step and a step whose gradients were unscaled before it, as users do to clip them."""
    optimizer, weights, rows = _pair(make, settings)
    scaler = torch.amp.GradScaler("cpu", init_scale=SCALE)
    for step, explicit in enumerate((False, True)):
        for weight in weights:
            weight.grad = None
        losses = [(weight * gradient).sum() for weight, gradient in zip(weights, rows[step], strict=True)]
        scaler.scale(torch.stack(losses).sum()).backward()
        if explicit:
            scaler.unscale_(unwrap(optimizer))
        with seeded_by_step(step):
            scaler.step(unwrap(optimizer))
        scaler.update()
    return weights


def _closure(make: Factory, settings: MissingGradientsSettings) -> Measurement:
    """Count the elements that differ between step(closure) and backward followed by step()."""
    optimizer, weights, rows = _pair(make, settings)
    end = run_steps(optimizer, weights, rows[: settings.steps])
    closure_optimizer, closure_weights, _ = _pair(make, settings)
    for step in range(settings.steps):
        for weight in closure_weights:
            weight.grad = None
        step_once(closure_optimizer, step, closure=partial(_backward, closure_weights, rows[step]))
    return _coarse_count(count_differences(closure_weights, end), float(sum(weight.numel() for weight in weights)))


def _gradient_changed(make: Factory, settings: MissingGradientsSettings) -> Measurement:
    """Count the elements of .grad that a step changes."""
    optimizer, weights, rows = _pair(make, settings)
    step_once(optimizer, 0, weights, rows[0])
    after = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
    return count_measurement(count_differences(after, rows[0]), at_stake=float(sum(weight.numel() for weight in weights)))


def _coarse_count(value: float, elements: float) -> Measurement:
    return Measurement(value, "elements", expected=0.0, tolerance=DIRECT, effect=elements)
