"""Tests of the probe differentiable_step: the derivatives of a run by weight decay and by the start."""

from __future__ import annotations

import pytest
import torch

from harness.probes.numerics import DifferentiableStepSettings
from harness.probes.numerics.differentiable_step import run
from tests.selftest.probes.judged import measurements_of
from tests.selftest.probes.subjects import meets_closed_form, torch_optim

FAULTY = "tests.mutants.numerics:"


@pytest.mark.parametrize("name", ["AdamW", "SGD"])
def test_torch_gives_both_derivatives(name: str) -> None:
    measured = run(torch_optim(name, differentiable=True), DifferentiableStepSettings())

    assert all(meets_closed_form(measurement) for measurement in measured.values())


def test_the_derivative_is_the_slope_between_two_runs() -> None:
    """The slope is a central difference of two runs of SGD, computed here, whose weight decays differ by 2e-6."""
    settings, ends = DifferentiableStepSettings(), []
    for decay in (settings.weight_decay - 1e-6, settings.weight_decay + 1e-6):
        weight = torch.tensor([2.0, -0.3, 0.05, -4.0], dtype=torch.float64)
        generator = torch.Generator().manual_seed(settings.seed)
        for step in range(settings.steps):
            lr = settings.lr if step < settings.steps // 2 else settings.lr / 2
            weight = weight - lr * (torch.randn(4, generator=generator, dtype=torch.float64) + decay * weight)
        ends.append(weight.sum())
    slope = float(ends[1] - ends[0]) / 2e-6
    lam, derivative = torch.tensor(settings.weight_decay, dtype=torch.float64, requires_grad=True), None
    weight = torch.tensor([2.0, -0.3, 0.05, -4.0], dtype=torch.float64)
    generator = torch.Generator().manual_seed(settings.seed)
    for step in range(settings.steps):
        lr = settings.lr if step < settings.steps // 2 else settings.lr / 2
        weight = weight - lr * (torch.randn(4, generator=generator, dtype=torch.float64) + lam * weight)
    (derivative,) = torch.autograd.grad(weight.sum(), lam)

    assert float(derivative) == pytest.approx(slope, rel=1e-6)
    assert measurements_of("differentiable_step", "sgd")["by_decay"].value == pytest.approx(1.0, rel=1e-12)


def test_the_derivative_by_the_start_is_a_product_of_factors() -> None:
    """Five steps decay by 6 per cent and five by 3 per cent."""
    assert measurements_of("differentiable_step", "adamw")["by_start"].value == pytest.approx(0.94**5 * 0.97**5, rel=1e-12)


def test_a_decay_outside_the_graph_has_no_derivative() -> None:
    """The derivative by the start is still right. Without any graph it is 1, as if the weights never decayed."""
    detached = measurements_of("differentiable_step", "adamw", path=FAULTY + "DecayDetached")
    assert detached["by_decay"].value == 0.0
    assert meets_closed_form(detached["by_start"])

    ignored = measurements_of("differentiable_step", "adamw", path=FAULTY + "DifferentiableIgnored")
    assert (ignored["by_decay"].value, ignored["by_start"].value) == (0.0, 1.0)


def test_adam_with_l2_has_other_derivatives() -> None:
    """The closed form holds only for a decay that the preconditioner does not scale."""
    measured = run(torch_optim("Adam", differentiable=True), DifferentiableStepSettings())

    assert abs(measured["by_decay"].value - 1) > 0.1
    assert abs(measured["by_start"].value - 0.94**5 * 0.97**5) > 0.1
