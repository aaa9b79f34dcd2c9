"""Probe of superposition: under decoupled decay a run equals the run without decay plus the decay.

Two runs receive the same external gradients, one of them without decay; D_t are the increments of that one. Closed form of
the decoupled law that decays before the update: w_T = P_T w_0 + sum_t (P_T / P_{t+1}) D_t with P_t = prod_{s<t} (1 - h_s l).
Decay after the update has P_T / P_t in place of P_T / P_{t+1}. The other laws are in harness/decay_laws/closed_forms.py.
Coupled L2 under SGD follows its own law (coupled_momentum: the buffer is linear in w); coupled L2 under an adaptive
optimizer follows none.

A residual is the largest distance at any step from the path that a law predicts, over the change that decay makes in
that coordinate by the law of the settings: 0 where the law is exact, 1 without any decay.

Source: Loshchilov and Hutter 2019, Proposition 1 and Algorithm 2; Zhuang et al. 2022, on proximal updates.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws import Law, closed_forms
from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.inputs import GROUP_FACTORS, external_gradients, halved_midway, recorded_gradient, starting_weights
from harness.probes.rule import RIVALS, SuperpositionSettings
from harness.subject.loading import Factory
from harness.subject.stepping import GroupInput, run_groups


def run(make: Factory, settings: SuperpositionSettings) -> dict[str, Measurement]:
    """Return the distance from the law of the settings and from each other law, which names the law of a subject that fails."""
    lrs = halved_midway(settings.lr, settings.steps)
    free, decayed = (_run(make, settings, lrs=lrs, weight_decay=decay) for decay in (0.0, settings.weight_decay))
    laws = dict.fromkeys((settings.law, *RIVALS))
    paths = {law: _predictions(law, free, settings=settings, lrs=lrs) for law in laws}
    effects = [(decayed_path - path).abs().amax(0) for decayed_path, path in zip(paths[settings.law], free, strict=True)]
    residuals = {law: _distance(decayed, paths[law], effects=effects) for law in laws}
    between = [_distance(paths[settings.law], paths[law], effects=effects) for law in laws if law != settings.law]
    tolerance = _rounding(free, decayed, effects=effects, settings=settings)
    effect = min((distance for distance in between if distance > tolerance), default=0.0)  # the nearest other law
    unit = "fraction of the decay's effect"
    residual = Measurement(residuals[settings.law], unit, expected=0.0, tolerance=tolerance, effect=effect)
    return {"residual": residual} | {f"residual_{law}": Measurement(residuals[law], unit, tolerance=tolerance) for law in RIVALS}


def _run(make: Factory, settings: SuperpositionSettings, *, lrs: list[float], weight_decay: float) -> list[Tensor]:
    sequences = external_gradients(settings.steps, smallest=1e-2, largest=1e2, seed=settings.seed)
    groups = [
        GroupInput(starting_weights(settings.seed + 1 + index), recorded_gradient(gradients), *factors)
        for index, (factors, gradients) in enumerate(zip(GROUP_FACTORS, sequences, strict=True))
    ]
    return run_groups(make, groups, lrs=lrs, weight_decay=weight_decay)


def _predictions(law: Law, free: list[Tensor], *, settings: SuperpositionSettings, lrs: list[float]) -> list[Tensor]:
    predicted: list[Tensor] = []
    for path, (lr_factor, decay_factor) in zip(free, GROUP_FACTORS, strict=True):
        rates, decay = [lr * lr_factor for lr in lrs], settings.weight_decay * decay_factor
        moves = path.diff(dim=0)
        predicted.append(
            closed_forms.predict(law, moves, start=path[0], lrs=rates, weight_decay=decay, momentum=settings.momentum)
        )
    return predicted


def _distance(paths: list[Tensor], others: list[Tensor], *, effects: list[Tensor]) -> float:
    """Return the largest distance between two lists of paths, as a fraction of the decay's effect on the coordinate."""
    return max(
        float(((path - other).abs().amax(0) / effect).max()) for path, other, effect in zip(paths, others, effects, strict=True)
    )


def _rounding(free: list[Tensor], decayed: list[Tensor], *, effects: list[Tensor], settings: SuperpositionSettings) -> float:
    """Return the largest residual that rounding can cause.

    A step rounds the weight with decay (3 eps |w|), the weight without decay (2), its increment (1) and the prediction (3).
    No law makes an earlier error larger, except that momentum multiplies it by 1 / (1 - m).
    """
    carried = 1 / (1 - settings.momentum) if settings.law == "coupled_momentum" else 1.0
    worst = max(
        float((torch.maximum(free_path.abs(), decayed_path.abs()).amax(0) / effect).max())
        for free_path, decayed_path, effect in zip(free, decayed, effects, strict=True)
    )
    return 9 * EPS * settings.steps * worst * carried
