"""What does an optimizer do to a weight whose gradient is exactly zero? The fingerprint of its decay.

Closed forms, h_t the learning rate at step t, l the decay: the laws of `decay_law` without increments, so decoupled
w_T = prod(1 - h_t l) w_0; under momentum the factor of a step tends to the root of x^2 - (1 + m - h l) x + m;
coupled_adam: the first step is -h l w / (|l w| + eps), so |step| = h whatever l and w are (Adam divides l w by its own
size); later steps have no closed form and are reported only. Shrink = 1 - (factor of one step). Its response to a
doubled lr and to a halved schedule tells the conventions apart: h_t l (2, 1/2), l s_t (1, 1/2), l (1, 1), h_t^2 l (4, 1/4).
Source: Loshchilov and Hutter 2019, Algorithms 1 and 2; the PyTorch documentation of AdamW.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws import closed_forms
from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.inputs import GROUPS, halved_midway, no_gradient
from harness.probes.rule import ZeroGradientSettings
from harness.subject.loading import Factory
from harness.subject.stepping import GroupInput, run_groups, set_group_lr, step_once

SIZES = (1.3e-3, 1.7e-2, 0.21, 1.9, 23.0, 370.0)  # no round lambda makes any of them |lambda w| = 1
SHOWN = 3  # the column whose factor is reported
ADAM_EPS = 1e-8


def run(make: Factory, settings: ZeroGradientSettings) -> dict[str, Measurement]:
    """Return the factors, the worst departure from the law, and what a step's shrink responds to."""
    lrs, decay = halved_midway(settings.lr, settings.steps), settings.weight_decay
    run, law = _observe(make, lrs, decay=decay), _expect(settings, lrs, decay=decay)
    doubled = [2 * settings.lr]
    shrink, wanted = _shrink(run), _shrink(law)
    readings = _factors(run, law, settings=settings)
    readings["magnitude_slope"] = _slope(run, law, shrink=wanted)
    # A ratio of two shrinks, each with 2 eps of rounding in a number of its own size: 4 of these. The rivals are 1 apart.
    tolerance = 8 * EPS / abs(wanted)
    for name, lr, scale in (("lr_response", doubled, 1.0), ("decay_response", lrs[:1], 2.0)):
        value = _ratio(_shrink(_observe(make, lr, decay=scale * decay)), shrink)
        closed = _shrink(_expect(settings, lr, decay=scale * decay)) / wanted
        readings[name] = Measurement(value, "ratio", expected=closed, tolerance=tolerance, effect=1.0)
    return readings | _settings_changed(make, settings, shrink=wanted)


def _settings_changed(make: Factory, settings: ZeroGradientSettings, *, shrink: float) -> dict[str, Measurement]:
    """Read three steps of two groups: as built, after `weight_decay` is doubled in the group, at a learning rate of zero."""
    weights = [torch.nn.Parameter(_start()) for _ in range(2)]
    decays = (settings.weight_decay, 0.0)
    groups = [{"params": [one], "weight_decay": decay} for one, decay in zip(weights, decays, strict=True)]
    optimizer = make(groups, lr=settings.lr, weight_decay=settings.weight_decay)
    path = []
    for step, (lr, scale) in enumerate(((settings.lr, 1.0), (settings.lr, 2.0), (0.0, 2.0))):
        for group, decay in zip(optimizer.param_groups, decays, strict=True):
            set_group_lr(group, lr)
            group["weight_decay"] = scale * decay
        step_once(optimizer, step, weights, [torch.zeros_like(weight) for weight in weights])
        path.append([float(weight.detach()[0, SHOWN]) for weight in weights])
    changed = None
    if settings.law in ("decoupled", "independent", "unscaled", "proximal"):
        changed = closed_forms.keep(settings.law, settings.lr, weight_decay=2 * settings.weight_decay, first_lr=settings.lr)
    return {
        "factor_after_change": Measurement(
            path[1][0] / path[0][0], "factor a step", expected=changed, tolerance=4 * EPS, effect=shrink
        ),
        "factor_at_zero_lr": Measurement(
            path[2][0] / path[1][0], "factor a step", expected=1.0, tolerance=4 * EPS, effect=shrink
        ),
        "exempt_factor": Measurement(
            path[2][1] / float(_start()[0, SHOWN]), "fraction of w", expected=1.0, tolerance=4 * EPS, effect=shrink
        ),
    }


def _observe(make: Factory, lrs: list[float], *, decay: float) -> list[Tensor]:
    groups = [GroupInput(_start(), no_gradient, *factors) for factors in GROUPS]
    return run_groups(make, groups, lrs=lrs, weight_decay=decay)


