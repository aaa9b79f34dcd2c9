"""Which probes are there? The closed vocabulary that scenarios choose from."""

from __future__ import annotations

from collections.abc import Mapping

from harness.probes.dynamics import (
    loud_quiet_axes,
    noisy_quadratic,
    norm_scaled_decay,
    null_space,
    rotational_equilibrium,
    scale_invariance,
    unseen_row,
    weight_sharing,
)
from harness.probes.handling import (
    accumulation,
    checkpoint,
    exponential_lr,
    flat_buffer,
    layouts,
    missing_gradients,
    parameter_groups,
    repeated_parameters,
    schedules,
)
from harness.probes.numerics import (
    differentiable_step,
    implementation_paths,
    rounding_remedies,
    rounding_threshold,
    sparse_gradient,
    step_in_backward,
)
from harness.probes.probe import Probe
from harness.probes.rule import (
    constant_gradient,
    decay_range,
    fixed_point,
    impulse_response,
    scale_freeness,
    superposition,
    symmetry,
    two_inits,
    zero_gradient,
)
from harness.probes.variants import averaged_weights, cautious_mask, estimated_rate

PROBES: Mapping[str, Probe] = {
    "accumulation": accumulation.PROBE,
    "averaged_weights": averaged_weights.PROBE,
    "cautious_mask": cautious_mask.PROBE,
    "checkpoint": checkpoint.PROBE,
    "constant_gradient": constant_gradient.PROBE,
    "decay_range": decay_range.PROBE,
    "differentiable_step": differentiable_step.PROBE,
    "estimated_rate": estimated_rate.PROBE,
    "exponential_lr": exponential_lr.PROBE,
    "fixed_point": fixed_point.PROBE,
    "flat_buffer": flat_buffer.PROBE,
    "implementation_paths": implementation_paths.PROBE,
    "impulse_response": impulse_response.PROBE,
    "layouts": layouts.PROBE,
    "loud_quiet_axes": loud_quiet_axes.PROBE,
    "missing_gradients": missing_gradients.PROBE,
    "noisy_quadratic": noisy_quadratic.PROBE,
    "norm_scaled_decay": norm_scaled_decay.PROBE,
    "null_space": null_space.PROBE,
    "parameter_groups": parameter_groups.PROBE,
    "repeated_parameters": repeated_parameters.PROBE,
    "rotational_equilibrium": rotational_equilibrium.PROBE,
    "rounding_remedies": rounding_remedies.PROBE,
    "rounding_threshold": rounding_threshold.PROBE,
    "scale_freeness": scale_freeness.PROBE,
    "scale_invariance": scale_invariance.PROBE,
    "schedules": schedules.PROBE,
    "sparse_gradient": sparse_gradient.PROBE,
    "step_in_backward": step_in_backward.PROBE,
    "superposition": superposition.PROBE,
    "symmetry": symmetry.PROBE,
    "two_inits": two_inits.PROBE,
    "unseen_row": unseen_row.PROBE,
    "weight_sharing": weight_sharing.PROBE,
    "zero_gradient": zero_gradient.PROBE,
}
