"""Is the decayed run the undecayed run plus decay? The identity that defines decoupled weight decay.

Two runs see the same external gradients, one without decay; D_t are its increments. Closed form of the decoupled,
decay-first law: w_T = P_T w_0 + sum_t (P_T / P_{t+1}) D_t with P_t = prod_{s<t} (1 - h_s l); decay after the update has
P_T / P_t instead; the rival laws stand in `decay_law`. Coupled L2 under SGD obeys its own law (coupled_momentum: the
buffer is linear in w), coupled L2 under an adaptive optimizer none. A residual is the worst distance at any step from
what a law predicts, over what decay by the law held to changes in that coordinate: 0 where exact, 1 without any decay.
Source: Loshchilov and Hutter 2019, Proposition 1 and Algorithm 2; Zhuang et al. 2022, on proximal updates.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws import Law, closed_forms
from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.inputs import GROUPS, external_gradients, given, halved_midway, starting_weights
from harness.probes.rule import RIVALS, SuperpositionSettings
from harness.subject.loading import Factory
from harness.subject.stepping import GroupInput, run_groups


def run(make: Factory, settings: SuperpositionSettings) -> dict[str, Measurement]:
    """Return the residual under the law, and under each rival law, so that a subject that fails can be named."""
    lrs = halved_midway(settings.lr, settings.steps)
    free, decayed = (_run(make, settings, lrs=lrs, weight_decay=decay) for decay in (0.0, settings.weight_decay))
    laws = dict.fromkeys((settings.law, *RIVALS))
    paths = {law: _predictions(law, free, settings=settings, lrs=lrs) for law in laws}
    effects = [(one - other).abs().amax(0) for one, other in zip(paths[settings.law], free, strict=True)]
    residuals = {law: _distance(decayed, paths[law], effects=effects) for law in laws}
    between = [_distance(paths[settings.law], paths[law], effects=effects) for law in laws if law != settings.law]
    tolerance = _rounding(free, decayed, effects=effects, settings=settings)
    effect = min((distance for distance in between if distance > tolerance), default=0.0)  # the nearest rival law
    unit = "fraction of the decay's effect"
    held = Measurement(residuals[settings.law], unit, expected=0.0, tolerance=tolerance, effect=effect)
    return {"residual": held} | {f"residual_{law}": Measurement(residuals[law], unit, tolerance=tolerance) for law in RIVALS}


def _run(make: Factory, settings: SuperpositionSettings, *, lrs: list[float], weight_decay: float) -> list[Tensor]:
    sequences = external_gradients(settings.steps, smallest=1e-2, largest=1e2, seed=settings.seed)
    groups = [
        GroupInput(starting_weights(settings.seed + 1 + index), given(gradients), *factors)
        for index, (factors, gradients) in enumerate(zip(GROUPS, sequences, strict=True))
    ]
    return run_groups(make, groups, lrs=lrs, weight_decay=weight_decay)


def _predictions(law: Law, free: list[Tensor], *, settings: SuperpositionSettings, lrs: list[float]) -> list[Tensor]:
    predicted: list[Tensor] = []
    for path, (lr_factor, decay_factor) in zip(free, GROUPS, strict=True):
        rates, decay = [lr * lr_factor for lr in lrs], settings.weight_decay * decay_factor
        moves = path.diff(dim=0)
        predicted.append(
            closed_forms.predict(law, moves, start=path[0], lrs=rates, weight_decay=decay, momentum=settings.momentum)
        )
    return predicted


def _distance(one: list[Tensor], other: list[Tensor], *, effects: list[Tensor]) -> float:
    return max(float(((a - b).abs().amax(0) / effect).max()) for a, b, effect in zip(one, other, effects, strict=True))


def _rounding(free: list[Tensor], decayed: list[Tensor], *, effects: list[Tensor], settings: SuperpositionSettings) -> float:
    """What rounding can put into a residual.

    A step rounds the decayed weight (3 eps |w|), the undecayed one (2), its difference (1) and the prediction (3); no
    law grows an error on its way, except that momentum carries on 1 / (1 - m) of it.
    """
    carried = 1 / (1 - settings.momentum) if settings.law == "coupled_momentum" else 1.0
    worst = max(
        float((torch.maximum(a.abs(), b.abs()).amax(0) / effect).max())
        for a, b, effect in zip(free, decayed, effects, strict=True)
    )
    return 9 * EPS * settings.steps * worst * carried
