"""Tests of AdamW for low-precision weights: equality with torch's AdamW in float32, and stochastic rounding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from harness.optimizers.low_precision import CompensatedAdamW, MasterWeightsAdamW, StochasticAdamW

REMEDIES = [MasterWeightsAdamW, CompensatedAdamW, StochasticAdamW]


def run_steps(make: Any, start: Tensor, *, steps: int = 20, **options: Any) -> Tensor:
    """Return the last weights of a run on seeded gradients; one weight's gradient is always zero."""
    generator = torch.Generator().manual_seed(5)
    weight = torch.nn.Parameter(start.clone())
    optimizer = make([weight], **options)
    for _ in range(steps):
        gradient = torch.randn(len(start), generator=generator).bfloat16()
        gradient[0] = 0.0
        weight.grad = gradient.to(start.dtype)
        optimizer.step()
    return weight.detach()


@pytest.mark.parametrize("make", [MasterWeightsAdamW, CompensatedAdamW])
def test_on_float32_weights_a_remedy_equals_torchs_adamw(make: Any) -> None:
    """A remedy acts only on bits that a narrow weight cannot hold."""
    start = torch.tensor([1.5, -0.3, 0.02, -4.0])

    ours, theirs = (run_steps(build, start, lr=0.05, weight_decay=0.4) for build in (make, torch.optim.AdamW))

    assert torch.allclose(ours, theirs, rtol=2e-6, atol=2e-7)
    assert not torch.equal(ours, start)


@pytest.mark.parametrize("make", REMEDIES)
def test_bfloat16_weights_stay_bfloat16(make: Any) -> None:
    """A weight whose gradient is None also keeps its bits."""
    idle = torch.nn.Parameter(torch.tensor([1.25], dtype=torch.bfloat16))
    stepped = torch.nn.Parameter(torch.tensor([1.25], dtype=torch.bfloat16))
    stepped.grad = torch.ones_like(stepped)

    make([idle, stepped], lr=0.1, weight_decay=0.5).step()

    assert stepped.dtype == torch.bfloat16
    assert float(stepped.detach()) != 1.25
    assert float(idle.detach()) == 1.25


def test_stochastic_rounding_rounds_up_with_the_right_chance() -> None:
    """A number at a quarter of the way from one bfloat16 number to the next is rounded up once in four times."""
    rounded = StochasticAdamW([torch.zeros(1)]).rounded(torch.full((40_000,), 1 + 2**-7 / 4))

    assert set(rounded.tolist()) == {1.0, 1 + 2**-7}
    assert float((rounded > 1.0).double().mean()) == pytest.approx(0.25, abs=5 * (0.25 * 0.75 / 40_000) ** 0.5)


def test_stochastic_rounding_keeps_bfloat16_numbers() -> None:
    """This holds for both signs and for all sizes."""
    numbers = torch.tensor([1.0, -1.0078125, 3.0e-5, -512.0, 0.0]).bfloat16().float()

    assert torch.equal(StochasticAdamW([torch.zeros(1)], seed=3).rounded(numbers), numbers)


def test_the_seed_determines_the_rounding() -> None:
    """The same seed gives the same bits, another seed other bits."""
    start = torch.linspace(1, 2, 100).bfloat16()
    first, repeated, other = (run_steps(StochasticAdamW, start, lr=0.01, weight_decay=0.1, seed=seed) for seed in (1, 1, 2))

    assert torch.equal(first, repeated)
    assert not torch.equal(first, other)
