"""Probe sparse_gradient: weight decay under sparse gradients, compared with dense ones, or a refusal.

A sparse gradient names some rows of a table. Decay would have to change the other rows too, or be a different rule for
rare rows. A subject that takes the step is compared with itself under dense gradients, in rows where these are zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.numerics import SparseGradientSettings
from harness.subject.loading import Factory
from harness.subject.stepping import step_once

ROWS, NAMED = 5, 1


def run(make: Factory, settings: SparseGradientSettings) -> dict[str, Measurement]:
    """Return 1 if a step on a sparse gradient is refused, and the changes of rows with and without a gradient."""
    start = torch.tensor([[1.5, -0.2], [0.3, -2.0], [0.9, 4.0], [-0.05, 1.1], [-3.0, 0.6]], dtype=torch.float64)
    table = torch.nn.Parameter(start.clone())
    optimizer = make([table], lr=settings.lr, weight_decay=settings.weight_decay)
    values = torch.tensor([[0.7, -0.4]], dtype=torch.float64)
    refused = 0.0
    try:
        # Without an explicit choice, torch would warn, and the warning would look like one of the
        # subject.
        with torch.sparse.check_sparse_tensor_invariants():
            for step in range(settings.steps):
                step_once(optimizer, step, [table], [torch.sparse_coo_tensor(torch.tensor([[NAMED]]), values, (ROWS, 2))])
    except ValueError:  # a watched subject raises RunError, which is a ValueError
        refused = 1.0
    dense = torch.nn.Parameter(start.clone())
    dense_optimizer = make([dense], lr=settings.lr, weight_decay=settings.weight_decay)
    for step in range(settings.steps):
        step_once(dense_optimizer, step, [dense], [torch.zeros_like(dense).index_copy(0, torch.tensor([NAMED]), values)])
    left = table.detach() / start
    others = [row for row in range(ROWS) if row != NAMED]
    shrink = settings.lr * (settings.weight_decay or 1.0)
    return {
        "refused": Measurement(refused, "1 if so", float(settings.refused), 1e-6, 1.0),
        "untouched_left": Measurement(float(left[others].mean()), "of w0", 1.0, 4 * EPS, shrink),
        "named_moved": Measurement(float((left[NAMED] - 1).abs().mean()), "of w0", information=True),
        "unlike_dense": _distance_to_dense(table, dense, settings, refused=bool(refused)),
    }


def _distance_to_dense(table: Tensor, dense: Tensor, settings: SparseGradientSettings, *, refused: bool) -> Measurement:
    """Return the largest distance of the rows without a gradient from these rows under dense gradients; 0 if refused."""
    others = [row for row in range(ROWS) if row != NAMED]
    ours, theirs = table.detach()[others], dense.detach()[others]
    distance = 0.0 if refused else float(((ours - theirs) / theirs).abs().max())
    return Measurement(distance, "of w", 0.0, 8 * EPS * settings.steps, settings.lr * (settings.weight_decay or 1.0))
