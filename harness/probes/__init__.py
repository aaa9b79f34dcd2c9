"""Which probes are there? The closed vocabulary that scenarios choose from."""

from __future__ import annotations

from collections.abc import Mapping

from harness.probes import (
    constant_gradient,
    exponential_lr,
    fixed_point,
    impulse_response,
    loud_quiet_axes,
    noisy_quadratic,
    null_space,
    rotational_equilibrium,
    scale_freeness,
    scale_invariance,
    superposition,
    two_inits,
    unseen_row,
    weight_sharing,
    zero_gradient,
)
from harness.probes.probe import Probe

PROBES: Mapping[str, Probe] = {
    "constant_gradient": constant_gradient.PROBE,
    "exponential_lr": exponential_lr.PROBE,
    "fixed_point": fixed_point.PROBE,
    "impulse_response": impulse_response.PROBE,
    "loud_quiet_axes": loud_quiet_axes.PROBE,
    "noisy_quadratic": noisy_quadratic.PROBE,
    "null_space": null_space.PROBE,
    "rotational_equilibrium": rotational_equilibrium.PROBE,
    "scale_freeness": scale_freeness.PROBE,
    "scale_invariance": scale_invariance.PROBE,
    "superposition": superposition.PROBE,
    "two_inits": two_inits.PROBE,
    "unseen_row": unseen_row.PROBE,
    "weight_sharing": weight_sharing.PROBE,
    "zero_gradient": zero_gradient.PROBE,
}
