"""Which weights does a step decay, when the update grows some of them and shrinks others?

Cautious weight decay (Chen et al. 2025) decays only where the update and the weight have one sign, u x w >= 0. What counts is the
update and not the gradient of the step, and under momentum the two disagree after a turn. Each column of the matrix is one
case, with weights of both signs and two sizes. Two replays on the same gradients differ in the last step's weight_decay alone,
so the difference of that step is the decay's own part, over lr x weight_decay x w: 1 where it acts, 0 where it does not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.variants import CautiousMaskSettings
from harness.subject.loading import Factory
from harness.subject.stepping import step_once

# Case: the gradient of all steps but the last, of the last, both along the weight's sign, and whether a cautious step decays.
# The update after four gradients of 2 and a last one of -0.1 has still the sign of the four (first moment, momentum 0.9).
CASES = {
    "shrinking": (2.0, 2.0, True),
    "growing": (-2.0, -2.0, False),
    "idle": (0.0, 0.0, True),
    "turned_to_grow": (2.0, -0.1, True),
    "turned_to_shrink": (-2.0, 0.1, False),
}
SIZES = (1.7, 0.3, -0.4, -3.1)


def run(make: Factory, settings: CautiousMaskSettings) -> dict[str, Measurement]:
    """Return what the decay's own part of the last step is in each case, and at a weight of zero."""
    last = [_last_step(make, settings, decay=decay) for decay in (settings.weight_decay, 0.0)]
    (before, decayed), (_, plain) = last
    shrink = settings.lr * settings.weight_decay
    part = (plain - decayed) / (shrink * before)
    # A step rounds w and the update, lr or less, to eps of the larger; the smallest weight at that step is above 0.05.
    tolerance = 8 * EPS * (1 + float(before.abs().max() / before.abs().min())) / shrink
    readings: dict[str, Measurement] = {}
    for column, (case, (_, _, acts)) in enumerate(CASES.items()):
        expected = 1.0 if acts or not settings.cautious else 0.0
        worst = part[:, column][(part[:, column] - expected).abs().argmax()]
        readings[case] = Measurement(float(worst), "of lr x weight_decay x w", expected, tolerance, 1.0)
    return readings


def _last_step(make: Factory, settings: CautiousMaskSettings, *, decay: float) -> tuple[Tensor, Tensor]:
    """Return the weights before and after the last step, the only one at this weight decay; the others take the setting's."""
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