def _start() -> Tensor:
    sizes = torch.tensor(SIZES, dtype=torch.float64)
    return torch.stack([sizes, -sizes])


def _expect(settings: ZeroGradientSettings, lrs: list[float], *, decay: float) -> list[Tensor]:
    """The law's paths, one a group; of coupled_adam the first step only."""
    paths: list[Tensor] = []
    for lr_factor, decay_factor in GROUPS:
        rates, own = [lr * lr_factor for lr in lrs], decay * decay_factor
        if settings.law == "coupled_adam":
            pull = own * _start()
            paths.append(torch.stack([_start(), _start() - rates[0] * pull / (pull.abs() + ADAM_EPS)]))
        else:
            left = closed_forms.survival(settings.law, rates, weight_decay=own, momentum=settings.momentum)
            paths.append(left[:, None, None] * _start())
    return paths


def _factors(run: list[Tensor], law: list[Tensor], *, settings: ZeroGradientSettings) -> dict[str, Measurement]:
    first, last = _factor(run, 1), _factor(run, settings.steps)
    single = 4 * EPS  # 1 - h l: two roundings, its product with w: one, the division by w: one
    effect = 1 - _factor(law, 1)
    readings = {
        "first_factor": Measurement(first, "factor a step", expected=_factor(law, 1), tolerance=single, effect=effect),
        "last_factor": Measurement(last, "factor a step"),
        "schedule_response": Measurement(_ratio(1 - last, 1 - first), "ratio"),
    }
    worst = max(float(((own[: len(due)] - due) / due).abs().max()) for own, due in zip(run, law, strict=True))
    if settings.law == "coupled_adam":
        # w - h: cancels where w is near h, and the smallest |w - h| / (|w| + h) of SIZES is 0.01 at lr 0.02 .. 0.04
        return readings | {"worst_error": Measurement(worst, "fraction of w", expected=0.0, tolerance=1e3 * EPS, effect=effect)}
    closed, spread = _last_factor(settings)
    # 3 roundings a step on either side, each multiplied by at most `spread` on its way (1 without momentum).
    tolerance = 6 * EPS * settings.steps * spread
    response = (1 - closed) / effect
    return readings | {
        "last_factor": Measurement(last, "factor a step", expected=closed, tolerance=single * spread, effect=1 - closed),
        "schedule_response": Measurement(
            _ratio(1 - last, 1 - first), "ratio", expected=response, tolerance=8 * EPS * spread / (1 - closed), effect=0.25
        ),
        "worst_error": Measurement(worst, "fraction of w", expected=0.0, tolerance=tolerance, effect=effect),
    }


def _last_factor(settings: ZeroGradientSettings) -> tuple[float, float]:
    """The closed form of the last step's factor, and how far momentum spreads a rounding error of w."""
    lr, decay = settings.lr / 2, settings.weight_decay
    if settings.law != "coupled_momentum":
        assert settings.law != "coupled_adam"
        return closed_forms.keep(settings.law, lr, weight_decay=decay, first_lr=settings.lr), 1.0
    gaps = []
    for lr_factor, decay_factor in GROUPS:
        root = closed_forms.momentum_root(settings.lr * lr_factor * decay * decay_factor, settings.momentum)
        gaps.append(root - settings.momentum / root)  # the two roots multiply to m
    return closed_forms.momentum_root(lr * decay, settings.momentum), 2 / min(gaps)


def _slope(run: list[Tensor], law: list[Tensor], *, shrink: float) -> Measurement:
    """Slope of log |step| against log |w| over the first group: 1 for a pull in proportion to w, 0 for a constant pull."""
    # log |step| errs by eps / shrink, a slope by no more than that over the spread of log |w|, which exceeds 4.
    # Under coupled Adam eps bends the line by ADAM_EPS / |l w|; the law's own slope has the same bend.
    value, closed = _fit(run[0]), _fit(law[0])
    return Measurement(value, "1", expected=closed, tolerance=max(8 * EPS / abs(shrink), 1e5 * EPS), effect=1.0)


def _fit(path: Tensor) -> float:
    size, step = path[0].abs(), (path[1] - path[0]).abs()
    if not step.all():
        return 0.0  # what does not move at all has no pull in proportion to anything
    x, y = size.log() - size.log().mean(), step.log() - step.log().mean()
    return float((x * y).sum() / (x * x).sum())


def _factor(paths: list[Tensor], step: int) -> float:
    return float(paths[0][step, 0, SHOWN] / paths[0][step - 1, 0, SHOWN])


def _ratio(shrink: float, reference: float) -> float:
    """0 where nothing shrinks at all, so that a forgotten decay reads as a number."""
    return shrink / reference if reference else 0.0


def _shrink(paths: list[Tensor]) -> float:
    return 1 - _factor(paths, 1)
