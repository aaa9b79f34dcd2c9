"""Probe parameter_groups: the decay of each parameter group, beside other groups and after joining late.

A parameter's path depends only on its own gradients and its group's options. A run of several groups is therefore
compared with:

- runs of each parameter alone;
- a run whose groups are in reverse order;
- runs in which some groups are empty and options are set by the index of a group;
- a fresh optimizer, for groups that join later.

One behaviour is torch's own: the constructor writes its defaults into the dicts that the caller gave. The next optimizer
that is built from these dicts uses them.
Source: the PyTorch documentation of torch.optim, per-parameter options.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from harness.decay_laws.tolerances import EPS, distance, factor_measurement, rounding_measurement
from harness.measurement import Measured, Measurement
from harness.probes.handling import ParameterGroupsSettings
from harness.probes.inputs import matrices, noise_gradients, parameters, zero_gradients
from harness.probes.probe import collect
from harness.subject.loading import Factory
from harness.subject.stepping import run_steps

# (lr, weight decay) of the groups, as multiples. Groups follow the exempt one, so that a loop that
# ends there is noticed.
SHARES = ((1.0, 1.0), (0.5, 0.0), (1.0, 2.5), (0.75, 0.5))
EXEMPT = 1
FILLED = (EXEMPT, 3)  # in the run with empty groups, these have a parameter
JOINED = ("joined_error", "joined_default_error")
REUSED = ("reused_factor", "defaults_written")
BARELY = 1e-16  # too small to change a bit of a float64 weight, but not the special case of no decay


def run(make: Factory, settings: ParameterGroupsSettings) -> Measured:
    """Return the distance of grouped parameters from the same parameters alone, in another order, or in a late group."""
    starts = matrices(len(SHARES), seed=settings.seed)
    rows = noise_gradients(settings.steps, len(SHARES), seed=settings.seed)
    order = list(range(len(SHARES)))
    together = _grouped(make, settings, starts, rows, order=order)
    decay = settings.lr * settings.weight_decay

    def alone() -> Measurement:
        paths = [_alone(make, settings, starts[index], rows, index=index) for index in order]
        return rounding_measurement(distance(together, paths), steps=settings.steps, effect=decay / 2)

    def backward() -> Measurement:
        paths = _grouped(make, settings, starts, rows, order=order[::-1])
        return rounding_measurement(distance(paths, together), steps=settings.steps, effect=decay / 2)

    def exempt() -> Measurement:
        path = _alone(make, settings, starts[EXEMPT], rows, index=EXEMPT, least_decay=BARELY)
        return rounding_measurement(distance([together[EXEMPT]], [path]), steps=settings.steps, effect=settings.lr)

    return collect(
        {
            "alone_error": alone,
            "order_error": backward,
            "exempt_error": exempt,
            "place_error": lambda: _place_error(make, settings, starts, rows),
            JOINED: lambda: _joined(make, settings),
            REUSED: lambda: _reused_dicts(make, settings),
        }
    )


def _grouped(
    make: Factory,
    settings: ParameterGroupsSettings,
    starts: Sequence[Tensor],
    rows: Sequence[Sequence[Tensor]],
    *,
    order: Sequence[int],
) -> list[Tensor]:
    """Return the last weights, in the order of `starts`, of a run whose groups are in `order`."""
    weights = parameters(starts)
    groups = [
        {
            "params": [weights[index]],
            "lr": settings.lr * SHARES[index][0],
            "weight_decay": settings.weight_decay * SHARES[index][1],
        }
        for index in order
    ]
    return run_steps(make(groups, lr=settings.lr, weight_decay=settings.weight_decay), weights, rows)


def _alone(
    make: Factory,
    settings: ParameterGroupsSettings,
    start: Tensor,
    rows: Sequence[Sequence[Tensor]],
    *,
    index: int,
    least_decay: float = 0.0,
) -> Tensor:
    (weight,) = parameters([start])
    lr, decay = (share * whole for share, whole in zip(SHARES[index], (settings.lr, settings.weight_decay), strict=True))
    optimizer = make([weight], lr=lr, weight_decay=max(decay, least_decay))
    return run_steps(optimizer, [weight], [[row[index]] for row in rows])[0]


def _place_error(
    make: Factory, settings: ParameterGroupsSettings, starts: Sequence[Tensor], rows: Sequence[Sequence[Tensor]]
) -> Measurement:
    """Set every group's options by its index, as a scheduler's list does, with empty groups before and between the others."""
    weights = parameters(starts[index] for index in FILLED)
    groups: list[dict[str, Any]] = [{"params": []} for _ in SHARES]
    for index, weight in zip(FILLED, weights, strict=True):
        groups[index]["params"] = [weight]
    ends = _run_with_options(make, settings, groups, SHARES, weights, [[row[index] for index in FILLED] for row in rows])
    alone = []
    for index in FILLED:
        single = parameters([starts[index]])
        alone += _run_with_options(make, settings, [{"params": single}], [SHARES[index]], single, [[row[index]] for row in rows])
    return rounding_measurement(distance(ends, alone), steps=settings.steps, effect=settings.lr * settings.weight_decay / 2)


def _run_with_options(
    make: Factory,
    settings: ParameterGroupsSettings,
    groups: list[dict[str, Any]],
    shares: Sequence[tuple[float, float]],
    weights: Sequence[Tensor],
    rows: Sequence[Sequence[Tensor]],
) -> list[Tensor]:
    """Return the last weights of a run whose options are set after construction, also when a parameter is alone."""
    optimizer = make(groups, lr=settings.lr, weight_decay=settings.weight_decay)
    # Not strict: an optimizer that drops an empty group has fewer groups, and the options then go
    # to the wrong ones.
    for group, (lr, decay) in zip(optimizer.param_groups, shares, strict=False):
        group["lr"], group["weight_decay"] = settings.lr * lr, settings.weight_decay * decay
    return run_steps(optimizer, weights, rows)


def _joined(make: Factory, settings: ParameterGroupsSettings) -> dict[str, Measurement]:
    """Add a group with its own weight decay and one without, and compare with fresh optimizers on the same gradients."""
    starts, half = matrices(3, seed=settings.seed + 1), settings.steps // 2
    rows = noise_gradients(settings.steps, 3, seed=settings.seed + 1)
    weights, group_decay = parameters(starts), 2.5 * settings.weight_decay
    optimizer = make(weights[:1], lr=settings.lr, weight_decay=settings.weight_decay)
    run_steps(optimizer, weights[:1], [row[:1] for row in rows[:half]])
    optimizer.add_param_group({"params": [weights[1]], "weight_decay": group_decay})
    optimizer.add_param_group({"params": [weights[2]]})
    ends = run_steps(optimizer, weights, rows[half:], first=half)
    fresh = []
    for index, decay in ((1, group_decay), (2, settings.weight_decay)):
        (weight,) = parameters([starts[index]])
        late = [[row[index]] for row in rows[half:]]
        fresh += run_steps(make([weight], lr=settings.lr, weight_decay=decay), [weight], late, first=half)
    effect = settings.lr * settings.weight_decay
    return {
        "joined_error": rounding_measurement(distance(ends[1:2], fresh[:1]), steps=settings.steps, effect=effect),
        "joined_default_error": rounding_measurement(distance(ends[2:], fresh[1:]), steps=settings.steps, effect=effect),
    }


def _reused_dicts(make: Factory, settings: ParameterGroupsSettings) -> dict[str, Measurement]:
    """Build two optimizers from one list of groups: torch writes the first weight decay into it, and the second uses it."""
    weights, second_decay = parameters(matrices(1, seed=settings.seed + 2)), 2.5 * settings.weight_decay
    groups = [{"params": weights}]
    make(groups, lr=settings.lr, weight_decay=settings.weight_decay)
    written = float("weight_decay" in groups[0])
    before = float(weights[0].detach()[0, 0])
    run_steps(make(groups, lr=settings.lr, weight_decay=second_decay), weights, zero_gradients(1, weights))
    expected = 1 - settings.lr * settings.weight_decay
    return {
        "reused_factor": factor_measurement(
            float(weights[0].detach()[0, 0]) / before, expected, effect=settings.lr * (second_decay - settings.weight_decay)
        ),
        "defaults_written": Measurement(written, "1: yes", expected=1.0, tolerance=EPS, effect=1.0),
    }
