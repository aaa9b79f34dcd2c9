"""Can a decay be seen on the walk that a fingerprint measures on?"""

from __future__ import annotations

import pytest
import torch

from harness.fingerprint.measuring.gradient_sequence import (
    OTHER_DECAY,
    OTHER_LRS,
    SILENT,
    GradientSequence,
    default_sequence,
    draw_sequence,
)
from harness.fingerprint.measuring.subject_runner import SubjectRunner

WALKS = [draw_sequence(), draw_sequence(OTHER_LRS, OTHER_DECAY, seed=1)]


@pytest.mark.parametrize("walk", WALKS)
def test_the_decay_of_a_step_is_neither_lost_nor_absurd(sequence: GradientSequence) -> None:
    assert all(0.03 <= lr * sequence.weight_decay <= 0.25 for lr in sequence.lrs)
    assert sequence.weight_decay * max(sequence.lrs) / sequence.lrs[0] < 1.0  # a decay that only follows the schedule


@pytest.mark.parametrize("walk", WALKS)
def test_learning_rates_go_up_and_down(sequence: GradientSequence) -> None:
    changes = [after - before for before, after in zip(sequence.lrs, sequence.lrs[1:], strict=False)]
    assert max(changes) > 0 > min(changes)


@pytest.mark.parametrize("walk", WALKS)
def test_weights_have_both_signs_several_magnitudes_and_no_degenerate_size(sequence: GradientSequence) -> None:
    for start in sequence.starts:
        assert 0 < float((start > 0).double().mean()) < 1
        assert float(start.abs().max() / start.abs().min()) > 30
        assert float(((sequence.weight_decay * start).abs() - 1).abs().min()) > 1e-3


@pytest.mark.parametrize("walk", WALKS)
def test_some_gradients_are_exactly_zero_always_some_sometimes_and_some_never(sequence: GradientSequence) -> None:
    zero = torch.stack([first == 0 for first, _ in sequence.gradients]).double().mean(dim=0)
    assert bool((zero[:, SILENT] == 1).all())
    assert bool(((zero > 0) & (zero < 1)).any())
    assert bool((zero == 0).any())


def test_no_ratio_of_the_two_walks_is_that_of_another_convention() -> None:
    """Learning rate, its square and the decay differ by factors that cannot stand for each other."""
    first, other = WALKS
    rate, decay = other.lrs[0] / first.lrs[0], other.weight_decay / first.weight_decay
    factors = [decay, rate * decay, rate**2 * decay, rate * decay**2, decay**2]
    assert all(abs(one / two - 1) > 0.01 for index, one in enumerate(factors) for two in factors[:index])


def test_what_is_added_outside_is_a_multiple_of_weight_decay_times_the_weight() -> None:
    sequence, runner = draw_sequence().first(3), SubjectRunner("torch.optim:SGD", {})
    path = sequence.run(runner, 0.0, added=2.0)[0]
    due = path[0] - sequence.lrs[0] * (sequence.gradients[0][0] + 2.0 * sequence.weight_decay * path[0])
    assert torch.allclose(path[1], due, rtol=1e-14, atol=1e-15)


def test_what_is_added_under_a_mask_leaves_zero_gradients_zero() -> None:
    sequence, runner = draw_sequence().first(3), SubjectRunner("torch.optim:SGD", {})
    path = sequence.run(runner, 0.0, added=1.0, masked=True)[0]
    assert torch.equal(path[-1][:, SILENT], path[0][:, SILENT])


def test_an_optimizer_that_maximizes_walks_as_one_that_minimizes() -> None:
    one, other = (draw_sequence().run(SubjectRunner("torch.optim:AdamW", options), 0.3) for options in ({}, {"maximize": True}))
    assert all(torch.equal(path, same) for path, same in zip(one, other, strict=True))


def test_an_optimizer_that_a_zero_gradient_breaks_is_given_none() -> None:
    assert bool((default_sequence(SubjectRunner("torch.optim:AdamW", {})).gradients[0][0] == 0).any())
    assert not any(
        bool((one == 0).any())
        for given in default_sequence(SubjectRunner("torch.optim:AdamW", {"eps": 0.0})).gradients
        for one in given
    )


def test_another_shape_holds_the_same_numbers() -> None:
    sequence = draw_sequence()
    flat = sequence.reshaped((20,), (12,))
    assert torch.equal(flat.starts[0], sequence.starts[0].flatten())
    assert torch.equal(flat.gradients[7][1], sequence.gradients[7][1].flatten())


def test_weights_that_are_placed_are_where_they_were_put_before_each_step() -> None:
    sequence, runner = draw_sequence().first(3), SubjectRunner("torch.optim:SGD", {})
    there = [torch.full_like(path, 2.0) for path in sequence.run(runner, 0.0)]
    path = sequence.run(runner, 0.0, placed=there)[0]
    assert torch.allclose(path[2], 2.0 - sequence.lrs[1] * sequence.gradients[1][0], rtol=1e-15)
