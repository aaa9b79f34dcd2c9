"""Probe cautious_mask: the weights that a step decays when its update grows some weights and shrinks others.

Cautious weight decay (Chen et al. 2025) decays only where the update and the weight have one sign, u x w >= 0. The
mask depends on the update and not on the gradient of the step; under momentum the two differ after the gradient turns.
Each column of the matrix is one case (CASES), with weights of both signs and several sizes. Two replays on the same
gradients differ only in the last step's weight_decay. The difference of that step is the decay's own part; over lr x
weight_decay x w it is 1 where decay acts and 0 where it does not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.variants import CautiousMaskSettings
from harness.subject.loading import Factory
from harness.subject.stepping import step_once

# Case: (gradient of all steps but the last, gradient of the last step, True if a cautious step
# decays). Gradients are along the weight's sign. After four gradients of 2 and one of -0.1 the
# update still has the sign of the four (momentum 0.9).
CASES = {
    "shrinking": (2.0, 2.0, True),
    "growing": (-2.0, -2.0, False),
    "idle": (0.0, 0.0, True),
    "turned_to_grow": (2.0, -0.1, True),
    "turned_to_shrink": (-2.0, 0.1, False),
}
SIZES = (1.7, 0.3, -0.4, -3.1)


def run(make: Factory, settings: CautiousMaskSettings) -> dict[str, Measurement]:
    """Return the part of the last step that weight decay causes, in each case."""
    last_steps = [_last_step(make, settings, decay=decay) for decay in (settings.weight_decay, 0.0)]
    (before, decayed), (_, undecayed) = last_steps
    shrink = settings.lr * settings.weight_decay
    part = (undecayed - decayed) / (shrink * before)
    # A step rounds w and the update (at most lr) to eps of the larger one. The smallest weight at
    # that step is above 0.05.
    tolerance = 8 * EPS * (1 + float(before.abs().max() / before.abs().min())) / shrink
    measurements: dict[str, Measurement] = {}
    for column, (case, (_, _, acts)) in enumerate(CASES.items()):
        expected = 1.0 if acts or not settings.cautious else 0.0
        worst = part[:, column][(part[:, column] - expected).abs().argmax()]
        measurements[case] = Measurement(float(worst), "of lr x weight_decay x w", expected, tolerance, 1.0)
    return measurements


def _last_step(make: Factory, settings: CautiousMaskSettings, *, decay: float) -> tuple[Tensor, Tensor]:
    """Return the weights before and after the last step at weight decay `decay`; the other steps use that of the settings."""
    start = torch.tensor(SIZES, dtype=torch.float64)[:, None].expand(-1, len(CASES)).clone()
    weight = torch.nn.Parameter(start.clone())
    optimizer = make([weight], lr=settings.lr, weight_decay=settings.weight_decay)
    before = start
    for step in range(settings.steps):
        if step == settings.steps - 1:
            before = weight.detach().clone()
            optimizer.param_groups[0]["weight_decay"] = decay
        along = torch.tensor([case[step == settings.steps - 1] for case in CASES.values()], dtype=torch.float64)
        step_once(optimizer, step, [weight], [along * start.sign()])
    return before, weight.detach()
