"""Tests of seeded randomness: every run draws the same numbers; the caller's generators are restored."""

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
from harness.subject.loading import make_factory
from harness.subject.randomness import seeded_by_step
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
                    factor = torch.rand(()).item() + float(np.random.rand()) + random.random()
                    if weight.grad is not None:
                        weight.mul_(1 + NOISE * self.scale * (factor - 1.5))
        return loss


PATH = f"{__name__}:NoisyAdamW"


def numbers(name: str, folder: Path) -> str:
    """Draw other random numbers; then return the golden values of the scenario and its failures."""
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
    """The numbers are the same in every probe, after any earlier draws, so such an optimizer can have a golden."""
    assert numbers(name, tmp_path) == numbers(name, tmp_path)


def test_many_probes_run_the_random_optimizer() -> None:
    """The probes above are those with an arm of the role decoupled or any."""
    assert len(PROBED) > 25


def test_a_fingerprint_of_a_random_optimizer_is_repeatable() -> None:
    """It also reports that the optimizer draws random numbers."""
    fingerprints = []
    for _ in range(2):
        torch.rand(3)
        fingerprints.append({question.name: repr(finding) for question, finding in ask(PATH, {})})

    assert fingerprints[0] == fingerprints[1]
    assert "'seeded'" in fingerprints[0]["deterministic"]


def test_steps_and_constructors_restore_the_callers_states() -> None:
    """These are the states of torch, `numpy.random` and `random`."""
    weight, before = torch.nn.Parameter(torch.ones(3)), states()

    optimizer = make_factory(PATH, {}, training=False)([weight], lr=0.1, weight_decay=0.1)
    step_once(optimizer, 5, [weight], [torch.ones(3)])

    assert states() == before


def test_a_nested_block_leaves_the_outer_block_unchanged() -> None:
    """This happens when a step builds an optimizer."""

    def drawn(*, nested: bool) -> tuple[float, float, float]:
        with seeded_by_step(3):
            torch.rand(()), np.random.rand(), random.random()
            if nested:
                with seeded_by_step(4):
                    torch.rand(()), np.random.rand(), random.random()
            return torch.rand(()).item(), float(np.random.rand()), random.random()

    assert drawn(nested=True) == drawn(nested=False)


def test_the_states_are_restored_after_an_exception() -> None:
    before = states()

    with pytest.raises(ZeroDivisionError), seeded_by_step(3):
        raise ZeroDivisionError(random.random())

    assert states() == before


def test_random_numbers_depend_only_on_the_step() -> None:
    """The same step draws the same numbers, another step draws others."""

    def drawn(step: int) -> tuple[float, float, float]:
        with seeded_by_step(step):
            return torch.rand(()).item(), float(np.random.rand()), random.random()

    assert drawn(4) == drawn(4)
    assert all(first != second for first, second in zip(drawn(4), drawn(5), strict=True))
