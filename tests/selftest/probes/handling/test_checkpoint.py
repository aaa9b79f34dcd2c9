"""Does the probe checkpoint see what a checkpoint and a copy carry?"""

from __future__ import annotations

import pytest
import torch

from harness.probes.handling import CheckpointSettings
from harness.probes.handling.checkpoint import run
from tests.selftest.probes.handled import inexact, read, usual
from tests.selftest.probes.subjects import exact, torch_optim

COPIES = ("deepcopy_error", "pickle_error")


def test_torch_meets_every_closed_form_with_room() -> None:
    """And each of them would see the effect that it looks for."""
    assert inexact("checkpoint") == []


@pytest.mark.parametrize("name", ["Adam", "SGD", "NAdam", "RMSprop", "Adagrad", "Adadelta", "ASGD", "Adafactor", "Muon"])
def test_any_optimizer_of_torch_resumes_and_is_copied(name: str) -> None:
    """To rounding, NAdam's float32 product of momenta included."""
    resumed = run(torch_optim(name), CheckpointSettings(lr=0.1, weight_decay=0.6))
    copied = run(torch_optim(name), CheckpointSettings(lr=0.1, weight_decay=0.6, copied=True))

    assert all(exact(resumed[measure]) for measure in ("first_step_error", "resume_error"))
    assert all(exact(copied[measure]) for measure in COPIES)


def test_a_stale_decay_is_as_large_as_the_constructors() -> None:
    """The first step takes lr x (2.5 - 1) x weight_decay too much of the largest weight, half of it in the second group."""
    reading = read("checkpoint", "any", "ConstructorDecayAtFirst")["first_step_error"]

    assert 0.03 < reading.value < 0.1


def test_a_forgotten_state_shows_at_the_first_step() -> None:
    """Adam's moments start anew."""
    assert read("checkpoint", "any", "StateForgottenOnLoad")["first_step_error"].value > 1e-3


@pytest.mark.parametrize(("arm", "decoupled"), [("adamw_from_adam", True), ("adam_from_adamw", True), ("old_adam", False)])
def test_a_loaded_decay_is_told_apart(arm: str, decoupled: bool) -> None:
    """lr x weight_decay of the weight if decoupled; lr, whatever the weight is, if not."""
    factor = usual("checkpoint", arm)["loaded_factor"].value

    assert (abs(factor - 0.94) < 1e-12) is decoupled


def test_nadam_is_coupled_by_a_checkpoint_without_the_flag() -> None:
    """As a NAdam that was built coupled steps, which is run here."""
    start = usual("checkpoint", "old_nadam")["loaded_factor"].expected
    weight = torch.nn.Parameter(torch.tensor([0.1 * 1.0564497 / (1 - start)], dtype=torch.float64))  # of the probe's size
    before = weight.item()
    weight.grad = torch.zeros_like(weight)
    torch.optim.NAdam([weight], lr=0.1, weight_decay=0.6, foreach=False).step()

    assert weight.item() / before == pytest.approx(start, abs=1e-6)
