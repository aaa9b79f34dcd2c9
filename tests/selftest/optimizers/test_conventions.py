"""Are the reference optimizers what their docstrings say? Held to torch where the conventions coincide."""

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
from harness.probes.inputs import given
from harness.subject.stepping import GroupInput, run_groups

LRS = [0.1] * 20


def run_steps(make: Any, *, lrs: list[float] = LRS, weight_decay: float = 0.0) -> Tensor:
    """Follow four weights along the same drawn gradients; one of them is exactly zero at every other step."""
    drawn = torch.randn(len(lrs), 1, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    drawn[::2, :, 1] = 0.0
    start = torch.tensor([[1.5, -0.3, 0.02, -4.0]], dtype=torch.float64)
    return run_groups(make, [GroupInput(start, given(drawn))], lrs=lrs, weight_decay=weight_decay)[0]


def close(one: Tensor, other: Tensor) -> bool:
    return bool(torch.allclose(one, other, rtol=1e-13, atol=1e-14))


def with_momentum(build: Any, **options: Any) -> Any:
    return lambda params, lr, weight_decay: build(params, lr=lr, weight_decay=weight_decay, momentum=0.9, **options)


@pytest.mark.parametrize("build", [IndependentSGD, DecoupledSGD])
def test_without_decay_the_sgd_forms_are_torch_sgd(build: Any) -> None:
    assert close(run_steps(with_momentum(build)), run_steps(with_momentum(torch.optim.SGD)))


@pytest.mark.parametrize("build", [IndependentAdamW, CautiousAdamW])
def test_without_decay_the_adam_forms_are_torch_adam(build: Any) -> None:
    assert close(run_steps(build), run_steps(torch.optim.Adam))


def test_decoupled_sgd_without_momentum_is_torch_sgd_with_l2() -> None:
    assert close(run_steps(DecoupledSGD, weight_decay=0.7), run_steps(torch.optim.SGD, weight_decay=0.7))


def test_decoupled_sgd_with_momentum_is_not_torch_sgd_with_l2() -> None:
    one, other = (run_steps(with_momentum(build), weight_decay=0.7) for build in (DecoupledSGD, torch.optim.SGD))
    assert not torch.allclose(one, other, atol=0.01)


def test_independent_adamw_is_adamw_at_a_decay_divided_by_its_first_learning_rate() -> None:
    lrs = [0.1] * 10 + [0.05] * 10
    assert close(run_steps(IndependentAdamW, lrs=lrs, weight_decay=0.07), run_steps(torch.optim.AdamW, lrs=lrs, weight_decay=0.7))


def test_independent_sgd_scales_its_decay_by_the_schedule_alone() -> None:
    lrs = [0.1] * 10 + [0.05] * 10
    assert close(run_steps(IndependentSGD, lrs=lrs, weight_decay=0.07), run_steps(torch.optim.SGD, lrs=lrs, weight_decay=0.7))


def one_step(optimizer: torch.optim.Optimizer) -> float:
    weight = optimizer.param_groups[0]["params"][0]
    weight.grad = torch.full_like(weight, -0.5)
    optimizer.step()
    return float(weight.detach())


def weight() -> Tensor:
    return torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))


def test_one_step_of_each_rule_is_the_published_formula() -> None:
    lr, decay = 0.1, 0.3
    assert one_step(IndependentSGD([weight()], lr=lr, weight_decay=decay)) == pytest.approx(0.7 * 2.0 + 0.05, rel=1e-14)
    after = IndependentSGD([weight()], lr=lr, weight_decay=decay, decay_after=True)
    assert one_step(after) == pytest.approx(0.7 * (2.0 + 0.05), rel=1e-14)
    assert one_step(ProximalSGD([weight()], lr=lr, weight_decay=decay)) == pytest.approx(2.05 / 1.03, rel=1e-14)
    assert one_step(SignSGD([weight()], lr=lr, weight_decay=decay)) == pytest.approx(0.97 * 2.0 + 0.1, rel=1e-14)


def test_cautious_decay_acts_only_where_the_update_shrinks_the_weight() -> None:
    outward = one_step(CautiousAdamW([weight()], lr=0.1, weight_decay=0.3, eps=0.0))  # gradient -0.5 moves 2.0 outward
    assert outward == pytest.approx(2.1, rel=1e-14)
    inward = CautiousAdamW([weight()], lr=0.1, weight_decay=0.3, eps=0.0)
    inward.param_groups[0]["params"][0].data.neg_()
    assert one_step(inward) == pytest.approx(-2.0 + 0.1 + 0.06, rel=1e-14)


def test_corrected_decay_starts_from_a_rate_of_zero() -> None:
    """A warm-up's first step does nothing, the second decays by its own rate, a smaller one by its square over the largest."""
    one = weight()
    optimizer = CorrectedAdamW([one], lr=0.1, weight_decay=0.3)
    for lr in (0.0, 0.2, 0.1):
        one.grad = torch.zeros_like(one)
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
    assert float(one.detach()) == pytest.approx(2.0 * (1 - 0.3 * 0.2) * (1 - 0.3 * 0.1**2 / 0.2), rel=1e-14)


def test_a_parameter_without_a_gradient_is_left_alone() -> None:
    still = weight()
    DecoupledSGD([still], lr=0.1, weight_decay=0.3).step()
    assert float(still.detach()) == 2.0


def test_lion_without_memory_is_the_sign_step() -> None:
    def memoryless(params: Any, lr: float, weight_decay: float) -> Any:
        return Lion(params, lr=lr, betas=(0.0, 0.0), weight_decay=weight_decay)

    assert close(run_steps(memoryless, weight_decay=0.7), run_steps(SignSGD, weight_decay=0.7))


def test_lion_steps_by_a_shorter_memory_than_it_keeps() -> None:
    """A small gradient of the other sign does not turn the first beta's mix 0.9 * 0.01 * 1 - 0.1 * 0.05."""
    one = weight()
    optimizer = Lion([one], lr=0.1, betas=(0.9, 0.99), weight_decay=0.3)
    for gradient in (1.0, -0.05, -0.5):
        one.grad = torch.full_like(one, gradient)
        optimizer.step()
    assert float(one.detach()) == pytest.approx(((2.0 * 0.97 - 0.1) * 0.97 - 0.1) * 0.97 + 0.1, rel=1e-14)


def test_a_step_of_lamb_is_as_long_as_its_weight_times_the_learning_rate() -> None:
    path = run_steps(Lamb, weight_decay=0.7)
    assert close((path[1:] - path[:-1]).norm(dim=(1, 2)), 0.1 * path[:-1].norm(dim=(1, 2)))


def test_the_first_step_of_lamb_is_the_published_formula() -> None:
    one = torch.nn.Parameter(torch.tensor([3.0, -4.0], dtype=torch.float64))
    one.grad = torch.tensor([0.5, 0.25], dtype=torch.float64)
    Lamb([one], lr=0.1, eps=0.0, weight_decay=0.2).step()
    pull = torch.tensor([1.0 + 0.6, 1.0 - 0.8], dtype=torch.float64)
    assert close(one.detach(), torch.tensor([3.0, -4.0], dtype=torch.float64) - 0.1 * 5.0 / pull.norm() * pull)


def test_lamb_moves_a_weight_of_zero_by_its_direction() -> None:
    one = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    one.grad = torch.tensor([0.5, -0.25], dtype=torch.float64)
    Lamb([one], lr=0.1, eps=0.0).step()
    assert close(one.detach(), torch.tensor([-0.1, 0.1], dtype=torch.float64))
