"""Which probes are there? The closed vocabulary that scenarios choose from."""

from __future__ import annotations

from collections.abc import Mapping

from harness.probes import (
    averaged_weights,
    cautious_mask,
    constant_gradient,
    differentiable_step,
    estimated_rate,
    exponential_lr,
    fixed_point,
    flat_buffer,
    implementation_paths,
    impulse_response,
    loud_quiet_axes,
    noisy_quadratic,
    norm_scaled_decay,
    null_space,
    rotational_equilibrium,
    rounding_remedies,
    rounding_threshold,
    scale_freeness,
    scale_invariance,
    sparse_gradient,
    step_in_backward,
    superposition,
    two_inits,
    unseen_row,
    weight_sharing,
    zero_gradient,
)
from harness.probes.probe import Probe

PROBES: Mapping[str, Probe] = {
    "averaged_weights": averaged_weights.PROBE,
    "cautious_mask": cautious_mask.PROBE,
    "constant_gradient": constant_gradient.PROBE,
    "differentiable_step": differentiable_step.PROBE,
    "estimated_rate": estimated_rate.PROBE,
    "exponential_lr": exponential_lr.PROBE,
    "fixed_point": fixed_point.PROBE,
    "flat_buffer": flat_buffer.PROBE,
    "implementation_paths": implementation_paths.PROBE,
    "impulse_response": impulse_response.PROBE,
    "loud_quiet_axes": loud_quiet_axes.PROBE,
    "noisy_quadratic": noisy_quadratic.PROBE,
    "norm_scaled_decay": norm_scaled_decay.PROBE,
    "null_space": null_space.PROBE,
    "rotational_equilibrium": rotational_equilibrium.PROBE,
    "rounding_remedies": rounding_remedies.PROBE,
    "rounding_threshold": rounding_threshold.PROBE,
    "scale_freeness": scale_freeness.PROBE,
    "scale_invariance": scale_invariance.PROBE,
    "sparse_gradient": sparse_gradient.PROBE,
    "step_in_backward": step_in_backward.PROBE,
    "superposition": superposition.PROBE,
    "two_inits": two_inits.PROBE,
    "unseen_row": unseen_row.PROBE,
    "weight_sharing": weight_sharing.PROBE,
    "zero_gradient": zero_gradient.PROBE,
}
