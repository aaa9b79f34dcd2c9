"""Do the ways to compute one optimizer (for-loop, foreach, fused) follow one rule, for every kind of tensor?

Two groups with their own lr and decay hold float64, transposed, float32 and, where asked, complex tensors side by side, on
given gradients. The rule is written out here once more, in float64 (Kingma and Ba; Loshchilov and Hutter 2019; torch's
documented algorithms), a complex number as its two parts. A distance is the worst at any step, over the largest change that
decay makes to that tensor: 1 where decay is forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.measurement import Measurement
from harness.probes.inputs import GROUPS
from harness.probes.numerics import ImplementationPathsSettings, Rule
from harness.subject.loading import Factory
from harness.subject.stepping import step_once

SHAPES = {"matrix": (3, 4), "vector": (5,), "transposed": (4, 3), "single": (6,), "complex": (4,)}
DTYPES = {"single": torch.float32, "complex": torch.complex128}  # the others are float64
BETAS, ADAM_EPS, MOMENTUM = (0.9, 0.999), 1e-8, 0.9  # torch's defaults; the momentum that an sgd_l2 arm is built with


@dataclass(frozen=True)
class _Walk:
    """One tensor: its start, its gradients and its group's lr and decay."""

    kind: str
    start: Tensor
    gradients: Tensor
    lr: float
    weight_decay: float


def run(make: Factory, settings: ImplementationPathsSettings) -> dict[str, Measurement]:
    """Return the worst distance from the rule over the float64, the float32 and the complex tensors."""
    walks = _walks(settings)
    paths = _follow(make, walks, settings)
    found: dict[str, list[tuple[float, float]]] = {}
    for walk, path in zip(walks, paths, strict=True):
        name = f"worst_{walk.kind}" if walk.kind in DTYPES else "worst_double"
        found.setdefault(name, []).append(_distance(walk, path, settings))
    return {
        name: Measurement(max(value for value, _ in pairs), "of the decay's effect", 0.0, max(room for _, room in pairs), 1.0)
        for name, pairs in found.items()
    }


def _walks(settings: ImplementationPathsSettings) -> list[_Walk]:
    generator = torch.Generator().manual_seed(settings.seed)
    kinds = [kind for kind in SHAPES if kind != "complex" or settings.complex_weights]
    walks: list[_Walk] = []
    for lr_factor, decay_factor in GROUPS:
        for kind in kinds:
            dtype = DTYPES.get(kind, torch.float64)
            start = torch.randn(*SHAPES[kind], generator=generator, dtype=dtype) * 2
            gradients = torch.randn(settings.steps, *SHAPES[kind], generator=generator, dtype=dtype)
            gradients *= torch.logspace(-2, 2, SHAPES[kind][-1], dtype=torch.float64).to(gradients.real.dtype)
            walks.append(_Walk(kind, start, gradients, settings.lr * lr_factor, settings.weight_decay * decay_factor))
    return walks


def _follow(make: Factory, walks: Sequence[_Walk], settings: ImplementationPathsSettings) -> list[Tensor]:
    weights = [torch.nn.Parameter(_laid_out(walk.kind, walk.start)) for walk in walks]
    each = len(walks) // len(GROUPS)
    groups: list[dict[str, Any]] = [
        {"params": weights[at : at + each], "lr": walks[at].lr, "weight_decay": walks[at].weight_decay}
        for at in range(0, len(walks), each)
    ]
    optimizer = make(groups, lr=settings.lr, weight_decay=settings.weight_decay)
    paths = [[weight.detach().clone()] for weight in weights]
    for step in range(settings.steps):
        for walk, weight in zip(walks, weights, strict=True):
            weight.grad = _laid_out(walk.kind, walk.gradients[step])
        step_once(optimizer, step)
        for path, weight in zip(paths, weights, strict=True):
            path.append(weight.detach().clone())
    return [torch.stack(path) for path in paths]


def _laid_out(kind: str, values: Tensor) -> Tensor:
    """Return a copy of the values, for `transposed` in a memory that is not contiguous."""
    return values.t().clone(memory_format=torch.contiguous_format).t() if kind == "transposed" else values.clone()


def _distance(walk: _Walk, path: Tensor, settings: ImplementationPathsSettings) -> tuple[float, float]:
    """Return the worst distance from the rule and what rounding may put into it, both over the decay's effect."""
    due = _by_the_rule(settings.rule, walk, walk.weight_decay)
    effect = float((due - _by_the_rule(settings.rule, walk, 0.0)).abs().max())
    eps = torch.finfo(path.dtype).eps
    # A step rounds the decayed weight, the update and their difference, the update itself some ten times but lr times smaller.
    room = 8 * eps * settings.steps * float(due.abs().max())
    return float((_parts(path) - due).abs().max()) / effect, room / effect


def _parts(values: Tensor) -> Tensor:
    """Return float64 numbers; those of a complex tensor as pairs of parts."""
    return (torch.view_as_real(values) if values.is_complex() else values).double()


def _by_the_rule(rule: Rule, walk: _Walk, weight_decay: float) -> Tensor:
    """Return the rule's path [steps + 1, *shape] in float64."""
    weight, gradients, lr = _parts(walk.start), _parts(walk.gradients), walk.lr
    path, first, second = [weight], torch.zeros_like(weight), torch.zeros_like(weight)
    for step, given in enumerate(gradients, start=1):
        gradient = given if rule == "adamw" else given + weight_decay * weight
        if rule == "sgd_l2":
            first = MOMENTUM * first + gradient
            weight = weight - lr * first
        else:
            first = BETAS[0] * first + (1 - BETAS[0]) * gradient
            second = BETAS[1] * second + (1 - BETAS[1]) * gradient.square()
            scale = (second / (1 - BETAS[1] ** step)).sqrt() + ADAM_EPS
            kept = weight * (1 - lr * weight_decay) if rule == "adamw" else weight
            weight = kept - lr * first / (1 - BETAS[0] ** step) / scale
        path.append(weight)
    assert math.isfinite(float(weight.sum()))
    return torch.stack(path)
