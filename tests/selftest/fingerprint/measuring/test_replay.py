"""Tests of replayed steps: the update and the decay of each step, and the least-squares fit."""

from __future__ import annotations

import pytest
import torch

from harness.fingerprint.measuring.gradient_sequence import draw_sequence
from harness.fingerprint.measuring.replay import ReplayedRun, replay, residual
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from tests.selftest.fingerprint.asked import MUTANTS

SEQUENCE = draw_sequence().first(7)


def replay_of(path: str, **options: object) -> ReplayedRun:
    """Return the replayed run of an optimizer on seven steps."""
    return replay(SubjectRunner(path, options), SEQUENCE)


def test_every_step_of_every_tensor_is_recorded_once() -> None:
    assert [(step.number, step.tensor) for step in replay_of("torch.optim:AdamW").steps] == [
        (number, tensor) for number in range(7) for tensor in range(2)
    ]


def test_adamw_decays_by_its_documented_share() -> None:
    for step in replay_of("torch.optim:AdamW").steps:
        expected = -SEQUENCE.lrs[step.number] * SEQUENCE.weight_decay * step.weight
        assert bool(((step.decay - expected).abs() <= step.noise).all())
        assert float((step.update - step.alone).abs().max()) <= step.tolerance


def test_a_step_is_the_sum_of_update_and_decay() -> None:
    run = replay_of("torch.optim:Adam")
    for step in run.steps:
        after = run.decayed[step.tensor][step.number + 1].flatten()
        assert torch.allclose(step.weight + step.update + step.decay, after, rtol=1e-14, atol=1e-15)


def test_momentum_keeps_earlier_decay_in_the_update() -> None:
    """The decay of the last step looks decoupled, but its update differs from that of the run without decay."""
    run = replay_of("torch.optim:SGD", momentum=0.9)
    last = run.steps[-1]
    expected = -SEQUENCE.lrs[-1] * SEQUENCE.weight_decay * last.weight
    assert bool(((last.decay - expected).abs() <= last.noise).all())
    assert float((last.update - last.update_without_decay_history).abs().max()) > 1e4 * last.tolerance


@pytest.mark.parametrize("name", ["AdamW", "Adafactor", "Muon", "NAdam"])
def test_updates_do_not_depend_on_decay_given_the_same_weights(name: str) -> None:
    """This includes Adafactor, whose update depends on the weight."""
    options = {"decoupled_weight_decay": True} if name == "NAdam" else {}
    for step in replay_of(f"torch.optim:{name}", **options).steps:
        assert float((step.update - step.update_without_decay_history).abs().max()) <= step.tolerance


@pytest.mark.parametrize("name", ["DecayCaptured", "DefaultDecayForAllGroups"])
def test_the_undecayed_run_is_used_if_group_decay_is_not_read(name: str) -> None:
    run = replay_of(MUTANTS + name)
    assert not run.replayed
    for step in run.steps:
        expected = -SEQUENCE.lrs[step.number] * SEQUENCE.weight_decay * step.weight
        assert float((step.decay - expected).abs().max()) <= step.tolerance


def test_a_decay_that_is_never_applied_is_not_visible() -> None:
    assert not replay_of(MUTANTS + "DecayForgotten").visible
    assert replay_of(MUTANTS + "DecayHalved").visible


def test_the_effect_exceeds_ten_thousand_tolerances() -> None:
    run = replay_of("torch.optim:AdamW")
    assert run.effect > 1e4 * run.tolerance
    assert all(float(step.decay.abs().max()) > 1e4 * step.tolerance for step in run.steps)


def test_a_fit_finds_the_coefficients_of_parts_of_any_size() -> None:
    large, small = torch.tensor([1.0, 2.0, 3.0, 4.0]).double(), torch.tensor([1.0, -1.0, 1.0, 2.0]).double() * 1e-9
    remainder, coefficients = residual(2.0 * large - 5.0 * small, large, small)
    assert remainder < 1e-14
    assert coefficients.tolist() == pytest.approx([2.0, -5.0], rel=1e-6)


def test_a_fit_returns_its_largest_residual() -> None:
    remainder, _ = residual(torch.tensor([1.0, 0.0]).double(), torch.tensor([1.0, 1.0]).double())
    assert remainder == pytest.approx(0.5)


def test_a_part_of_zeros_does_not_break_a_fit() -> None:
    remainder, _ = residual(torch.tensor([1.0, 2.0]).double(), torch.tensor([1.0, 2.0]).double(), torch.zeros(2).double())
    assert remainder < 1e-15
