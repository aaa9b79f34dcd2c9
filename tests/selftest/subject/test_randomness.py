"""An optimizer that draws random numbers draws the same in every run, and leaves the caller's generators alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.catalog.load import load
from harness.fingerprint.ask import ask
from harness.goldens.extract import entries
from harness.run import Session, run
from harness.subject.loading import factory
from harness.subject.randomness import random_numbers_of
from harness.subject.roles import DEFAULTS, Subjects
from harness.subject.stepping import step_once
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress

NOISE = 1e-3
ROLES = {"decoupled", "any"}
PROBED = [
    name
    for name, loaded in load().items()
    if loaded.scenario.kind == "probe" and ROLES & {arm.role for arm in loaded.scenario.arms.values()}
]


class NoisyAdamW(torch.optim.AdamW):
    """AdamW with a random factor of its own, and noise from three libraries in every step."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, **options: Any) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay, **({"foreach": False} | options))
        self.scale = 1.0 + torch.rand(()).item() + float(np.random.rand()) + random.random()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = super().step(closure)
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    drawn = torch.rand(()).item() + float(np.random.rand()) + random.random()
                    if weight.grad is not None:
                        weight.mul_(1 + NOISE * self.scale * (drawn - 1.5))
        return loss


PATH = f"{__name__}:NoisyAdamW"


def numbers(name: str, folder: Path) -> str:
    """Return what a golden of the scenario would hold, and what failed, after other random numbers were drawn."""
    torch.rand(7)
    np.random.rand(7)
    random.random()
    loaded, subjects = load()[name], Subjects({**DEFAULTS, "decoupled": PATH}, ("decoupled",))
    result = run(loaded, Session(subjects, "cpu", ChunkCache(folder), Progress(folder, print), subject_output=[]))
    return repr((entries(loaded, result), result.failures))


def states() -> tuple[list[int], list[int], Any]:
    """Return the states of the three generators."""
    return torch.default_generator.get_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()


@pytest.mark.parametrize("name", PROBED)
def test_a_random_optimizer_repeats_its_numbers(name: str, tmp_path: Path) -> None:
    """In every probe, whatever was drawn before; so such an optimizer can hold a golden."""
    assert numbers(name, tmp_path) == numbers(name, tmp_path)


def test_there_is_something_to_repeat() -> None:
    """The probes above are those of the decoupled role and of any role."""
    assert len(PROBED) > 25


def test_a_fingerprint_of_a_random_optimizer_is_repeatable() -> None:
    """And it says that the optimizer draws random numbers."""
    found = []
    for _ in range(2):
        torch.rand(3)
        found.append({question.name: repr(finding) for question, finding in ask(PATH, {})})

    assert found[0] == found[1]
    assert "'seeded'" in found[0]["deterministic"]


def test_steps_and_constructors_restore_the_callers_states() -> None:
    """Of torch, `numpy.random` and `random`."""
    weight, before = torch.nn.Parameter(torch.ones(3)), states()

    optimizer = factory(PATH, {}, training=False)([weight], lr=0.1, weight_decay=0.1)
    step_once(optimizer, 5, [weight], [torch.ones(3)])

    assert states() == before


def test_blocks_may_be_nested() -> None:
    """The outer block goes on where it was: a step may build an optimizer."""

    def drawn(*, nested: bool) -> tuple[float, float, float]:
        with random_numbers_of(3):
            torch.rand(()), np.random.rand(), random.random()
            if nested:
                with random_numbers_of(4):
                    torch.rand(()), np.random.rand(), random.random()
            return torch.rand(()).item(), float(np.random.rand()), random.random()

    assert drawn(nested=True) == drawn(nested=False)


def test_the_states_are_restored_after_an_exception() -> None:
    """The block may raise."""
    before = states()

    with pytest.raises(ZeroDivisionError), random_numbers_of(3):
        raise ZeroDivisionError(random.random())

    assert states() == before


def test_the_numbers_follow_from_the_step_alone() -> None:
    """The same step draws the same numbers, another step draws others."""

    def drawn(step: int) -> tuple[float, float, float]:
        with random_numbers_of(step):
            return torch.rand(()).item(), float(np.random.rand()), random.random()

    assert drawn(4) == drawn(4)
    assert all(one != other for one, other in zip(drawn(4), drawn(5), strict=True))
