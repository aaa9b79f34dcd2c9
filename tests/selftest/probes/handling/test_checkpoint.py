"""Tests of the probe checkpoint: resumed and copied optimizers, and decay after the checkpoint of another one."""

from __future__ import annotations

import pytest
import torch

from harness.probes.handling import CheckpointSettings
from harness.probes.handling.checkpoint import run
from tests.selftest.probes.handled import measure_as_shipped, measurements_of, missed_closed_forms
from tests.selftest.probes.subjects import meets_closed_form, torch_optim

COPIES = ("deepcopy_error", "pickle_error")


def test_torch_meets_every_closed_form_with_margin() -> None:
    """Each reading is also sensitive: its effect is at least 1e4 tolerances."""
    assert missed_closed_forms("checkpoint") == []


@pytest.mark.parametrize("name", ["Adam", "SGD", "NAdam", "RMSprop", "Adagrad", "Adadelta", "ASGD", "Adafactor", "Muon"])
def test_torch_optimizers_resume_and_copy_exactly(name: str) -> None:
    """The tolerance includes one float32 rounding, because NAdam keeps a product of momenta in float32."""
    resumed = run(torch_optim(name), CheckpointSettings(lr=0.1, weight_decay=0.6))
    copied = run(torch_optim(name), CheckpointSettings(lr=0.1, weight_decay=0.6, copied=True))

    assert all(meets_closed_form(resumed[measure]) for measure in ("first_step_error", "resume_error"))
    assert all(meets_closed_form(copied[measure]) for measure in COPIES)


def test_the_constructors_decay_after_a_resume_is_measured() -> None:
    """The first step takes lr x (2.5 - 1) x weight_decay too much of a weight, and half of that in the second group."""
    measurement = measurements_of("checkpoint", "any", "ConstructorDecayAtFirst")["first_step_error"]

    assert 0.03 < measurement.value < 0.1


def test_a_lost_state_shows_at_the_first_step() -> None:
    """The mutant restores the groups, but Adam's moments start from zero."""
    assert measurements_of("checkpoint", "any", "StateForgottenOnLoad")["first_step_error"].value > 1e-3


@pytest.mark.parametrize(("arm", "decoupled"), [("adamw_from_adam", True), ("adam_from_adamw", True), ("old_adam", False)])
def test_coupled_and_decoupled_decay_differ_after_a_load(arm: str, decoupled: bool) -> None:
    """A decoupled step takes lr x weight_decay of the weight; a coupled step has length lr, whatever the weight is."""
    factor = measure_as_shipped("checkpoint", arm)["loaded_factor"].value

    assert (abs(factor - 0.94) < 1e-12) is decoupled


def test_a_checkpoint_without_the_flag_makes_nadam_coupled() -> None:
    """The expected factor is compared with a step of a coupled NAdam of torch."""
    expected = measure_as_shipped("checkpoint", "old_nadam")["loaded_factor"].expected
    weight = torch.nn.Parameter(torch.tensor([0.1 * 1.0564497 / (1 - expected)], dtype=torch.float64))  # the probe's weight
    before = weight.item()
    weight.grad = torch.zeros_like(weight)
    torch.optim.NAdam([weight], lr=0.1, weight_decay=0.6, foreach=False).step()

    assert weight.item() / before == pytest.approx(expected, abs=1e-6)
