"""Questions about handling: gradients, parameters, groups, steps, saved state, options."""

from __future__ import annotations

from harness.fingerprint.handling import (
    grad_scaler,
    gradients,
    groups,
    kernels,
    options,
    outside_step,
    parameters,
    shapes,
    state,
    steps,
)
from harness.fingerprint.question import Question

QUESTIONS: tuple[Question, ...] = (
    *gradients.QUESTIONS,
    *parameters.QUESTIONS,
    *shapes.QUESTIONS,
    *groups.QUESTIONS,
    *steps.QUESTIONS,
    *grad_scaler.QUESTIONS,
    *outside_step.QUESTIONS,
    *state.QUESTIONS,
    *options.DEFAULTS,
    *kernels.QUESTIONS,
    *options.QUESTIONS,
)
