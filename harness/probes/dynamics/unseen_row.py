"""Probe of an unseen embedding row: weight decay on a row that no token ever looks up.

A dense embedding gradient is exactly zero on such a row. So decoupled decay multiplies it by prod(1 - lr_t * weight_decay) and
nothing else changes it (Loshchilov and Hutter 2019, with torch's scaling): the row measures the decay inside a real training
run. Without decay no bit of it changes. It halves in ln 2 / -ln(1 - lr * weight_decay) steps. Adam with a coupled penalty
divides weight_decay * w by its own size: the row falls by lr a step for any weight_decay, and then oscillates about zero.

The model is the smallest that trains: an embedding, a linear head, cross-entropy to the next token, full batch.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.dynamics import UnseenRowSettings
from harness.subject.stepping import set_lr, step_once

_VOCABULARY, _WIDTH = 8, 6
_TOKENS = torch.tensor([0, 1, 2, 0, 3, 1, 4, 2, 5, 0, 5, 3, 4, 1])  # each token predicts the next; 6 and 7 never occur
_UNSEEN = (6, 7)
_EARLY = 20  # steps over which the pace of a fresh optimizer is measured


def run(make: Any, settings: UnseenRowSettings) -> dict[str, Measurement]:
    """Return the changes of embedding rows that training never looks up, and of the others, with and without weight decay."""
    start = _start(settings)
    table, early = _train(make, settings, weight_decay=settings.weight_decay)
    undecayed, _ = _train(make, settings, weight_decay=0.0)
    rates = [rate(settings, step) for step in range(settings.steps)]
    unseen = list(_UNSEEN)
    return {
        **_factor(settings, rates, row=table[unseen], start=start[unseen]),
        **_pace(settings, rates, row=table[unseen], early=early[unseen], start=start[unseen]),
        "unseen_change_without_decay": _change(settings, rates, change=undecayed[unseen] - start[unseen]),
        "seen_ratio": Measurement(float(table[: unseen[0]].norm() / start[: unseen[0]].norm()), "of the initial norm"),
        "seen_change_without_decay": Measurement(float((undecayed - start)[: unseen[0]].abs().max()), "weight", information=True),
    }


def _factor(settings: UnseenRowSettings, rates: list[float], *, row: Tensor, start: Tensor) -> dict[str, Measurement]:
    """Return the norm and the direction of the unseen rows after all steps, and the half-life that follows from the norm."""
    ratio = float(row.norm() / start.norm())
    factor = math.prod(1 - rate * settings.weight_decay for rate in rates)
    log_shrink = -math.log(factor)
    half_life = settings.steps * math.log(2) / max(-math.log(ratio), 1e-300)
    expected = settings.steps * math.log(2) / log_shrink
    # T roundings of eps each, relative to the row. The half-life has the relative error of the
    # logarithm.
    relative = 4 * settings.steps * EPS
    decoupled = settings.law == "decoupled"
    return {
        "unseen_ratio": Measurement(ratio, "of the initial norm", factor if decoupled else None, relative * factor, 1 - factor),
        "unseen_turn": Measurement(float((row / row.norm() - start / start.norm()).norm()), "of the row", 0.0, relative, 1.0),
        "half_life": Measurement(half_life, "steps", expected if decoupled else None, relative / log_shrink * expected, expected),
    }


def _pace(
    settings: UnseenRowSettings, rates: list[float], *, row: Tensor, early: Tensor, start: Tensor
) -> dict[str, Measurement]:
    """Return the mean decrease of the unseen rows over the first _EARLY steps, and their largest weight after all steps."""
    fall, travel = float((start.abs() - early.abs()).mean()), sum(rates[:_EARLY])
    factor = math.prod(1 - rate * settings.weight_decay for rate in rates[:_EARLY])
    closed = float(start.abs().mean()) * (1 - factor) / travel
    decoupled = settings.law == "decoupled"
    # A fall is a difference of weights of size 1.5, which 20 steps rounded. Coupled: the pace of
    # 1 is first order in lr.
    tolerance = 8 * _EARLY * EPS / travel if decoupled else None
    return {
        "early_pace": Measurement(fall / travel, "lr per step", closed if decoupled else 1.0, tolerance, abs(closed - 1)),
        "unseen_in_steps": Measurement(float(row.abs().max()) / settings.lr, "lr"),
    }


def _change(settings: UnseenRowSettings, rates: list[float], *, change: Tensor) -> Measurement:
    factor = math.prod(1 - rate * settings.weight_decay for rate in rates)
    # A zero gradient without decay changes no bit, so the tolerance is zero.
    return Measurement(float(change.abs().max()), "weight", 0.0, 0.0, 1 - factor)


def _start(settings: UnseenRowSettings) -> Tensor:
    """Return the initial embedding table (vocabulary, width): sizes 0.5 to 1.5, both signs."""
    generator = torch.Generator().manual_seed(settings.seed)
    shape = (_VOCABULARY, _WIDTH)
    size = 0.5 + torch.rand(shape, generator=generator, dtype=torch.float64)
    return size * (torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5).sign()


def _train(make: Any, settings: UnseenRowSettings, *, weight_decay: float) -> tuple[Tensor, Tensor]:
    """Return the embedding table after all steps and after the first _EARLY steps."""
    embedding = torch.nn.Embedding(_VOCABULARY, _WIDTH, _weight=_start(settings))
    head = torch.nn.Parameter(_start(settings).mul(0.1))
    optimizer = make([embedding.weight, head], lr=rate(settings, 0), weight_decay=weight_decay)
    early = embedding.weight.detach().clone()
    for step in range(settings.steps):
        set_lr(optimizer, rate(settings, step))
        logits = embedding(_TOKENS[:-1]) @ head.T
        loss = torch.nn.functional.cross_entropy(logits, _TOKENS[1:])
        weights = (embedding.weight, head)
        step_once(optimizer, step, weights, torch.autograd.grad(loss, weights))
        if step == _EARLY - 1:
            early = embedding.weight.detach().clone()
    return embedding.weight.detach(), early


def rate(settings: UnseenRowSettings, step: int) -> float:
    """Return the learning rate of a step: constant, or 10 % linear warm-up and a cosine to 10 % of the peak."""
    if settings.schedule == "constant":
        return settings.lr
    warmup = settings.steps // 10
    if step < warmup:
        return settings.lr * (step + 1) / warmup
    progress = (step - warmup) / (settings.steps - warmup)
    return settings.lr * (0.55 + 0.45 * math.cos(math.pi * progress))
