"""Do the steps on given gradients do what probes rely on?"""

from __future__ import annotations

import pytest
import torch

from harness.decay_laws.tolerances import changed, count_measurement, distance
from harness.policy import SIGNAL
from harness.probes.inputs import matrices, noise, parameters, zero_gradients
from harness.subject.stepping import run_steps, step_once


def test_weights_are_seeded_and_of_every_size_and_sign() -> None:
    """Twelve sizes from 0.3 to 3, six of each sign, in another order in each matrix."""
    first, second = matrices(2, seed=1)

    assert torch.equal(first, matrices(1, seed=1)[0])
    assert not torch.equal(first, second)
    assert torch.equal(first.abs().flatten().sort().values, second.abs().flatten().sort().values)
    assert (first.abs().min().item(), first.abs().max().item()) == pytest.approx((0.3, 3.0))
    assert int((first > 0).sum()) == 6


def test_no_weight_meets_the_decay_of_the_scenarios_at_one() -> None:
    """|weight_decay x w| = 1 makes coupled and decoupled decay the same first step."""
    sizes = matrices(1, seed=1)[0].abs().flatten()

    assert all(float((decay * sizes - 1).abs().min()) > 0.03 for decay in (0.6, 0.05))


def test_a_step_leaves_the_given_gradients_and_passes_none() -> None:
    """An optimizer that writes into .grad writes into a copy."""
    weights, rows = parameters(matrices(2, seed=2)), noise(1, 2, seed=2)
    given = rows[0][0].clone()

    class Spoiler(torch.optim.SGD):
        def step(self, closure=None):
            weights[0].grad.fill_(7.0)

    step_once(Spoiler(weights, lr=0.1), 0, weights, [rows[0][0], None])

    assert torch.equal(rows[0][0], given)
    assert weights[1].grad is None


def test_each_step_draws_the_random_numbers_of_its_own_seed() -> None:
    """So that a run and its continuation draw the same."""

    class Noisy(torch.optim.SGD):
        def step(self, closure=None):
            with torch.no_grad():
                weights[0].copy_(torch.rand(3, 4))

    weights = parameters(matrices(1, seed=3))
    rows = zero_gradients(2, weights)
    whole = run_steps(Noisy(weights, lr=0.1), weights, rows)
    again = run_steps(Noisy(weights, lr=0.1), weights, rows[1:], first=1)

    assert torch.equal(whole[0], again[0])


def test_what_is_not_a_number_is_far_and_changed() -> None:
    """A distance stays a number that can be judged, and NaN is equal to nothing."""
    one, bad = torch.ones(2, 2), torch.full((2, 2), torch.nan)

    assert distance([bad], [one]) == 1e300
    assert changed([bad], [bad]) == 4.0
    assert distance([one * 1.5], [one]) == 0.5


def test_a_count_sees_a_single_element() -> None:
    """Whose size is far above the tolerance."""
    reading = count_measurement(1.0, at_stake=1.0)

    assert reading.tolerance is not None
    assert reading.value > SIGNAL * reading.tolerance
