"""Does the probe accumulation tell updates from backward passes, and decay from gradients?"""

from __future__ import annotations

import math

import pytest
import torch

from harness.probes.handling import AccumulationSettings
from harness.probes.handling.accumulation import CLIP, run
from tests.selftest.probes.handled import inexact, read, usual
from tests.selftest.probes.subjects import exact, torch_optim


def test_torch_meets_every_closed_form_with_room() -> None:
    """And each of them would see the effect that it looks for."""
    assert inexact("accumulation") == []


@pytest.mark.parametrize("name", ["Adam", "NAdam", "RMSprop", "Adadelta", "Adafactor", "Muon"])
def test_any_optimizer_of_torch_takes_accumulated_gradients_as_one(name: str) -> None:
    """Backward passes are no steps."""
    assert exact(run(torch_optim(name), AccumulationSettings(lr=0.1, weight_decay=0.6))["micro_batch_error"])


def test_decay_with_every_backward_pass_takes_four_times_as_much() -> None:
    """0.94^20 of a weight instead of 0.94^5, apart from the updates."""
    assert read("accumulation", "any", "DecayPerMicroBatch")["micro_batch_error"].value > 0.2


@pytest.mark.parametrize("name", ["SGD", "RAdam", "ASGD", "Adagrad", "Muon"])
def test_no_optimizer_of_torch_decays_in_a_call_that_does_not_update(name: str) -> None:
    """Each of their calls updates."""
    assert run(torch_optim(name), AccumulationSettings(lr=0.1, weight_decay=0.6))["decayed_without_update"].value == 0.0


@pytest.mark.parametrize(("name", "calls"), [("MicroStepsTwin", 0), ("DecayInEveryMicroStep", 3)])
def test_calls_that_only_collect_are_counted_after_the_first_update(name: str, calls: int) -> None:
    """Of eight calls the 2nd, 4th, 6th and 8th update; the 3rd, 5th and 7th must not decay."""
    assert read("accumulation", "any", name)["decayed_without_update"].value == calls


def test_a_clipped_penalty_takes_the_clip() -> None:
    """The norm of twelve sizes from 0.3 to 3 is a sum of a geometric series; the step is lr x 0.05 along w."""
    ratio = 10 ** (2 / 11)
    norm = math.sqrt(0.09 * (ratio**12 - 1) / (ratio - 1))

    assert usual("accumulation", "sgd")["clipped_penalty_factor"].value == pytest.approx(1 - 0.1 * CLIP / norm, abs=1e-8)


def test_a_penalty_in_the_loss_is_the_argument_without_clipping() -> None:
    """So it is the clipping that makes the difference."""
    ends = []
    for in_loss in (True, False):
        weight = torch.nn.Parameter(torch.tensor([1.9, -0.4], dtype=torch.float64))
        optimizer = torch.optim.SGD([weight], lr=0.1, weight_decay=0.0 if in_loss else 0.6, foreach=False)
        for _ in range(3):
            weight.grad = 0.6 * weight.detach() if in_loss else torch.zeros_like(weight)
            optimizer.step()
        ends.append(weight.detach().clone())

    torch.testing.assert_close(ends[0], ends[1], rtol=1e-15, atol=0.0)


def test_the_share_under_adam_with_l2_depends_on_the_scale_of_gradients() -> None:
    """Averaging makes them smaller, so the penalty weighs more."""
    found = usual("accumulation", "adam_l2")

    assert found["averaged_survival"].value < found["summed_survival"].value


def test_epochs_at_a_larger_batch_differ_by_the_square() -> None:
    """log(1 - 4x) / 4 - log(1 - x) is -(3/2) x^2 to first order, times twelve steps."""
    small = usual("accumulation", "any_small")["epoch_ratio"].value

    assert math.log(small) == pytest.approx(-1.5 * 0.005**2 * 12, rel=0.05)
