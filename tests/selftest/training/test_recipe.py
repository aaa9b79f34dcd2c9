"""The words of a study's training: each names something that trains."""

from __future__ import annotations

from harness.goldens import extract
from harness.training.chunks import MAKE_TASK
from harness.training.recipe import TASKS, TRAJECTORY_STEPS


def test_every_task_that_a_study_may_name_can_be_made() -> None:
    """And no other one."""
    assert set(TASKS) == set(MAKE_TASK)


def test_the_trajectory_ends_with_the_last_step_that_is_recorded() -> None:
    """No step is trained that no golden holds."""
    assert max(extract.RECORDED_STEPS) == TRAJECTORY_STEPS
