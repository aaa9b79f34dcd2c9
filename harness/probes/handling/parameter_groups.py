"""Does each parameter get the decay of its own group, whoever else is in the optimizer and whenever it joined?

A parameter's path depends on its own gradients, its group's options and nothing else. So a run of several groups is compared
with runs of each parameter alone, one whose groups stand in another order, one whose options are set by the place of a group
among empty ones, and a fresh optimizer for what joins later. Two things are of torch alone: the constructor writes its
defaults into the dicts that it was given, which decides what the next optimizer built from them does.
Source: the PyTorch documentation of torch.optim, per-parameter options.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from harness.decay_laws.tolerances import EPS, distance, factor_measurement, rounding_measurement
from harness.measurement import Measurement
from harness.probes.handling import ParameterGroupsSettings
from harness.probes.inputs import matrices, noise, parameters, zero_gradients
from harness.subject.loading import Factory
from harness.subject.stepping import run_steps

SHARES = ((1.0, 1.0), (0.5, 0.0), (1.0, 2.5), (0.75, 0.5))  # (lr, weight decay) of the groups; one after an exempt one
EXEMPT = 1
FILLED = (EXEMPT, 3)  # the groups that have a parameter where the others are empty
BARELY = 1e-16  # too little to change a bit of a float64 weight, and not the branch of none


def run(make: Factory, settings: ParameterGroupsSettings) -> dict[str, Measurement]:
    """Return how far grouped parameters are from the same ones alone, reordered, or joined late."""
    starts = matrices(len(SHARES), seed=settings.seed)
    rows = noise(settings.steps, len(SHARES), seed=settings.seed)
    order = list(range(len(SHARES)))
    together = _grouped(make, settings, starts, rows, order=order)
    alone = [_alone(make, settings, starts[index], rows, index=index) for index in order]
    backward = _grouped(make, settings, starts, rows, order=order[::-1])
    exempt = _alone(make, settings, starts[EXEMPT], rows, index=EXEMPT, least=BARELY)
    decay = settings.lr * settings.weight_decay
    return {
        "alone_error": rounding_measurement(distance(together, alone), steps=settings.steps, effect=decay / 2),
        "order_error": rounding_measurement(distance(backward, together), steps=settings.steps, effect=decay / 2),
        "exempt_error": rounding_measurement(distance([together[EXEMPT]], [exempt]), steps=settings.steps, effect=settings.lr),
        "place_error": _placed(make, settings, starts, rows),
        **_joined(make, settings),
        **_reused(make, settings),
    }


def _grouped(
    make: Factory,
    settings: ParameterGroupsSettings,
    starts: Sequence[Tensor],
    rows: Sequence[Sequence[Tensor]],
    *,
    order: Sequence[int],
) -> list[Tensor]:
    """Return where the weights end, in the order of `starts`, when the groups stand in `order`."""
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
    least: float = 0.0,
) -> Tensor:
    (weight,) = parameters([start])
    lr, decay = (share * whole for share, whole in zip(SHARES[index], (settings.lr, settings.weight_decay), strict=True))
    optimizer = make([weight], lr=lr, weight_decay=max(decay, least))
    return run_steps(optimizer, [weight], [[row[index]] for row in rows])[0]


def _placed(
    make: Factory, settings: ParameterGroupsSettings, starts: Sequence[Tensor], rows: Sequence[Sequence[Tensor]]
) -> Measurement:
    """Set every group's options by its place, as a scheduler's list does, with empty groups before and between the others."""
    weights = parameters(starts[index] for index in FILLED)
    groups: list[dict[str, Any]] = [{"params": []} for _ in SHARES]
    for index, weight in zip(FILLED, weights, strict=True):
        groups[index]["params"] = [weight]
    ends = _set_and_walk(make, settings, groups, SHARES, weights, [[row[index] for index in FILLED] for row in rows])
    alone = []
    for index in FILLED:
        given = parameters([starts[index]])
        alone += _set_and_walk(make, settings, [{"params": given}], [SHARES[index]], given, [[row[index]] for row in rows])
    return rounding_measurement(distance(ends, alone), steps=settings.steps, effect=settings.lr * settings.weight_decay / 2)


def _set_and_walk(
    make: Factory,
    settings: ParameterGroupsSettings,
    groups: list[dict[str, Any]],
    shares: Sequence[tuple[float, float]],
    weights: Sequence[Tensor],
    rows: Sequence[Sequence[Tensor]],
) -> list[Tensor]:
    """Set options after the constructor, so that alone, too, they differ from what the constructor was given."""
    optimizer = make(groups, lr=settings.lr, weight_decay=settings.weight_decay)
    for group, (lr, decay) in zip(optimizer.param_groups, shares, strict=False):  # one that is gone moves the others up
        group["lr"], group["weight_decay"] = settings.lr * lr, settings.weight_decay * decay
    return run_steps(optimizer, weights, rows)


def _joined(make: Factory, settings: ParameterGroupsSettings) -> dict[str, Measurement]:
    """Add a group with options of its own and one without, and compare with fresh optimizers on the same gradients."""
    starts, half = matrices(3, seed=settings.seed + 1), settings.steps // 2
    rows = noise(settings.steps, 3, seed=settings.seed + 1)
    weights, own = parameters(starts), 2.5 * settings.weight_decay
    optimizer = make(weights[:1], lr=settings.lr, weight_decay=settings.weight_decay)
    run_steps(optimizer, weights[:1], [row[:1] for row in rows[:half]])
    optimizer.add_param_group({"params": [weights[1]], "weight_decay": own})
    optimizer.add_param_group({"params": [weights[2]]})
    ends = run_steps(optimizer, weights, rows[half:], first=half)
    fresh = []
    for index, decay in ((1, own), (2, settings.weight_decay)):
        (weight,) = parameters([starts[index]])
        late = [[row[index]] for row in rows[half:]]
        fresh += run_steps(make([weight], lr=settings.lr, weight_decay=decay), [weight], late, first=half)
    effect = settings.lr * settings.weight_decay
    return {
        "joined_error": rounding_measurement(distance(ends[1:2], fresh[:1]), steps=settings.steps, effect=effect),
        "joined_default_error": rounding_measurement(distance(ends[2:], fresh[1:]), steps=settings.steps, effect=effect),
    }


def _reused(make: Factory, settings: ParameterGroupsSettings) -> dict[str, Measurement]:
    """Build two optimizers from one list of groups; torch leaves the first one's weight decay in it for the second."""
    weights, second = parameters(matrices(1, seed=settings.seed + 2)), 2.5 * settings.weight_decay
    groups = [{"params": weights}]
    make(groups, lr=settings.lr, weight_decay=settings.weight_decay)
    written = float("weight_decay" in groups[0])
    before = float(weights[0].detach()[0, 0])
    run_steps(make(groups, lr=settings.lr, weight_decay=second), weights, zero_gradients(1, weights))
    kept = 1 - settings.lr * settings.weight_decay
    return {
        "reused_factor": factor_measurement(
            float(weights[0].detach()[0, 0]) / before, kept, effect=settings.lr * (second - settings.weight_decay)
        ),
        "defaults_written": Measurement(written, "1: yes", expected=1.0, tolerance=EPS, effect=1.0),
    }
