"""Probe of norm-scaled updates: the decay where the size of the weights scales the update.

The measures compare the decay with lr x weight_decay x w. Three laws:

adamw      neither the update nor the decay depends on the norm of the weights
adafactor  the update grows with RMS(w); the decay is added to it and is lr x weight_decay x w (torch's Adafactor)
lamb       weight_decay x w is added to Adam's direction before the sum is scaled to the length lr x |w| (You et al. 2020).
           Without a gradient a step takes the fraction lr of the weight at any weight decay. With a gradient the decay turns
           the step and never makes it longer.
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

LARGE = 3.0  # factor of all weights in the second start


def run(make: Factory, settings: NormScaledDecaySettings) -> dict[str, Measurement]:
    """Return the effects of weight decay, learning rate and the norm of the weights on the first step."""
    start = starting_weights(settings.seed)
    gradient = external_gradients(1, smallest=1e-2, largest=1.0, seed=settings.seed, zeros=False)[0][0]
    idle, lr, decay = torch.zeros_like(start), settings.lr, settings.weight_decay
    shrink = _share(_step(make, start, idle, lr=lr, decay=decay), start)
    doubled = _share(_step(make, start, idle, lr=lr, decay=2 * decay), start)
    faster = _share(_step(make, start, idle, lr=2 * lr, decay=decay), start)
    plain, decayed = (_step(make, start, gradient, lr=lr, decay=rate) for rate in (0.0, decay))
    larger = _step(make, LARGE * start, gradient, lr=lr, decay=0.0)
    lamb = settings.law == "lamb"
    tolerance = 64 * EPS / (lr * decay)  # norms of 24 terms, over a shrink of lr x weight_decay
    length = float(decayed.norm() / plain.norm())
    turn = 1 - float((plain * decayed).sum() / plain.norm() / decayed.norm())
    return {
        "shrink": Measurement(shrink, "of w", lr if lamb else lr * decay, tolerance, lr * decay),
        "decay_response": Measurement(doubled / shrink if shrink else 0.0, "ratio", 1.0 if lamb else 2.0, tolerance, 1.0),
        "lr_response": Measurement(faster / shrink if shrink else 0.0, "ratio", 2.0, tolerance, 1.0),
        "update_response": Measurement(
            float(larger.norm() / plain.norm()), "ratio", 1.0 if settings.law == "adamw" else LARGE, tolerance, LARGE - 1
        ),
        "length_with_decay": Measurement(length, "ratio", 1.0 if lamb else None, tolerance, 1.0),
        "turn": Measurement(turn, "1 - cosine"),
        "own_part": _own_part(plain - decayed, start, settings),
    }


def _own_part(part: Tensor, start: Tensor, settings: NormScaledDecaySettings) -> Measurement:
    """Return the change that decay makes in the first step with a gradient, at the weight where it is furthest from 1.

    The unit is lr x weight_decay x w, so 1 means decoupled decay.
    """
    ratios = (part / (settings.lr * settings.weight_decay * start)).flatten()
    worst = float(ratios[(ratios - 1).abs().argmax()])
    # The update, of length lr or lr x RMS(w), is subtracted; its rounding is divided by the
    # smallest weight.
    tolerance = 32 * EPS * float(start.abs().max() / start.abs().min()) / (settings.lr * settings.weight_decay)
    return Measurement(worst, "of lr x weight_decay x w", None if settings.law == "lamb" else 1.0, tolerance, 1.0)


def _share(step: Tensor, start: Tensor) -> float:
    """Return the fraction by which a step without a gradient shrinks the matrix."""
    return float(-(step * start).sum() / (start * start).sum())


def _step(make: Factory, start: Tensor, gradient: Tensor, *, lr: float, decay: float) -> Tensor:
    weight = torch.nn.Parameter(start.clone())
    optimizer = make([weight], lr=lr, weight_decay=decay)
    step_once(optimizer, 0, [weight], [gradient])
    return weight.detach() - start
