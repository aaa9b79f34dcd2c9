"""Tests of the reference optimizers: published formulas, and equality with torch where conventions agree."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from harness.optimizers.conventions import (
    CautiousAdamW,
    CorrectedAdamW,
    DecoupledSGD,
    IndependentAdamW,
    IndependentSGD,
    Lamb,
    Lion,
    ProximalSGD,
    SignSGD,
)
from harness.probes.inputs import recorded_gradient
from harness.subject.stepping import GroupInput, run_groups

LRS = [0.1] * 20


def run_steps(make: Any, *, lrs: list[float] = LRS, weight_decay: float = 0.0) -> Tensor:
    """Return the path of four weights under seeded gradients; one gradient is exactly zero at every other step."""
    drawn = torch.randn(len(lrs), 1, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    drawn[::2, :, 1] = 0.0
    start = torch.tensor([[1.5, -0.3, 0.02, -4.0]], dtype=torch.float64)
    return run_groups(make, [GroupInput(start, recorded_gradient(drawn))], lrs=lrs, weight_decay=weight_decay)[0]


def close(ours: Tensor, theirs: Tensor) -> bool:
    return bool(torch.allclose(ours, theirs, rtol=1e-13, atol=1e-14))


def with_momentum(build: Any, **options: Any) -> Any:
    return lambda params, lr, weight_decay: build(params, lr=lr, weight_decay=weight_decay, momentum=0.9, **options)


@pytest.mark.parametrize("build", [IndependentSGD, DecoupledSGD])
def test_without_decay_sgd_variants_equal_torch_sgd(build: Any) -> None:
    assert close(run_steps(with_momentum(build)), run_steps(with_momentum(torch.optim.SGD)))


@pytest.mark.parametrize("build", [IndependentAdamW, CautiousAdamW])
def test_without_decay_adam_variants_equal_torch_adam(build: Any) -> None:
    assert close(run_steps(build), run_steps(torch.optim.Adam))


def test_decoupled_sgd_without_momentum_equals_torch_sgd_l2() -> None:
    assert close(run_steps(DecoupledSGD, weight_decay=0.7), run_steps(torch.optim.SGD, weight_decay=0.7))


def test_decoupled_sgd_with_momentum_differs_from_sgd_l2() -> None:
    ours, theirs = (run_steps(with_momentum(build), weight_decay=0.7) for build in (DecoupledSGD, torch.optim.SGD))
    assert not torch.allclose(ours, theirs, atol=0.01)


def test_independent_adamw_equals_adamw_at_decay_over_first_lr() -> None:
    lrs = [0.1] * 10 + [0.05] * 10
    assert close(run_steps(IndependentAdamW, lrs=lrs, weight_decay=0.07), run_steps(torch.optim.AdamW, lrs=lrs, weight_decay=0.7))


def test_independent_sgd_scales_decay_by_the_schedule_only() -> None:
    lrs = [0.1] * 10 + [0.05] * 10
    assert close(run_steps(IndependentSGD, lrs=lrs, weight_decay=0.07), run_steps(torch.optim.SGD, lrs=lrs, weight_decay=0.7))


def one_step(optimizer: torch.optim.Optimizer) -> float:
    weight = optimizer.param_groups[0]["params"][0]
    weight.grad = torch.full_like(weight, -0.5)
    optimizer.step()
    return float(weight.detach())


def weight() -> Tensor:
    return torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))


def test_one_step_of_each_rule_follows_its_formula() -> None:
    lr, decay = 0.1, 0.3
    assert one_step(IndependentSGD([weight()], lr=lr, weight_decay=decay)) == pytest.approx(0.7 * 2.0 + 0.05, rel=1e-14)
    after = IndependentSGD([weight()], lr=lr, weight_decay=decay, decay_after=True)
    assert one_step(after) == pytest.approx(0.7 * (2.0 + 0.05), rel=1e-14)
    assert one_step(ProximalSGD([weight()], lr=lr, weight_decay=decay)) == pytest.approx(2.05 / 1.03, rel=1e-14)
    assert one_step(SignSGD([weight()], lr=lr, weight_decay=decay)) == pytest.approx(0.97 * 2.0 + 0.1, rel=1e-14)


def test_cautious_decay_needs_an_update_that_shrinks_the_weight() -> None:
    outward = one_step(CautiousAdamW([weight()], lr=0.1, weight_decay=0.3, eps=0.0))  # gradient -0.5 moves 2.0 outward
    assert outward == pytest.approx(2.1, rel=1e-14)
    inward = CautiousAdamW([weight()], lr=0.1, weight_decay=0.3, eps=0.0)
    inward.param_groups[0]["params"][0].data.neg_()
    assert one_step(inward) == pytest.approx(-2.0 + 0.1 + 0.06, rel=1e-14)


def test_corrected_decay_can_start_at_a_learning_rate_of_zero() -> None:
    """A step at lr 0 takes nothing, one at the largest lr decays by lr, a later one by lr^2 over the largest lr."""
    parameter = weight()
    optimizer = CorrectedAdamW([parameter], lr=0.1, weight_decay=0.3)
    for lr in (0.0, 0.2, 0.1):
        parameter.grad = torch.zeros_like(parameter)
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
    assert float(parameter.detach()) == pytest.approx(2.0 * (1 - 0.3 * 0.2) * (1 - 0.3 * 0.1**2 / 0.2), rel=1e-14)


def test_a_parameter_without_gradient_is_unchanged() -> None:
    idle = weight()
    DecoupledSGD([idle], lr=0.1, weight_decay=0.3).step()
    assert float(idle.detach()) == 2.0


def test_lion_without_momentum_equals_sign_sgd() -> None:
    def without_momentum(params: Any, lr: float, weight_decay: float) -> Any:
        return Lion(params, lr=lr, betas=(0.0, 0.0), weight_decay=weight_decay)

    assert close(run_steps(without_momentum, weight_decay=0.7), run_steps(SignSGD, weight_decay=0.7))


def test_lion_uses_beta1_for_the_sign_and_beta2_for_momentum() -> None:
    """A small gradient of the other sign does not turn the sign of 0.9 * 0.01 * 1 - 0.1 * 0.05, the mix by beta1."""
    parameter = weight()
    optimizer = Lion([parameter], lr=0.1, betas=(0.9, 0.99), weight_decay=0.3)
    for gradient in (1.0, -0.05, -0.5):
        parameter.grad = torch.full_like(parameter, gradient)
        optimizer.step()
    assert float(parameter.detach()) == pytest.approx(((2.0 * 0.97 - 0.1) * 0.97 - 0.1) * 0.97 + 0.1, rel=1e-14)


def test_a_step_of_lamb_has_length_lr_times_weight_norm() -> None:
    path = run_steps(Lamb, weight_decay=0.7)
    assert close((path[1:] - path[:-1]).norm(dim=(1, 2)), 0.1 * path[:-1].norm(dim=(1, 2)))


def test_the_first_step_of_lamb_follows_its_formula() -> None:
    parameter = torch.nn.Parameter(torch.tensor([3.0, -4.0], dtype=torch.float64))
    parameter.grad = torch.tensor([0.5, 0.25], dtype=torch.float64)
    Lamb([parameter], lr=0.1, eps=0.0, weight_decay=0.2).step()
    pull = torch.tensor([1.0 + 0.6, 1.0 - 0.8], dtype=torch.float64)
    assert close(parameter.detach(), torch.tensor([3.0, -4.0], dtype=torch.float64) - 0.1 * 5.0 / pull.norm() * pull)


def test_lamb_moves_a_weight_of_zero_by_its_direction() -> None:
    parameter = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    parameter.grad = torch.tensor([0.5, -0.25], dtype=torch.float64)
    Lamb([parameter], lr=0.1, eps=0.0).step()
    assert close(parameter.detach(), torch.tensor([-0.1, 0.1], dtype=torch.float64))
