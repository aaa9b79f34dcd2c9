"""Probe implementation_paths: for-loop, foreach and fused steps against one rule, for every kind of tensor.

Two groups with their own lr and decay hold float64, transposed, float32 and, with `complex_weights`, complex tensors
side by side, on given gradients. The rule is implemented again here, in float64 (Kingma and Ba; Loshchilov and Hutter
2019; torch's documented algorithms); a complex number is treated as two real ones. A distance is the largest at any
step, over the largest change that decay makes to that tensor: it is 1 where decay is missing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.measurement import Measurement
from harness.probes.inputs import GROUP_FACTORS
from harness.probes.numerics import ImplementationPathsSettings, Rule
from harness.subject.loading import Factory
from harness.subject.stepping import step_once

SHAPES = {"matrix": (3, 4), "vector": (5,), "transposed": (4, 3), "single": (6,), "complex": (4,)}
DTYPES = {"single": torch.float32, "complex": torch.complex128}  # the others are float64
BETAS, ADAM_EPS, MOMENTUM = (0.9, 0.999), 1e-8, 0.9  # torch's defaults, and the momentum of arms with the rule sgd_l2


@dataclass(frozen=True)
class _TensorInput:
    """One tensor of the run: its start, its gradients [steps, *shape] and its group's lr and decay."""

    kind: str
    start: Tensor
    gradients: Tensor
    lr: float
    weight_decay: float


def run(make: Factory, settings: ImplementationPathsSettings) -> dict[str, Measurement]:
    """Return the largest distance from the update rule of the float64, the float32 and the complex tensors."""
    tensors = _tensor_inputs(settings)
    paths = _measured_paths(make, tensors, settings)
    distances: dict[str, list[tuple[float, float]]] = {}
    for tensor, path in zip(tensors, paths, strict=True):
        name = f"worst_{tensor.kind}" if tensor.kind in DTYPES else "worst_double"
        distances.setdefault(name, []).append(_distance(tensor, path, settings))
    return {
        name: Measurement(
            max(value for value, _ in pairs), "of the decay's effect", 0.0, max(tolerance for _, tolerance in pairs), 1.0
        )
        for name, pairs in distances.items()
    }


def _tensor_inputs(settings: ImplementationPathsSettings) -> list[_TensorInput]:
    generator = torch.Generator().manual_seed(settings.seed)
    kinds = [kind for kind in SHAPES if kind != "complex" or settings.complex_weights]
    tensors: list[_TensorInput] = []
    for lr_factor, decay_factor in GROUP_FACTORS:
        for kind in kinds:
            dtype = DTYPES.get(kind, torch.float64)
            start = torch.randn(*SHAPES[kind], generator=generator, dtype=dtype) * 2
            gradients = torch.randn(settings.steps, *SHAPES[kind], generator=generator, dtype=dtype)
            gradients *= torch.logspace(-2, 2, SHAPES[kind][-1], dtype=torch.float64).to(gradients.real.dtype)
            tensors.append(_TensorInput(kind, start, gradients, settings.lr * lr_factor, settings.weight_decay * decay_factor))
    return tensors


def _measured_paths(make: Factory, tensors: Sequence[_TensorInput], settings: ImplementationPathsSettings) -> list[Tensor]:
    """Return the path of each tensor under the subject, [steps + 1, *shape]."""
    weights = [torch.nn.Parameter(_laid_out(tensor.kind, tensor.start)) for tensor in tensors]
    group_size = len(tensors) // len(GROUP_FACTORS)
    groups: list[dict[str, Any]] = [
        {"params": weights[first : first + group_size], "lr": tensors[first].lr, "weight_decay": tensors[first].weight_decay}
        for first in range(0, len(tensors), group_size)
    ]
    optimizer = make(groups, lr=settings.lr, weight_decay=settings.weight_decay)
    paths = [[weight.detach().clone()] for weight in weights]
    for step in range(settings.steps):
        for tensor, weight in zip(tensors, weights, strict=True):
            weight.grad = _laid_out(tensor.kind, tensor.gradients[step])
        step_once(optimizer, step)
        for path, weight in zip(paths, weights, strict=True):
            path.append(weight.detach().clone())
    return [torch.stack(path) for path in paths]


def _laid_out(kind: str, values: Tensor) -> Tensor:
    """Return a copy of the values; that of a `transposed` tensor is not contiguous in memory."""
    return values.t().clone(memory_format=torch.contiguous_format).t() if kind == "transposed" else values.clone()


def _distance(tensor: _TensorInput, path: Tensor, settings: ImplementationPathsSettings) -> tuple[float, float]:
    """Return the largest distance from the rule and its rounding tolerance, both over the decay's effect."""
    expected = _path_of_rule(settings.rule, tensor, tensor.weight_decay)
    effect = float((expected - _path_of_rule(settings.rule, tensor, 0.0)).abs().max())
    eps = torch.finfo(path.dtype).eps
    # A step rounds the decayed weight, the update and their difference. The update has about ten
    # roundings of its own, but they are smaller by the factor lr.
    tolerance = 8 * eps * settings.steps * float(expected.abs().max())
    return float((_parts(path) - expected).abs().max()) / effect, tolerance / effect


def _parts(values: Tensor) -> Tensor:
    """Return the values in float64, a complex number as a pair: real part, imaginary part."""
    return (torch.view_as_real(values) if values.is_complex() else values).double()


def _path_of_rule(rule: Rule, tensor: _TensorInput, weight_decay: float) -> Tensor:
    """Return the rule's path [steps + 1, *shape] in float64."""
    weight, gradients, lr = _parts(tensor.start), _parts(tensor.gradients), tensor.lr
    path, first, second = [weight], torch.zeros_like(weight), torch.zeros_like(weight)
    for step, data_gradient in enumerate(gradients, start=1):
        gradient = data_gradient if rule == "adamw" else data_gradient + weight_decay * weight
        if rule == "sgd_l2":
            first = MOMENTUM * first + gradient
            weight = weight - lr * first
        else:
            first = BETAS[0] * first + (1 - BETAS[0]) * gradient
            second = BETAS[1] * second + (1 - BETAS[1]) * gradient.square()
            scale = (second / (1 - BETAS[1] ** step)).sqrt() + ADAM_EPS
            decayed = weight * (1 - lr * weight_decay) if rule == "adamw" else weight
            weight = decayed - lr * first / (1 - BETAS[0] ** step) / scale
        path.append(weight)
    assert math.isfinite(float(weight.sum()))
    return torch.stack(path)
