"""Does the probe differentiable_step know the derivatives of a run?"""

from __future__ import annotations

import pytest
import torch

from harness.probes.numerics import DifferentiableStepSettings
from harness.probes.numerics.differentiable_step import run
from tests.selftest.probes.judged import readings
from tests.selftest.probes.subjects import exact, torch_optim

FAULTY = "tests.mutants.numerics:"


@pytest.mark.parametrize("name", ["AdamW", "SGD"])
def test_torch_knows_both_derivatives(name: str) -> None:
    """With room to spare."""
    found = run(torch_optim(name, differentiable=True), DifferentiableStepSettings())

    assert all(exact(reading) for reading in found.values())


def test_the_closed_form_is_the_slope_between_two_runs() -> None:
    """Two runs of SGD whose weight decays differ by 2e-6: a central difference, by hand."""
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
    assert readings("differentiable_step", "sgd")["by_decay"].value == pytest.approx(1.0, rel=1e-12)


def test_the_start_is_forgotten_by_the_product_of_factors() -> None:
    """Five steps of 6 per cent and five of 3."""
    assert readings("differentiable_step", "adamw")["by_start"].value == pytest.approx(0.94**5 * 0.97**5, rel=1e-12)


def test_a_decay_outside_the_graph_has_no_derivative() -> None:
    """And the start is still forgotten at the right rate; without any graph nothing is."""
    detached = readings("differentiable_step", "adamw", path=FAULTY + "DecayDetached")
    assert detached["by_decay"].value == 0.0
    assert exact(detached["by_start"])

    ignored = readings("differentiable_step", "adamw", path=FAULTY + "DifferentiableIgnored")
    assert (ignored["by_decay"].value, ignored["by_start"].value) == (0.0, 1.0)


def test_adam_with_l2_has_other_derivatives() -> None:
    """The closed form is that of a decay that the preconditioner does not touch."""
    found = run(torch_optim("Adam", differentiable=True), DifferentiableStepSettings())

    assert abs(found["by_decay"].value - 1) > 0.1
    assert abs(found["by_start"].value - 0.94**5 * 0.97**5) > 0.1
