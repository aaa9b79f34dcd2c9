"""Probe schedules: decay under schedules of the learning rate and of the weight decay.

Case                             Closed form
no gradients                     prod(1 - h_t l_t): the group has learning rate h_t and weight decay l_t at step t;
                                 torch's schedulers write h_t, a loop in this module writes l_t
a schedule in reverse order      without gradients the product is equal; with gradients the path of a weight differs
h = 0                            no weight changes
learning rate a float32 tensor   torch's for-loop AdamW computes 1 - h l in float32

Source: the PyTorch documentation of torch.optim.lr_scheduler.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import lr_scheduler

from harness.decay_laws.tolerances import EPS, count_differences, count_measurement, factor_measurement
from harness.measurement import Measured, Measurement
from harness.probes.handling import SchedulesSettings
from harness.probes.inputs import matrices, noise_gradients, parameters, zero_gradients
from harness.probes.probe import Experiment, collect
from harness.subject.loading import Factory
from harness.subject.stepping import run_steps, set_lr, step_once

SHARES = (1.0, 0.25)  # weight decay of the two groups, as multiples
SCHEDULERS: Mapping[str, Callable[[Any, float, int], Any]] = {
    "cosine": lambda driven, lr, steps: lr_scheduler.CosineAnnealingLR(driven, T_max=steps),
    "linear_warmup": lambda driven, lr, steps: lr_scheduler.LinearLR(driven, start_factor=0.1, total_iters=steps // 2),
    "stable_then_down": lambda driven, lr, steps: lr_scheduler.LambdaLR(driven, lambda t: min(1.0, 2 * (1 - t / steps))),
    "one_cycle": lambda driven, lr, steps: lr_scheduler.OneCycleLR(
        driven, max_lr=lr, total_steps=steps + 1, cycle_momentum=False
    ),
    "cyclic": lambda driven, lr, steps: lr_scheduler.CyclicLR(driven, lr / 4, lr, step_size_up=3, cycle_momentum=False),
    "plateau": lambda driven, lr, steps: lr_scheduler.ReduceLROnPlateau(driven, factor=0.5, patience=1),
}


class _Driven(torch.optim.Optimizer):
    """A wrapper of the class that torch's schedulers require; it shares the groups of the optimizer inside."""

    def __init__(self, optimizer: Any) -> None:
        super().__init__([torch.zeros(1)], {})
        self.param_groups, self._optimizer = optimizer.param_groups, optimizer

    def step(self, closure: Any = None) -> Any:
        return self._optimizer.step()


def run(make: Factory, settings: SchedulesSettings) -> Measured:
    """Return the errors of decay under torch's schedulers, a schedule of the weight decay, and a learning rate of zero."""
    experiments: dict[str | tuple[str, ...], Experiment] = {
        ("scheduler_error", "decays_written"): lambda: _schedulers(make, settings),
        "decay_schedule_error": lambda: _decay_schedule_error(make, settings),
        "moved_at_zero_lr": lambda: _moved_at_zero_lr(make, settings),
        ("falling_survival", "rising_survival", "order_effect"): lambda: _falling_and_rising(make, settings),
    }
    if settings.tensor_lr:
        experiments["tensor_lr_factor", "tensor_lr_error"] = lambda: _tensor_lr(make, settings)
    return collect(experiments)


def _schedulers(make: Factory, settings: SchedulesSettings) -> dict[str, Measurement]:
    """Return the largest error of decay under all schedulers, and the number of weight decays that they rewrote."""
    errors, written = zip(*(_scheduled(make, settings, name) for name in SCHEDULERS), strict=True)
    decay, tolerance = settings.lr * settings.weight_decay, 6 * EPS * settings.steps
    return {
        "scheduler_error": Measurement(max(errors), "fraction of w", expected=0.0, tolerance=tolerance, effect=decay / 4),
        "decays_written": count_measurement(sum(written), at_stake=float(len(written))),
    }


def _decay_schedule_error(make: Factory, settings: SchedulesSettings) -> Measurement:
    decay, tolerance = settings.lr * settings.weight_decay, 6 * EPS * settings.steps
    error = _decay_schedule(make, settings)
    return Measurement(error, "fraction of w", expected=0.0, tolerance=tolerance, effect=decay / settings.steps)


