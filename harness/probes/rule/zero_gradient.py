"""Probe of a gradient that is exactly zero: a step then shows the decay alone, and its convention.

Closed forms with the learning rate h_t at step t and the decay l: the laws of harness/decay_laws/closed_forms.py without
increments.

decoupled         w_T = prod(1 - h_t l) w_0
coupled_momentum  the factor of a step tends to the root of x^2 - (1 + m - h l) x + m
coupled_adam      the first step is -h l w / (|l w| + eps), so |step| = h for all l and w (Adam divides l w by its own size);
                  later steps have no closed form and are only reported

The shrink of a step is 1 - (factor of the step). Its ratios after (a doubled lr, a schedule that halves the lr) separate
the conventions:

h_t l    (2, 1/2)
l s_t    (1, 1/2)    s_t = h_t / h_0
l        (1, 1)
h_t^2 l  (4, 1/4)

Source: Loshchilov and Hutter 2019, Algorithms 1 and 2; the PyTorch documentation of AdamW.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws import closed_forms
from harness.decay_laws.tolerances import EPS
from harness.measurement import Measured, Measurement
from harness.probes.inputs import GROUP_FACTORS, halved_midway, no_gradient
from harness.probes.probe import collect
from harness.probes.rule import ZeroGradientSettings
from harness.subject.loading import Factory
from harness.subject.stepping import GroupInput, run_groups, set_group_lr, step_once

SIZES = (1.3e-3, 1.7e-2, 0.21, 1.9, 23.0, 370.0)  # for no round value of lambda is |lambda w| = 1 at any of them
SHOWN = 3  # the column whose factor is measured
ADAM_EPS = 1e-8


def run(make: Factory, settings: ZeroGradientSettings) -> Measured:
    """Return the factors of steps, the largest distance from the law, and the response of a step's shrink to the settings."""
    lrs, decay = halved_midway(settings.lr, settings.steps), settings.weight_decay
    paths, law = _observe(make, lrs, decay=decay), _expect(settings, lrs, decay=decay)
    doubled = [2 * settings.lr]
    shrink, expected = _shrink(paths), _shrink(law)
    measurements = _factors(paths, law, settings=settings)
    measurements["magnitude_slope"] = _slope(paths, law, shrink=expected)
    # Two shrinks enter the ratio, each with a rounding error of 2 eps; the tolerance allows four
    # such errors. The values of the other laws are 1 apart.
    tolerance = 8 * EPS / abs(expected)
    for name, lr, scale in (("lr_response", doubled, 1.0), ("decay_response", lrs[:1], 2.0)):
        value = _ratio(_shrink(_observe(make, lr, decay=scale * decay)), shrink)
        closed = _shrink(_expect(settings, lr, decay=scale * decay)) / expected
        measurements[name] = Measurement(value, "ratio", expected=closed, tolerance=tolerance, effect=1.0)
    names = ("factor_after_change", "factor_at_zero_lr", "exempt_factor")
    return {**measurements, **collect({names: lambda: _settings_changed(make, settings, shrink=expected)})}


def _settings_changed(make: Factory, settings: ZeroGradientSettings, *, shrink: float) -> dict[str, Measurement]:
    """Return the factors of three steps of two groups: as built, with `weight_decay` doubled, at a learning rate of zero."""
    weights = [torch.nn.Parameter(_start()) for _ in range(2)]
    decays = (settings.weight_decay, 0.0)
    groups = [{"params": [weight], "weight_decay": decay} for weight, decay in zip(weights, decays, strict=True)]
    optimizer = make(groups, lr=settings.lr, weight_decay=settings.weight_decay)
    path = []
    for step, (lr, scale) in enumerate(((settings.lr, 1.0), (settings.lr, 2.0), (0.0, 2.0))):
        for group, decay in zip(optimizer.param_groups, decays, strict=True):
            set_group_lr(group, lr)
            group["weight_decay"] = scale * decay
        step_once(optimizer, step, weights, [torch.zeros_like(weight) for weight in weights])
        path.append([float(weight.detach()[0, SHOWN]) for weight in weights])
    closed = None
    if settings.law in ("decoupled", "independent", "unscaled", "proximal"):
        closed = closed_forms.step_factor(settings.law, settings.lr, weight_decay=2 * settings.weight_decay, first_lr=settings.lr)
    return {
        "factor_after_change": Measurement(
            path[1][0] / path[0][0], "factor a step", expected=closed, tolerance=4 * EPS, effect=shrink
        ),
        "factor_at_zero_lr": Measurement(
            path[2][0] / path[1][0], "factor a step", expected=1.0, tolerance=4 * EPS, effect=shrink
        ),
        "exempt_factor": Measurement(
            path[2][1] / float(_start()[0, SHOWN]), "fraction of w", expected=1.0, tolerance=4 * EPS, effect=shrink
        ),
    }


def _observe(make: Factory, lrs: list[float], *, decay: float) -> list[Tensor]:
    groups = [GroupInput(_start(), no_gradient, *factors) for factors in GROUP_FACTORS]
    return run_groups(make, groups, lrs=lrs, weight_decay=decay)


