"""Tests of the gradient sequence: range of its numbers, decay added to gradients, placed weights, other shapes."""

from __future__ import annotations

import pytest
import torch

from harness.fingerprint.measuring.gradient_sequence import (
    OTHER_DECAY,
    OTHER_LRS,
    ZERO_COLUMN,
    GradientSequence,
    default_sequence,
    draw_sequence,
)
from harness.fingerprint.measuring.subject_runner import SubjectRunner

SEQUENCES = [draw_sequence(), draw_sequence(OTHER_LRS, OTHER_DECAY, seed=1)]


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_the_decay_of_a_step_is_measurable(sequence: GradientSequence) -> None:
    assert all(0.03 <= lr * sequence.weight_decay <= 0.25 for lr in sequence.lrs)
    assert sequence.weight_decay * max(sequence.lrs) / sequence.lrs[0] < 1.0  # a decay that only follows the schedule


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_learning_rates_go_up_and_down(sequence: GradientSequence) -> None:
    changes = [after - before for before, after in zip(sequence.lrs, sequence.lrs[1:], strict=False)]
    assert max(changes) > 0 > min(changes)


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_weights_have_both_signs_and_several_magnitudes(sequence: GradientSequence) -> None:
    for start in sequence.starts:
        assert 0 < float((start > 0).double().mean()) < 1
        assert float(start.abs().max() / start.abs().min()) > 30
        assert float(((sequence.weight_decay * start).abs() - 1).abs().min()) > 1e-3


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_gradients_are_zero_always_sometimes_or_never(sequence: GradientSequence) -> None:
    zero = torch.stack([first == 0 for first, _ in sequence.gradients]).double().mean(dim=0)
    assert bool((zero[:, ZERO_COLUMN] == 1).all())
    assert bool(((zero > 0) & (zero < 1)).any())
    assert bool((zero == 0).any())


def test_the_two_sequences_tell_scales_of_the_decay_apart() -> None:
    """The ratios of lr x weight_decay and of its variants with squares differ by more than 1 % from each other."""
    first, second = SEQUENCES
    rate, decay = second.lrs[0] / first.lrs[0], second.weight_decay / first.weight_decay
    factors = [decay, rate * decay, rate**2 * decay, rate * decay**2, decay**2]
    assert all(abs(factor / earlier - 1) > 0.01 for index, factor in enumerate(factors) for earlier in factors[:index])


def test_added_decay_is_a_multiple_of_weight_decay_times_w() -> None:
    sequence, runner = draw_sequence().first(3), SubjectRunner("torch.optim:SGD", {})
    path = sequence.run(runner, 0.0, added=2.0)[0]
    expected = path[0] - sequence.lrs[0] * (sequence.gradients[0][0] + 2.0 * sequence.weight_decay * path[0])
    assert torch.allclose(path[1], expected, rtol=1e-14, atol=1e-15)


def test_masked_added_decay_leaves_zero_gradients_zero() -> None:
    sequence, runner = draw_sequence().first(3), SubjectRunner("torch.optim:SGD", {})
    path = sequence.run(runner, 0.0, added=1.0, masked=True)[0]
    assert torch.equal(path[-1][:, ZERO_COLUMN], path[0][:, ZERO_COLUMN])


def test_a_maximizing_optimizer_takes_the_minimizing_path() -> None:
    minimized, maximized = (
        draw_sequence().run(SubjectRunner("torch.optim:AdamW", options), 0.3) for options in ({}, {"maximize": True})
    )
    assert all(torch.equal(path, other) for path, other in zip(minimized, maximized, strict=True))


def test_zero_gradients_are_left_out_if_they_break_the_optimizer() -> None:
    assert bool((default_sequence(SubjectRunner("torch.optim:AdamW", {})).gradients[0][0] == 0).any())
    assert not any(
        bool((gradient == 0).any())
        for given in default_sequence(SubjectRunner("torch.optim:AdamW", {"eps": 0.0})).gradients
        for gradient in given
    )


def test_reshaping_keeps_the_numbers() -> None:
    sequence = draw_sequence()
    flat = sequence.reshaped((20,), (12,))
    assert torch.equal(flat.starts[0], sequence.starts[0].flatten())
    assert torch.equal(flat.gradients[7][1], sequence.gradients[7][1].flatten())


def test_weights_are_placed_before_each_step() -> None:
    sequence, runner = draw_sequence().first(3), SubjectRunner("torch.optim:SGD", {})
    placed = [torch.full_like(path, 2.0) for path in sequence.run(runner, 0.0)]
    path = sequence.run(runner, 0.0, placed=placed)[0]
    assert torch.allclose(path[2], 2.0 - sequence.lrs[1] * sequence.gradients[1][0], rtol=1e-15)
