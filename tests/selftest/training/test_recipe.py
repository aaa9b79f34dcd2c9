"""Tests of the training settings: every task name has a task; the steps of the checkpoints."""

from __future__ import annotations

from harness.training.chunks import MAKE_TASK
from harness.training.recipe import TASKS, Recipe


def test_the_names_of_tasks_are_those_that_can_be_made() -> None:
    """`recipe` lists the names without torch, and `chunks` makes the tasks."""
    assert set(TASKS) == set(MAKE_TASK)


def test_the_last_step_is_a_checkpoint() -> None:
    """It is one also where `evaluate_every` does not divide the number of steps, and it is one only once where it does."""
    assert Recipe(steps=20, evaluate_every=8).checkpoints == (0, 8, 16, 20)
    assert Recipe(steps=16, evaluate_every=8).checkpoints == (0, 8, 16)
