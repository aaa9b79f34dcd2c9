"""Is the decay still lr x weight_decay x w where an update is rescaled by the size of the weights?

Three ways to stand to a norm. adamw: neither update nor decay knows it. adafactor: the update grows with RMS(w), the decay
beside it is lr x weight_decay x w (torch's Adafactor). lamb: weight_decay x w joins Adam's direction before both are brought
to length lr x |w| (You et al. 2020), so that without a gradient a step takes lr of the weight at any weight decay, and with
one the decay turns the step and never lengthens it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.dynamics import NormScaledDecaySettings
from harness.probes.inputs import external_gradients, starting_weights
from harness.subject.loading import Factory
from harness.subject.stepping import step_once

LARGE = 3.0  # what all weights are multiplied by


def run(make: Factory, settings: NormScaledDecaySettings) -> dict[str, Measurement]:
    """Return how first steps answer: without a gradient to weight decay and lr, with one to the size of the weights."""
    start = starting_weights(settings.seed)
    gradient = external_gradients(1, smallest=1e-2, largest=1.0, seed=settings.seed, zeros=False)[0][0]
    idle, lr, decay = torch.zeros_like(start), settings.lr, settings.weight_decay
    shrink = _share(_step(make, start, idle, lr=lr, decay=decay), start)
    doubled = _share(_step(make, start, idle, lr=lr, decay=2 * decay), start)
    faster = _share(_step(make, start, idle, lr=2 * lr, decay=decay), start)
    plain, decayed = (_step(make, start, gradient, lr=lr, decay=one) for one in (0.0, decay))
    larger = _step(make, LARGE * start, gradient, lr=lr, decay=0.0)
    through = settings.law == "lamb"
    room = 64 * EPS / (lr * decay)  # norms of 24 terms, over a shrink of lr x weight_decay
    length = float(decayed.norm() / plain.norm())
    turn = 1 - float((plain * decayed).sum() / plain.norm() / decayed.norm())
    return {
        "shrink": Measurement(shrink, "of w", lr if through else lr * decay, room, lr * decay),
        "decay_response": Measurement(doubled / shrink if shrink else 0.0, "ratio", 1.0 if through else 2.0, room, 1.0),
        "lr_response": Measurement(faster / shrink if shrink else 0.0, "ratio", 2.0, room, 1.0),
        "update_response": Measurement(
            float(larger.norm() / plain.norm()), "ratio", 1.0 if settings.law == "adamw" else LARGE, room, LARGE - 1
        ),
        "length_with_decay": Measurement(length, "ratio", 1.0 if through else None, room, 1.0),
        "turn": Measurement(turn, "1 - cosine"),
        "own_part": _own_part(plain - decayed, start, settings),
    }


def _own_part(part: Tensor, start: Tensor, settings: NormScaledDecaySettings) -> Measurement:
    """Read what decay adds to the first step with a gradient: lr x weight_decay x w for every weight, or else."""
    ratios = (part / (settings.lr * settings.weight_decay * start)).flatten()
    worst = float(ratios[(ratios - 1).abs().argmax()])
    # The update, lr or lr x RMS(w) long, is subtracted: its rounding is divided by the smallest weight.
    room = 32 * EPS * float(start.abs().max() / start.abs().min()) / (settings.lr * settings.weight_decay)
    return Measurement(worst, "of lr x weight_decay x w", None if settings.law == "lamb" else 1.0, room, 1.0)


def _share(step: Tensor, start: Tensor) -> float:
    """Return the share of the weight that a step without gradient takes, as that of the whole matrix."""
    return float(-(step * start).sum() / (start * start).sum())


def _step(make: Factory, start: Tensor, gradient: Tensor, *, lr: float, decay: float) -> Tensor:
    weight = torch.nn.Parameter(start.clone())
    optimizer = make([weight], lr=lr, weight_decay=decay)
    step_once(optimizer, 0, [weight], [gradient])
    return weight.detach() - start
