"""The words of a study's training: each names something that trains."""

from __future__ import annotations

from harness.training.chunks import MAKE_TASK
from harness.training.recipe import TASKS


def test_every_task_that_a_study_may_name_can_be_made() -> None:
    """And no other one."""
    assert set(TASKS) == set(MAKE_TASK)
