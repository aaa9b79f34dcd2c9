"""Probe of the point of rest on a quadratic, and of the ridge penalty, if any, that has its minimum there.

The loss is a/2 (w - w*)^2 on four axes; ridge(alpha) = a w* / (a + alpha) minimises loss + alpha/2 w^2. Closed forms with
the learning rate h, the decay l and the momentum m:
coupled            alpha = l                    torch SGD, with momentum too, and Adam: L2 in the gradient
decoupled          alpha = l (1 - m)            decay h l outside the buffer
independent        alpha = l (1 - m) / h        decay l, whatever h (Loshchilov and Hutter 2019, Proposition 1)
independent_after  alpha = l / ((1 - l) h)      the same, applied to the updated weight
proximal           alpha = l                    (w - h g) / (1 + h l)
box                w = clip(w*, -1/l, 1/l)      AdamW without noise as eps -> 0 (Xie and Li 2024)
independent_box    w = clip(w*, -h/l, h/l)      AdamW whose decay is l at the initial learning rate h
finite_eps         a (w* - w) = eps l w / (1 - l w)   AdamW at rest, from g / (|g| + eps) = -l w
unbiased           w = w*                       decay only where the update agrees (Chen et al. 2025)
A box ends where |l w| = 1, so this is the only probe that reaches |l w| = 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.rule import FixedPointSettings, Ridge
from harness.subject.loading import Factory
from harness.subject.stepping import GroupInput, run_groups

CURVATURES = (0.1, 1.0, 5.0, 1.0)  # a
MINIMA = (3.0, 3.0, 3.0, 0.4)  # w*
FLAT, STEEP, SMALL = 0, 2, 3
START = 0.1
LINEAR: tuple[Ridge, ...] = ("coupled", "decoupled", "independent", "independent_after", "proximal")


def run(make: Factory, settings: FixedPointSettings) -> dict[str, Measurement]:
    """Return the point of rest and the ridge penalty alpha = a (w* - w) / w that has its minimum there."""
    path = _run(make, settings)
    rest, closed = path[-1], closed_form(settings)
    tolerance, effect = _remainder(settings, closed), _nearest_rival(settings, closed)
    alphas, closed_alphas = _alphas(rest), _alphas(closed)
    # alpha = a (w* - w) / w, so the error of alpha is the error of w times a w* / w^2.
    steepness = float((_row(CURVATURES) * _row(MINIMA) / closed.square()).max())
    alpha_tolerance = steepness * tolerance
    measurements = {
        "alpha": Measurement(
            float(alphas.mean()),
            "penalty",
            expected=float(closed_alphas.mean()),
            tolerance=alpha_tolerance,
            effect=float(closed_alphas.mean()),
        ),
        "alpha_spread": Measurement(
            float(alphas.max() - alphas.min()),
            "penalty",
            expected=float(closed_alphas.max() - closed_alphas.min()),
            tolerance=2 * alpha_tolerance,
            effect=float(closed_alphas.mean()),
        ),
        "worst_error": Measurement(
            float((rest - closed).abs().max()), "weight", expected=0.0, tolerance=tolerance, effect=effect
        ),
        "last_move": Measurement(float((path[-1] - path[-2]).abs().max()), "weight", tolerance=tolerance, information=True),
    }
    return measurements | _weights(rest, closed, tolerance=tolerance)


def _weights(rest: Tensor, closed: Tensor, *, tolerance: float) -> dict[str, Measurement]:
    return {
        name: Measurement(
            float(rest[0, axis]),
            "weight",
            expected=float(closed[0, axis]),
            tolerance=tolerance,
            effect=abs(float(closed[0, axis]) - MINIMA[axis]),  # the distance by which decay moves this weight
        )
        for name, axis in (("weight_flat", FLAT), ("weight_steep", STEEP), ("weight_small", SMALL))
    }


def _run(make: Factory, settings: FixedPointSettings) -> Tensor:
    curvature, minimum = _row(CURVATURES), _row(MINIMA)
    steps = settings.steps
    falling = [settings.lr * (steps - step) / steps for step in range(steps)]
    lrs = falling if settings.schedule == "linear_to_zero" else [settings.lr] * steps
    group = GroupInput(torch.full_like(minimum, START), lambda step, weight: curvature * (weight - minimum))
    return run_groups(make, [group], lrs=lrs, weight_decay=settings.weight_decay)[0]


def closed_form(settings: FixedPointSettings) -> Tensor:
    """Return the point of rest that the law predicts, [1, 4]."""
    curvature, minimum, decay = _row(CURVATURES), _row(MINIMA), settings.weight_decay
    alpha = _alpha(settings)
    if alpha is not None:
        return curvature * minimum / (curvature + alpha)
    if settings.law == "unbiased":
        return minimum
    if settings.law == "finite_eps":
        middle = curvature * (1 + decay * minimum) + settings.eps * decay
        return (middle - (middle.square() - 4 * curvature.square() * decay * minimum).sqrt()) / (2 * curvature * decay)
    half_width = settings.lr / decay if settings.law == "independent_box" else 1 / decay
    return minimum.clamp(-half_width, half_width)


def _alpha(settings: FixedPointSettings) -> float | None:
    """Return the ridge penalty of a linear law, or None for another law."""
    decay, lr, momentum = settings.weight_decay, settings.lr, settings.momentum
    table = {
        "coupled": decay,
        "proximal": decay,
        "decoupled": decay * (1 - momentum),
        "independent": decay * (1 - momentum) / lr,
        "independent_after": decay / ((1 - decay) * lr),
    }
    return table.get(settings.law)


def _remainder(settings: FixedPointSettings, closed: Tensor) -> float:
    """Return the largest distance of a linear subject from its point of rest after all steps, plus rounding.

    Each step multiplies the error by the spectral radius r of the step's 2 x 2 matrix of (w, buffer). After T steps the
    error is at most T r^T times the initial error, because two equal roots give T r^(T-1). At rest the rounding of a step,
    4 eps |w|, sums to 4 eps |w| / (1 - r). An adaptive subject does not reach the point of rest exactly. The result for it is the
    rounding of the steps alone, so a claim about it must state a distance.
    """
    rounding = 4 * EPS * float(closed.abs().max())
    if settings.law not in LINEAR or settings.schedule == "linear_to_zero":
        return rounding * settings.steps
    radius = max(_radius(settings, curvature) for curvature in CURVATURES)
    start = float((closed - START).abs().max())
    return settings.steps * radius**settings.steps * start + rounding / (1 - radius)


def _radius(settings: FixedPointSettings, curvature: float) -> float:
    """Return the spectral radius of one step: b <- m b + pull w, w <- after (before w - h b)."""
    lr, decay, momentum = settings.lr, settings.weight_decay, settings.momentum
    pull, before, after = curvature, 1.0, 1.0
    if settings.law == "coupled":
        pull = curvature + decay
    elif settings.law == "decoupled":
        before = 1 - lr * decay
    elif settings.law == "independent":
        before = 1 - decay
    else:
        after = 1 - decay if settings.law == "independent_after" else 1 / (1 + lr * decay)
    step = torch.tensor([[after * (before - lr * pull), -after * lr * momentum], [pull, momentum]], dtype=torch.float64)
    return float(torch.linalg.eigvals(step).abs().max())


def _nearest_rival(settings: FixedPointSettings, closed: Tensor) -> float:
    """Return the smallest distance, at the axis where it is largest, to the point of rest of another ridge law."""
    distances: list[float] = []
    for law in LINEAR:
        rival = closed_form(FixedPointSettings(settings.lr, settings.weight_decay, law, momentum=settings.momentum))
        distances.append(float((rival - closed).abs().max()))
    return min(distance for distance in distances if distance > 1e-9)


def _alphas(weights: Tensor) -> Tensor:
    return _row(CURVATURES) * (_row(MINIMA) - weights) / weights


def _row(values: tuple[float, ...]) -> Tensor:
    return torch.tensor([values], dtype=torch.float64)
