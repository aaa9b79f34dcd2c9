"""Where does a gradient that never changes drive a weight? To a bound that decay alone sets, or that the gradient sets.

Closed form, exact at every step T of a constant lr h: w_T = (1 - h l)^T (w_0 + s / l) - s / l with s the normalised
gradient: s = g / (|g| + eps) for AdamW (bias correction makes both moments exact), s = g for SGD, s = sign(g) for sign
descent. A second learning rate restarts the formula. The limit -s / l is 1 / l in size for AdamW whatever g is.
Source: Loshchilov and Hutter 2019, Algorithm 2; Xie and Li 2024 (the box 1 / l); Chen et al. 2024 for the sign.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.inputs import GROUPS, halved_midway
from harness.probes.rule import ConstantGradientSettings
from harness.subject.loading import Factory
from harness.subject.stepping import GroupInput, run_groups

GRADIENTS = (-30.0, -1.0, -0.003, 0.0, 0.003, 1.0, 100.0)
STARTS = (-3.1, -0.3, 0.3, 1.9)
WEAK = (2, 2)  # row and column of w_0 = 0.3 under g = -0.003: pushed outward by less than its decay pulls


def run(make: Factory, settings: ConstantGradientSettings) -> dict[str, Measurement]:
    """Return the worst departure from the closed form at any step, the bound reached and what it depends on."""
    lrs = halved_midway(settings.lr, settings.steps)
    start, gradient = _grid()
    groups = [GroupInput(start, lambda step, weight: gradient, *factors) for factors in GROUPS]
    paths = run_groups(make, groups, lrs=lrs, weight_decay=settings.weight_decay)
    due = [_closed(settings, lr_factor=factors[0], decay_factor=factors[1]) for factors in GROUPS]
    bare = [_undecayed(settings, lrs, lr_factor=lr_factor) for lr_factor, _ in GROUPS]
    worst = max(_relative(own, closed).max().item() for own, closed in zip(paths, due, strict=True))
    effect = min(_relative(path, closed).min().item() for path, closed in zip(bare, due, strict=True))
    relative = _rounding(settings)
    return {
        "worst_error": Measurement(worst, "fraction of max |w|", expected=0.0, tolerance=relative, effect=effect),
        **_limits(paths[0], due[0], decay=settings.weight_decay, relative=relative),
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
    """The path [steps + 1, rows, columns]: the formula once for each of the two learning rates."""
    limit = -_normalised(settings) / (settings.weight_decay * decay_factor)
    half, start = settings.steps // 2, _grid()[0]
    pieces: list[Tensor] = []
    for lr, count in ((settings.lr, half), (settings.lr / 2, settings.steps - half)):
        left = 1 - lr * lr_factor * settings.weight_decay * decay_factor
        powers = left ** torch.arange(count + 1, dtype=torch.float64)[:, None, None]
        pieces.append(powers * (start - limit) + limit)
        start = pieces[-1][-1]
    return torch.cat([pieces[0], pieces[1][1:]])


def _undecayed(settings: ConstantGradientSettings, lrs: list[float], *, lr_factor: float) -> Tensor:
    distance = torch.tensor([0.0, *lrs], dtype=torch.float64).cumsum(0) * lr_factor
    return _grid()[0] - distance[:, None, None] * _normalised(settings)


def _relative(path: Tensor, closed: Tensor) -> Tensor:
    """Worst distance of each coordinate, over the largest |w| that it reaches."""
    return (path - closed).abs().amax(0) / closed.abs().amax(0)


def _rounding(settings: ConstantGradientSettings) -> float:
    """Relative rounding: 6 roundings a step of the path; under AdamW also those of the two moments.

    A moving average with coefficient b errs by 2 eps / (1 - b): 20 eps for 0.9 and 2000 eps for 0.999, which the square
    root halves; each bias correction 1 - b^t errs by eps / (1 - b), again halved for the second: 1530 eps together.
    """
    return EPS * (6 * settings.steps + (1530 if settings.law == "adamw" else 0))


def _limits(path: Tensor, due: Tensor, *, decay: float, relative: float) -> dict[str, Measurement]:
    pairs = (_slope(path[-1]), _slope(due[-1])), (_reach(path, decay), _reach(due, decay)), (_growth(path), _growth(due))
    (slope, slope_due), (reach, reach_due), (growth, growth_due) = pairs
    return {
        "limit_slope": Measurement(slope, "1", expected=slope_due, tolerance=4 * relative, effect=1.0),
        "limit_times_decay": Measurement(reach, "1", expected=reach_due, tolerance=2 * relative * reach_due, effect=reach_due),
        "weak_gradient_growth": Measurement(
            growth, "ratio", expected=growth_due, tolerance=2 * relative * max(growth_due, 1.0), effect=abs(growth_due - 1)
        ),
    }


def _slope(end: Tensor) -> float:
    """Slope of log |w_T| against log |g| over the gradients that are not zero."""
    _, gradient = _grid()
    moving = gradient != 0
    x, y = gradient[moving].abs().log(), end[moving].abs().log()
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / (x * x).sum())


def _reach(path: Tensor, decay: float) -> float:
    return float(path[-1].abs().max()) * decay


def _growth(path: Tensor) -> float:
    return float(path[(-1, *WEAK)].abs() / path[(0, *WEAK)].abs())
