"""Tests of the training settings: every task name has a task."""

from __future__ import annotations

from harness.training.chunks import MAKE_TASK
from harness.training.recipe import TASKS


def test_the_names_of_tasks_are_those_that_can_be_made() -> None:
    """`recipe` lists the names without torch, and `chunks` makes the tasks."""
    assert set(TASKS) == set(MAKE_TASK)
