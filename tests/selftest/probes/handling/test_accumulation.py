"""Tests of the probe accumulation: updates and backward passes are distinguished, and decay and gradients."""

from __future__ import annotations

import math

import pytest
import torch

from harness.probes.handling import AccumulationSettings
from harness.probes.handling.accumulation import CLIP, run
from tests.selftest.probes.handled import measure_as_shipped, measurements_of, missed_closed_forms
from tests.selftest.probes.subjects import meets_closed_form, torch_optim


def test_torch_meets_every_closed_form_with_margin() -> None:
    """Each reading is also sensitive: its effect is at least 1e4 tolerances."""
    assert missed_closed_forms("accumulation") == []


@pytest.mark.parametrize("name", ["Adam", "NAdam", "RMSprop", "Adadelta", "Adafactor", "Muon"])
def test_torch_takes_accumulated_gradients_as_one_gradient(name: str) -> None:
    """The backward passes before a step must not count as steps."""
    assert meets_closed_form(run(torch_optim(name), AccumulationSettings(lr=0.1, weight_decay=0.6))["micro_batch_error"])


def test_a_decay_in_every_backward_pass_is_measured() -> None:
    """Apart from the updates, 0.94^20 of a weight remains instead of 0.94^5."""
    assert measurements_of("accumulation", "any", "DecayPerMicroBatch")["micro_batch_error"].value > 0.2


@pytest.mark.parametrize("name", ["SGD", "RAdam", "ASGD", "Adagrad", "Muon"])
def test_torch_does_not_decay_without_an_update(name: str) -> None:
    """Every call of a torch optimizer updates, so no call can decay alone."""
    assert run(torch_optim(name), AccumulationSettings(lr=0.1, weight_decay=0.6))["decayed_without_update"].value == 0.0


@pytest.mark.parametrize(("name", "calls"), [("MicroStepsTwin", 0), ("DecayInEveryMicroStep", 3)])
def test_decaying_calls_are_counted_from_the_first_update(name: str, calls: int) -> None:
    """Of eight calls the 2nd, 4th, 6th and 8th update. The 3rd, 5th and 7th only collect gradients and must not decay."""
    assert measurements_of("accumulation", "any", name)["decayed_without_update"].value == calls


def test_a_clipped_penalty_has_the_clipped_length() -> None:
    """The norm of twelve sizes from 0.3 to 3 follows from a geometric series. The step is lr x 0.05 along w."""
    ratio = 10 ** (2 / 11)
    norm = math.sqrt(0.09 * (ratio**12 - 1) / (ratio - 1))

    assert measure_as_shipped("accumulation", "sgd")["clipped_penalty_factor"].value == pytest.approx(
        1 - 0.1 * CLIP / norm, abs=1e-8
    )


def test_without_clipping_a_penalty_equals_the_argument() -> None:
    """The difference that the probe measures is therefore caused by clipping alone."""
    ends = []
    for in_loss in (True, False):
        weight = torch.nn.Parameter(torch.tensor([1.9, -0.4], dtype=torch.float64))
        optimizer = torch.optim.SGD([weight], lr=0.1, weight_decay=0.0 if in_loss else 0.6, foreach=False)
        for _ in range(3):
            weight.grad = 0.6 * weight.detach() if in_loss else torch.zeros_like(weight)
            optimizer.step()
        ends.append(weight.detach().clone())

    torch.testing.assert_close(ends[0], ends[1], rtol=1e-15, atol=0.0)


def test_adam_l2_decays_more_under_smaller_gradients() -> None:
    """Averaging makes the gradients smaller, so the penalty has more weight."""
    measurements = measure_as_shipped("accumulation", "adam_l2")

    assert measurements["averaged_survival"].value < measurements["summed_survival"].value


def test_the_epoch_ratio_differs_by_the_square_of_the_decay() -> None:
    """log(1 - 4x) / 4 - log(1 - x) is -(3/2) x^2 in leading order, times twelve steps."""
    ratio = measure_as_shipped("accumulation", "any_small")["epoch_ratio"].value

    assert math.log(ratio) == pytest.approx(-1.5 * 0.005**2 * 12, rel=0.05)
