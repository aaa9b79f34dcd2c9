"""Probe of a constant gradient: the path of a weight to a bound, which decay alone or also the gradient sets.

Closed form, exact at every step T of a constant learning rate h with decay l:

    w_T = (1 - h l)^T (w_0 + s / l) - s / l

s is the normalised gradient: g / (|g| + eps) for AdamW (bias correction makes both moments exact), g for SGD, sign(g) for
sign descent. After a change of the learning rate the formula starts again from the weight reached. For AdamW the limit
-s / l has the size 1 / l for every g other than 0.
Source: Loshchilov and Hutter 2019, Algorithm 2; Xie and Li 2024 (the box 1 / l); Chen et al. 2024 for the sign.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.inputs import GROUP_FACTORS, halved_midway
from harness.probes.rule import ConstantGradientSettings
from harness.subject.loading import Factory
from harness.subject.stepping import GroupInput, run_groups

GRADIENTS = (-30.0, -1.0, -0.003, 0.0, 0.003, 1.0, 100.0)
STARTS = (-3.1, -0.3, 0.3, 1.9)
WEAK = (2, 2)  # row and column of w_0 = 0.3, g = -0.003: the gradient pushes outward, more weakly than decay pulls


def run(make: Factory, settings: ConstantGradientSettings) -> dict[str, Measurement]:
    """Return the largest distance from the closed form, the bound that the weights reach, and its dependence on the gradient."""
    lrs = halved_midway(settings.lr, settings.steps)
    start, gradient = _grid()
    groups = [GroupInput(start, lambda step, weight: gradient, *factors) for factors in GROUP_FACTORS]
    paths = run_groups(make, groups, lrs=lrs, weight_decay=settings.weight_decay)
    predicted = [_closed(settings, lr_factor=factors[0], decay_factor=factors[1]) for factors in GROUP_FACTORS]
    undecayed = [_undecayed(settings, lrs, lr_factor=lr_factor) for lr_factor, _ in GROUP_FACTORS]
    worst = max(_relative(path, closed).max().item() for path, closed in zip(paths, predicted, strict=True))
    effect = min(_relative(path, closed).min().item() for path, closed in zip(undecayed, predicted, strict=True))
    relative = _rounding(settings)
    return {
        "worst_error": Measurement(worst, "fraction of max |w|", expected=0.0, tolerance=relative, effect=effect),
        **_limits(paths[0], predicted[0], decay=settings.weight_decay, relative=relative),
    }


def _grid() -> tuple[Tensor, Tensor]:
    starts, gradients = torch.tensor(STARTS, dtype=torch.float64), torch.tensor(GRADIENTS, dtype=torch.float64)
    return starts[:, None].repeat(1, len(GRADIENTS)), gradients[None, :].repeat(len(STARTS), 1)


def _normalised(settings: ConstantGradientSettings) -> Tensor:
    _, gradient = _grid()
    if settings.law == "adamw":
        return gradient / (gradient.abs() + settings.eps)
    return gradient if settings.law == "sgd" else gradient.sign()


def _closed(settings: ConstantGradientSettings, *, lr_factor: float, decay_factor: float) -> Tensor:
    """Return the predicted path [steps + 1, rows, columns]: the formula once for each of the two learning rates."""
    limit = -_normalised(settings) / (settings.weight_decay * decay_factor)
    half, start = settings.steps // 2, _grid()[0]
    pieces: list[Tensor] = []
    for lr, count in ((settings.lr, half), (settings.lr / 2, settings.steps - half)):
        factor = 1 - lr * lr_factor * settings.weight_decay * decay_factor
        powers = factor ** torch.arange(count + 1, dtype=torch.float64)[:, None, None]
        pieces.append(powers * (start - limit) + limit)
        start = pieces[-1][-1]
    return torch.cat([pieces[0], pieces[1][1:]])


def _undecayed(settings: ConstantGradientSettings, lrs: list[float], *, lr_factor: float) -> Tensor:
    distance = torch.tensor([0.0, *lrs], dtype=torch.float64).cumsum(0) * lr_factor
    return _grid()[0] - distance[:, None, None] * _normalised(settings)


def _relative(path: Tensor, closed: Tensor) -> Tensor:
    """Return the largest distance of each coordinate from the closed form, over the largest |w| that the closed form reaches."""
    return (path - closed).abs().amax(0) / closed.abs().amax(0)


def _rounding(settings: ConstantGradientSettings) -> float:
    """Return the relative rounding error: 6 roundings of the path a step, and under AdamW those of the two moments.

    A moving average with coefficient b has an error of 2 eps / (1 - b): 20 eps for 0.9, and 2000 eps for 0.999, which the
    square root halves. Each bias correction 1 - b^t has an error of eps / (1 - b), and the square root halves the second
    one again. The sum is 1530 eps.
    """
    return EPS * (6 * settings.steps + (1530 if settings.law == "adamw" else 0))


def _limits(path: Tensor, closed: Tensor, *, decay: float, relative: float) -> dict[str, Measurement]:
    slope, closed_slope = _slope(path[-1]), _slope(closed[-1])
    reach, closed_reach = _reach(path, decay), _reach(closed, decay)
    growth, closed_growth = _growth(path), _growth(closed)
    return {
        "limit_slope": Measurement(slope, "1", expected=closed_slope, tolerance=4 * relative, effect=1.0),
        "limit_times_decay": Measurement(
            reach, "1", expected=closed_reach, tolerance=2 * relative * closed_reach, effect=closed_reach
        ),
        "weak_gradient_growth": Measurement(
            growth,
            "ratio",
            expected=closed_growth,
            tolerance=2 * relative * max(closed_growth, 1.0),
            effect=abs(closed_growth - 1),
        ),
    }


def _slope(end: Tensor) -> float:
    """Return the slope of log |w_T| against log |g| over the gradients that are not zero."""
    _, gradient = _grid()
    moving = gradient != 0
    x, y = gradient[moving].abs().log(), end[moving].abs().log()
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / (x * x).sum())


def _reach(path: Tensor, decay: float) -> float:
    return float(path[-1].abs().max()) * decay


def _growth(path: Tensor) -> float:
    return float(path[(-1, *WEAK)].abs() / path[(0, *WEAK)].abs())
