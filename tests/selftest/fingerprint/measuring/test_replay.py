"""Is what decay changed of a step what it changed, and no more?"""

from __future__ import annotations

import pytest
import torch

from harness.fingerprint.measuring.gradient_sequence import draw_sequence
from harness.fingerprint.measuring.replay import ReplayedRun, replay, residual
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from tests.selftest.fingerprint.asked import MUTANTS

WALK = draw_sequence().first(7)


def seen(path: str, **options: object) -> ReplayedRun:
    return replay(SubjectRunner(path, options), WALK)


def test_every_step_of_every_tensor_is_there_once() -> None:
    assert [(step.number, step.tensor) for step in seen("torch.optim:AdamW").steps] == [
        (number, tensor) for number in range(7) for tensor in range(2)
    ]


def test_what_adamw_takes_is_its_documented_share() -> None:
    for step in seen("torch.optim:AdamW").steps:
        due = -WALK.lrs[step.number] * WALK.weight_decay * step.weight
        assert bool(((step.decay - due).abs() <= step.noise).all())
        assert float((step.update - step.alone).abs().max()) <= step.tolerance


def test_a_step_is_its_update_and_its_decay() -> None:
    found = seen("torch.optim:Adam")
    for step in found.steps:
        after = found.decayed[step.tensor][step.number + 1].flatten()
        assert torch.allclose(step.weight + step.update + step.decay, after, rtol=1e-14, atol=1e-15)


def test_momentum_keeps_earlier_decay_in_the_update() -> None:
    """What this step takes looks decoupled; the update no longer is that of the run without decay."""
    found = seen("torch.optim:SGD", momentum=0.9)
    last = found.steps[-1]
    due = -WALK.lrs[-1] * WALK.weight_decay * last.weight
    assert bool(((last.decay - due).abs() <= last.noise).all())
    assert float((last.update - last.unburdened).abs().max()) > 1e4 * last.tolerance


@pytest.mark.parametrize("name", ["AdamW", "Adafactor", "Muon", "NAdam"])
def test_on_the_same_weights_a_run_without_decay_takes_the_same_updates(name: str) -> None:
    """Also where an update depends on the weight, as Adafactor's does."""
    options = {"decoupled_weight_decay": True} if name == "NAdam" else {}
    for step in seen(f"torch.optim:{name}", **options).steps:
        assert float((step.update - step.unburdened).abs().max()) <= step.tolerance


@pytest.mark.parametrize("name", ["DecayCaptured", "DefaultDecayForAllGroups"])
def test_where_the_group_is_not_read_the_run_without_decay_stands_in(name: str) -> None:
    found = seen(MUTANTS + name)
    assert not found.replayed
    for step in found.steps:
        due = -WALK.lrs[step.number] * WALK.weight_decay * step.weight
        assert float((step.decay - due).abs().max()) <= step.tolerance


def test_a_decay_that_is_never_applied_is_not_visible() -> None:
    assert not seen(MUTANTS + "DecayForgotten").visible
    assert seen(MUTANTS + "DecayHalved").visible


def test_the_effect_is_ten_thousand_tolerances() -> None:
    found = seen("torch.optim:AdamW")
    assert found.effect > 1e4 * found.tolerance
    assert all(float(step.decay.abs().max()) > 1e4 * step.tolerance for step in found.steps)


def test_a_fit_finds_its_coefficients_whatever_their_sizes() -> None:
    one, other = torch.tensor([1.0, 2.0, 3.0, 4.0]).double(), torch.tensor([1.0, -1.0, 1.0, 2.0]).double() * 1e-9
    left, found = residual(2.0 * one - 5.0 * other, one, other)
    assert left < 1e-14
    assert found.tolist() == pytest.approx([2.0, -5.0], rel=1e-6)


def test_a_fit_says_what_it_leaves() -> None:
    left, _ = residual(torch.tensor([1.0, 0.0]).double(), torch.tensor([1.0, 1.0]).double())
    assert left == pytest.approx(0.5)


def test_a_part_that_is_zero_does_not_break_a_fit() -> None:
    left, _ = residual(torch.tensor([1.0, 2.0]).double(), torch.tensor([1.0, 2.0]).double(), torch.zeros(2).double())
    assert left < 1e-15
