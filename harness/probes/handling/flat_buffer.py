"""Probe flat_buffer: steps on a flat, padded, sharded buffer compared with steps on the parameters in it.

Sharded training lays parameters end to end, pads to a multiple of the number of ranks, and gives each rank an equal
piece. Here one process steps all pieces, each with its own optimizer. Under an element-wise update rule, ranks,
neighbours and padding must not change the result. Options of a single parameter are lost: in one buffer, two groups
share one weight decay, and an exempt bias decays by (1 - lr x weight_decay)^T like all other weights. One buffer for
each group keeps the exemption.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.handling import FlatBufferSettings
from harness.probes.inputs import halved_midway
from harness.subject.loading import Factory
from harness.subject.stepping import set_lr, step_once

SHAPES = ((3, 5), (7,), (2, 4))  # the second is exempt from decay where groups are kept; 30 numbers in all
RANKS = (1, 2, 4, 7)  # 7 ranks need five padding elements


def run(make: Factory, settings: FlatBufferSettings) -> dict[str, Measurement]:
    """Return the distance of sharded pieces from the parameters, the padding, and the remaining share of an exempt parameter."""
    starts, gradients = _starts_and_gradients(settings)
    whole = _flat(_run(make, settings, starts, gradients))
    undecayed = _flat(_run(make, settings, starts, gradients, decay=0.0))
    flat = _flat(starts)
    flat_gradients = torch.stack([_flat([gradient[step] for gradient in gradients]) for step in range(settings.steps)])
    worst, padding = 0.0, 0.0
    for ranks in RANKS:
        ends = torch.cat(_run(make, settings, list(_padded(flat, ranks).chunk(ranks)), _cut(flat_gradients, ranks)))
        worst = max(worst, float((ends[: len(flat)] - whole).abs().max()))
        padding = max(padding, float(ends[len(flat) :].abs().max()) if len(ends) > len(flat) else 0.0)
    # Where no weight decays, the size of the weights stands in for the effect of decay.
    effect = float((whole - undecayed).abs().max()) or float(whole.abs().max())
    # Vectorised kernels may round a product and a sum together at the end of a tensor.
    tolerance = 4 * EPS * settings.steps * float(whole.abs().max())
    return {
        "sharded_error": Measurement(worst / effect, "of the decay's effect", 0.0, tolerance / effect, 1.0),
        "padding": Measurement(padding, "1", 0.0, EPS, settings.lr * settings.weight_decay),
        **_exempt(make, settings, starts),
    }


def _exempt(make: Factory, settings: FlatBufferSettings, starts: Sequence[Tensor]) -> dict[str, Measurement]:
    """Return the share of an exempt parameter that remains without gradient: in one buffer for all, and in its group's buffer."""
    idle = [torch.zeros(settings.steps, *start.shape, dtype=torch.float64) for start in starts]
    begin, end = starts[0].numel(), starts[0].numel() + starts[1].numel()
    one_buffer = _run(make, settings, [_flat(starts)], [_joined(idle)])[0][begin:end]
    decayed, exempt = [starts[0], starts[2]], [starts[1]]
    buffers = [_flat(decayed), _flat(exempt)]
    by_group = _run(make, settings, buffers, [_joined([idle[0], idle[2]]), _joined([idle[1]])], exempt=1)[1]
    remaining = 1.0
    for lr in halved_midway(settings.lr, settings.steps):
        remaining *= 1 - lr * settings.weight_decay
    tolerance = 4 * EPS * settings.steps
    return {
        "exempt_left_in_one_buffer": Measurement(
            float((one_buffer / starts[1]).mean()), "of w0", remaining, tolerance, 1 - remaining
        ),
        "exempt_left_in_its_own": Measurement(float((by_group / starts[1]).mean()), "of w0", 1.0, tolerance, 1 - remaining),
    }


def _starts_and_gradients(settings: FlatBufferSettings) -> tuple[list[Tensor], list[Tensor]]:
    """Return starts of both signs, none near zero, and gradients [steps, *shape] of sizes from 0.01 to 100."""
    generator = torch.Generator().manual_seed(settings.seed)
    starts, gradients = [], []
    for shape in SHAPES:
        noise = torch.randn(*shape, generator=generator, dtype=torch.float64)
        starts.append(noise + 0.2 * noise.sign())
        sizes = torch.logspace(-2, 2, shape[-1], dtype=torch.float64)
        gradients.append(torch.randn(settings.steps, *shape, generator=generator, dtype=torch.float64) * sizes)
    return starts, gradients


def _run(
    make: Factory,
    settings: FlatBufferSettings,
    starts: Sequence[Tensor],
    gradients: Sequence[Tensor],
    *,
    decay: float | None = None,
    exempt: int | None = None,
) -> list[Tensor]:
    """Return the last value of each tensor; each tensor has its own optimizer, as on a rank."""
    decay = settings.weight_decay if decay is None else decay
    weights = [torch.nn.Parameter(start.clone()) for start in starts]
    optimizers = [
        make([weight], lr=settings.lr, weight_decay=0.0 if index == exempt else decay) for index, weight in enumerate(weights)
    ]
    for step, lr in enumerate(halved_midway(settings.lr, settings.steps)):
        for weight, optimizer, gradient in zip(weights, optimizers, gradients, strict=True):
            set_lr(optimizer, lr)
            step_once(optimizer, step, [weight], [gradient[step]])
    return [weight.detach() for weight in weights]


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


def _joined(gradients: Sequence[Tensor]) -> Tensor:
    """Return gradients [steps, *shape] laid end to end: [steps, numbers]."""
    return torch.cat([gradient.flatten(1) for gradient in gradients], dim=1)


def _padded(flat: Tensor, ranks: int) -> Tensor:
    return torch.nn.functional.pad(flat, (0, -flat.shape[-1] % ranks))


def _cut(gradients: Tensor, ranks: int) -> list[Tensor]:
    return list(_padded(gradients, ranks).chunk(ranks, dim=1))