def _scheduled(make: Factory, settings: SchedulesSettings, name: str) -> tuple[float, float]:
    """Return the largest distance from the product of the factors, and the number of groups whose weight decay was rewritten."""
    weights, decays = parameters(matrices(2, seed=settings.seed)), [share * settings.weight_decay for share in SHARES]
    groups = [{"params": [weight], "weight_decay": decay} for weight, decay in zip(weights, decays, strict=True)]
    optimizer = make(groups, lr=settings.lr, weight_decay=settings.weight_decay)
    driven = _Driven(optimizer)
    scheduler = SCHEDULERS[name](driven, settings.lr, settings.steps)
    starts, expected = [weight.detach().clone() for weight in weights], [1.0, 1.0]
    for step in range(settings.steps):
        for index, group in enumerate(optimizer.param_groups):
            expected[index] *= 1 - float(group["lr"]) * decays[index]
        step_once(driven, step, weights, zero_gradients(1, weights)[0])
        scheduler.step(*([1.0] if name == "plateau" else []))
    error = max(_departure(*parts) for parts in zip(weights, starts, expected, strict=True))
    return error, float(sum(group["weight_decay"] != decay for group, decay in zip(optimizer.param_groups, decays, strict=True)))


def _departure(weight: Tensor, start: Tensor, expected: float) -> float:
    return float((weight.detach() / (start * expected) - 1).abs().max())


def _decay_schedule(make: Factory, settings: SchedulesSettings) -> float:
    """Return the distance from the product of the factors when every step has its own weight decay."""
    weights = parameters(matrices(1, seed=settings.seed))
    start, expected = weights[0].detach().clone(), 1.0
    optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    for step in range(settings.steps):
        decay = settings.weight_decay * (1 + step / settings.steps)
        optimizer.param_groups[0]["weight_decay"] = decay
        expected *= 1 - settings.lr * decay
        step_once(optimizer, step, weights, zero_gradients(1, weights)[0])
    return _departure(weights[0], start, expected)


def _moved_at_zero_lr(make: Factory, settings: SchedulesSettings) -> Measurement:
    """Count the elements that a step at a learning rate of zero changes, with gradients, after a step that filled the moments."""
    weights, rows = parameters(matrices(1, seed=settings.seed)), noise_gradients(2, 1, seed=settings.seed)
    for (gradient,) in rows:
        gradient[0] = 0.0  # a division by the learning rate shows where the second moment is zero
    optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    before = run_steps(optimizer, weights, rows[:1])
    set_lr(optimizer, 0.0)
    return count_measurement(
        count_differences(run_steps(optimizer, weights, rows[1:], first=1), before), at_stake=float(weights[0].numel())
    )


def _falling_and_rising(make: Factory, settings: SchedulesSettings) -> dict[str, Measurement]:
    """Compare a falling learning rate with the same rates in reverse order, each from two starts, on the same gradients."""
    falling = [settings.lr * (1 - step / (2 * settings.steps)) for step in range(settings.steps)]
    expected = math.prod(1 - lr * settings.weight_decay for lr in falling)
    (down, down_end), (up, up_end) = (_survival(make, settings, lrs) for lrs in (falling, falling[::-1]))
    # Each step rounds a difference of 1 between two weights of up to 4 by 8 EPS.
    tolerance = 32 * EPS * settings.steps
    return {
        "falling_survival": Measurement(down, "fraction", expected=expected, tolerance=tolerance, effect=1 - expected),
        "rising_survival": Measurement(up, "fraction", expected=expected, tolerance=tolerance, effect=1 - expected),
        "order_effect": Measurement(float((down_end - up_end).abs().max()), "of a weight", tolerance=4 * tolerance),
    }


def _survival(make: Factory, settings: SchedulesSettings, lrs: Sequence[float]) -> tuple[float, Tensor]:
    """Return the share of a difference of 1 between two starts that remains, and the last weights of the first run."""
    (start,), rows = matrices(1, seed=settings.seed), noise_gradients(settings.steps, 1, seed=settings.seed)
    ends = []
    for shifted in (start, start + 1):
        weights = parameters([shifted])
        optimizer = make(weights, lr=lrs[0], weight_decay=settings.weight_decay)
        for step, lr in enumerate(lrs):
            set_lr(optimizer, lr)
            step_once(optimizer, step, weights, rows[step])
        ends.append(weights[0].detach().clone())
    gaps = (ends[1] - ends[0]).flatten()
    worst = int((gaps - gaps.mean()).abs().argmax())
    return float(gaps[worst]), ends[0]


def _tensor_lr(make: Factory, settings: SchedulesSettings) -> dict[str, Measurement]:
    """Return the factor of one step at a learning rate that is a float32 tensor: 1 - h l in float32."""
    weights = parameters(matrices(1, seed=settings.seed))
    before = float(weights[0].detach()[0, 0])
    lr = torch.tensor(settings.lr, dtype=torch.float32)
    optimizer = make(weights, lr=lr, weight_decay=settings.weight_decay)
    after = float(run_steps(optimizer, weights, zero_gradients(1, weights))[0][0, 0])
    rounded = float(1 - lr * settings.weight_decay)
    exact = 1 - settings.lr * settings.weight_decay
    return {
        "tensor_lr_factor": factor_measurement(after / before, rounded, effect=abs(rounded - exact)),
        "tensor_lr_error": Measurement(abs(after / before - exact), "fraction of w", tolerance=4 * EPS),
    }