def _start() -> Tensor:
    sizes = torch.tensor(SIZES, dtype=torch.float64)
    return torch.stack([sizes, -sizes])


def _expect(settings: ZeroGradientSettings, lrs: list[float], *, decay: float) -> list[Tensor]:
    """Return the paths that the law predicts, one per group; for coupled_adam only the first step."""
    paths: list[Tensor] = []
    for lr_factor, decay_factor in GROUP_FACTORS:
        rates, group_decay = [lr * lr_factor for lr in lrs], decay * decay_factor
        if settings.law == "coupled_adam":
            pull = group_decay * _start()
            paths.append(torch.stack([_start(), _start() - rates[0] * pull / (pull.abs() + ADAM_EPS)]))
        else:
            remaining = closed_forms.survival(settings.law, rates, weight_decay=group_decay, momentum=settings.momentum)
            paths.append(remaining[:, None, None] * _start())
    return paths


def _factors(paths: list[Tensor], law: list[Tensor], *, settings: ZeroGradientSettings) -> dict[str, Measurement]:
    first, last = _factor(paths, 1), _factor(paths, settings.steps)
    single = 4 * EPS  # 1 - h l: two roundings, its product with w: one, the division by w: one
    effect = 1 - _factor(law, 1)
    measurements = {
        "first_factor": Measurement(first, "factor a step", expected=_factor(law, 1), tolerance=single, effect=effect),
        "last_factor": Measurement(last, "factor a step"),
        "schedule_response": Measurement(_ratio(1 - last, 1 - first), "ratio"),
    }
    worst = max(float(((path[: len(closed)] - closed) / closed).abs().max()) for path, closed in zip(paths, law, strict=True))
    if settings.law == "coupled_adam":
        # w - h cancels where w is near h. At lr 0.02 to 0.04 the smallest |w - h| / (|w| + h)
        # over SIZES is 0.01.
        return measurements | {
            "worst_error": Measurement(worst, "fraction of w", expected=0.0, tolerance=1e3 * EPS, effect=effect)
        }
    closed_last, spread = _last_factor(settings)
    # 3 roundings a step, in the subject and in the closed form. Momentum multiplies each by at
    # most `spread`, which is 1 without momentum.
    tolerance = 6 * EPS * settings.steps * spread
    response = (1 - closed_last) / effect
    return measurements | {
        "last_factor": Measurement(
            last, "factor a step", expected=closed_last, tolerance=single * spread, effect=1 - closed_last
        ),
        "schedule_response": Measurement(
            _ratio(1 - last, 1 - first), "ratio", expected=response, tolerance=8 * EPS * spread / (1 - closed_last), effect=0.25
        ),
        "worst_error": Measurement(worst, "fraction of w", expected=0.0, tolerance=tolerance, effect=effect),
    }


def _last_factor(settings: ZeroGradientSettings) -> tuple[float, float]:
    """Return the closed form of the last step's factor, and the factor by which momentum enlarges a rounding error of w."""
    lr, decay = settings.lr / 2, settings.weight_decay
    if settings.law != "coupled_momentum":
        assert settings.law != "coupled_adam"
        return closed_forms.step_factor(settings.law, lr, weight_decay=decay, first_lr=settings.lr), 1.0
    gaps = []
    for lr_factor, decay_factor in GROUP_FACTORS:
        root = closed_forms.momentum_root(settings.lr * lr_factor * decay * decay_factor, settings.momentum)
        gaps.append(root - settings.momentum / root)  # the product of the two roots is m
    return closed_forms.momentum_root(lr * decay, settings.momentum), 2 / min(gaps)


def _slope(paths: list[Tensor], law: list[Tensor], *, shrink: float) -> Measurement:
    """Return the slope of log |step| against log |w| in the first group: 1 for a pull in proportion to w, 0 if constant."""
    # The error of log |step| is eps / shrink. The error of the slope is at most that over the
    # spread of log |w|, which exceeds 4. Under coupled Adam eps bends the line by
    # ADAM_EPS / |l w|; the slope of the law has the same bend.
    value, closed = _fit(paths[0]), _fit(law[0])
    return Measurement(value, "1", expected=closed, tolerance=max(8 * EPS / abs(shrink), 1e5 * EPS), effect=1.0)


def _fit(path: Tensor) -> float:
    size, step = path[0].abs(), (path[1] - path[0]).abs()
    if not step.all():
        return 0.0  # log |step| does not exist for a weight that does not move
    x, y = size.log() - size.log().mean(), step.log() - step.log().mean()
    return float((x * y).sum() / (x * x).sum())


def _factor(paths: list[Tensor], step: int) -> float:
    return float(paths[0][step, 0, SHOWN] / paths[0][step - 1, 0, SHOWN])


def _ratio(shrink: float, reference: float) -> float:
    """Return the ratio of two shrinks, or 0 if the reference is 0: a forgotten decay then still gives a number."""
    return shrink / reference if reference else 0.0


def _shrink(paths: list[Tensor]) -> float:
    return 1 - _factor(paths, 1)
