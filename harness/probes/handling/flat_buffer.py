"""Does an optimizer do the same to a flat, padded, cut buffer as to the parameters that were laid into it?

Sharded training lays parameters end to end, pads to a multiple of the number of ranks, and gives each rank an equal piece.
Here one process plays all ranks: each piece has its own optimizer. For an update rule that looks at one coordinate at a time
no rank, neighbour or padding may show. What cannot survive is what belongs to a parameter: laid into one buffer, two groups
have one weight decay, and an exempt bias decays by (1 - lr x weight_decay)^T like everything else. One buffer a group keeps it.
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
RANKS = (1, 2, 4, 7)  # 7 pads by five


def run(make: Factory, settings: FlatBufferSettings) -> dict[str, Measurement]:
    """Return how far pieces end from the parameters, what becomes of padding, and what is left of an exempt parameter."""
    starts, gradients = _drawn(settings)
    whole = _flat(_run(make, settings, starts, gradients))
    undecayed = _flat(_run(make, settings, starts, gradients, decay=0.0))
    flat, given = _flat(starts), torch.stack([_flat([one[step] for one in gradients]) for step in range(settings.steps)])
    worst, padding = 0.0, 0.0
    for ranks in RANKS:
        ends = torch.cat(_run(make, settings, list(_padded(flat, ranks).chunk(ranks)), _cut(given, ranks)))
        worst = max(worst, float((ends[: len(flat)] - whole).abs().max()))
        padding = max(padding, float(ends[len(flat) :].abs().max()) if len(ends) > len(flat) else 0.0)
    effect = float((whole - undecayed).abs().max()) or float(whole.abs().max())  # the weights', where nothing decays at all
    room = 4 * EPS * settings.steps * float(whole.abs().max())  # vectorised tails may round a product and a sum as one
    return {
        "sharded_error": Measurement(worst / effect, "of the decay's effect", 0.0, room / effect, 1.0),
        "padding": Measurement(padding, "1", 0.0, EPS, settings.lr * settings.weight_decay),
        **_exempt(make, settings, starts),
    }


def _exempt(make: Factory, settings: FlatBufferSettings, starts: Sequence[Tensor]) -> dict[str, Measurement]:
    """Read what is left of an exempt parameter without gradient: in one buffer for all, and in a buffer a group."""
    idle = [torch.zeros(settings.steps, *one.shape, dtype=torch.float64) for one in starts]
    begin, end = starts[0].numel(), starts[0].numel() + starts[1].numel()
    one_buffer = _run(make, settings, [_flat(starts)], [_joined(idle)])[0][begin:end]
    decayed, exempt = [starts[0], starts[2]], [starts[1]]
    buffers = [_flat(decayed), _flat(exempt)]
    by_group = _run(make, settings, buffers, [_joined([idle[0], idle[2]]), _joined([idle[1]])], exempt=1)[1]
    rest = 1.0
    for lr in halved_midway(settings.lr, settings.steps):
        rest *= 1 - lr * settings.weight_decay
    tolerance = 4 * EPS * settings.steps
    return {
        "exempt_left_in_one_buffer": Measurement(float((one_buffer / starts[1]).mean()), "of w0", rest, tolerance, 1 - rest),
        "exempt_left_in_its_own": Measurement(float((by_group / starts[1]).mean()), "of w0", 1.0, tolerance, 1 - rest),
    }


def _drawn(settings: FlatBufferSettings) -> tuple[list[Tensor], list[Tensor]]:
    """Return starts of both signs, none near zero, and gradients [steps, *shape] whose sizes spread over four decades."""
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
    """Return where each tensor ends; every one has an optimizer of its own, as a rank has."""
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
    return torch.cat([one.flatten() for one in tensors])


def _joined(gradients: Sequence[Tensor]) -> Tensor:
    """Lay gradients [steps, *shape] end to end, [steps, numbers]."""
    return torch.cat([one.flatten(1) for one in gradients], dim=1)


def _padded(flat: Tensor, ranks: int) -> Tensor:
    return torch.nn.functional.pad(flat, (0, -flat.shape[-1] % ranks))


def _cut(given: Tensor, ranks: int) -> list[Tensor]:
    return list(_padded(given, ranks).chunk(ranks, dim=1))
