"""Tests of stepping on given gradients, and of the weights and distances that probes use with it."""

from __future__ import annotations

import pytest
import torch

from harness.decay_laws.tolerances import count_differences, count_measurement, distance
from harness.policy import SIGNAL
from harness.probes.inputs import matrices, noise_gradients, parameters, zero_gradients
from harness.subject.stepping import run_steps, step_once


def test_probe_weights_have_every_size_and_both_signs() -> None:
    """There are twelve sizes from 0.3 to 3, six of each sign, in another order in each matrix."""
    first, second = matrices(2, seed=1)

    assert torch.equal(first, matrices(1, seed=1)[0])
    assert not torch.equal(first, second)
    assert torch.equal(first.abs().flatten().sort().values, second.abs().flatten().sort().values)
    assert (first.abs().min().item(), first.abs().max().item()) == pytest.approx((0.3, 3.0))
    assert int((first > 0).sum()) == 6


def test_no_weight_times_decay_is_near_one() -> None:
    """With |weight_decay x w| = 1, coupled and decoupled decay take the same first step."""
    sizes = matrices(1, seed=1)[0].abs().flatten()

    assert all(float((decay * sizes - 1).abs().min()) > 0.03 for decay in (0.6, 0.05))


def test_a_step_gets_copies_of_gradients_and_none_as_none() -> None:
    """An optimizer that writes into .grad writes into a copy."""
    weights, rows = parameters(matrices(2, seed=2)), noise_gradients(1, 2, seed=2)
    given = rows[0][0].clone()

    class Spoiler(torch.optim.SGD):
        def step(self, closure=None):
            weights[0].grad.fill_(7.0)

    step_once(Spoiler(weights, lr=0.1), 0, weights, [rows[0][0], None])

    assert torch.equal(rows[0][0], given)
    assert weights[1].grad is None


def test_a_continued_run_draws_the_same_random_numbers() -> None:
    """The seed of a step is its number in the whole run."""

    class Noisy(torch.optim.SGD):
        def step(self, closure=None):
            with torch.no_grad():
                weights[0].copy_(torch.rand(3, 4))

    weights = parameters(matrices(1, seed=3))
    rows = zero_gradients(2, weights)
    whole = run_steps(Noisy(weights, lr=0.1), weights, rows)
    again = run_steps(Noisy(weights, lr=0.1), weights, rows[1:], first=1)

    assert torch.equal(whole[0], again[0])


def test_nan_counts_as_far_and_as_changed() -> None:
    """A distance stays a finite number that can be judged, and NaN equals nothing."""
    ones, nans = torch.ones(2, 2), torch.full((2, 2), torch.nan)

    assert distance([nans], [ones]) == 1e300
    assert count_differences([nans], [nans]) == 4.0
    assert distance([ones * 1.5], [ones]) == 0.5


def test_a_count_is_sensitive_to_a_single_element() -> None:
    """One element is far more than the tolerance of the count."""
    measurement = count_measurement(1.0, at_stake=1.0)

    assert measurement.tolerance is not None
    assert measurement.value > SIGNAL * measurement.tolerance
