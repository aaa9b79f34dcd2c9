"""Tests of the numbers of given steps: they notice a changed update rule, and state what rounding explains."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.update.given_steps import RECORDED_STEPS, TENSORS, StepNumber, step_numbers
from tests.mutants.styles.signs_and_ratios import LambClampedSize
from tests.mutants.styles.walk import adam


class UnclampedLamb(LambClampedSize):
    """LAMB with a trust ratio that is not clamped."""

    def update(self, w: Tensor, g: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        pull = adam(state, g, group["betas"], 1e-6) + group["weight_decay"] * w
        w.sub_(group["lr"] * pull * w.norm() / pull.norm().clamp(min=1e-12))


class MomentumReset(LambClampedSize):
    """LAMB that loses its first moment at the seventh step."""

    def update(self, w: Tensor, g: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        if state.get("t") == 6:
            state["m"].zero_()
        super().update(w, g, group, state)


class MatricesOnly(torch.optim.AdamW):
    """AdamW that refuses vectors."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        if any(weight.ndim < 2 for group in self.param_groups for weight in group["params"]):
            raise ValueError("matrices only")


def numbers(subject: type | str, dtype: torch.dtype = torch.float64, **findings: str) -> dict[str, StepNumber]:
    """Return the numbers of a class, or of the optimizer at an import path, after these findings."""
    path = subject if isinstance(subject, str) else f"{subject.__module__}:{subject.__name__}"
    runner = SubjectRunner(path, {}, dtype)
    runner.findings.update({question: Finding((word,), "") for question, word in findings.items()})
    return step_numbers(runner)


def moved(new: dict[str, StepNumber], old: dict[str, StepNumber]) -> set[str]:
    """Return the names of the compared numbers that differ by more than the tolerance."""
    compared = {name: number.tolerance for name, number in old.items() if number.tolerance is not None}
    return {name for name, tolerance in compared.items() if abs(new[name].value - old[name].value) > tolerance}


def test_each_tensor_has_a_number_a_recorded_step_and_decay() -> None:
    names = set(numbers("torch.optim:AdamW"))
    assert names == {f"{t}.{d}.step_{s:02d}" for t in TENSORS for d in ("plain", "decayed") for s in RECORDED_STEPS}


@pytest.mark.parametrize("path", ["torch.optim:Adafactor", "torch.optim:NAdam", "torch.optim:AdamW"])
def test_foreach_gives_the_numbers_of_the_loop(path: str) -> None:
    """Two implementations of the same formula differ by rounding, which the tolerances hold."""
    runner = SubjectRunner(path, {"foreach": True})
    loop = numbers(path)
    assert moved(step_numbers(runner), loop) == set()
    assert all(number.tolerance is not None for number in loop.values())


def test_a_clamp_that_was_removed_moves_the_large_tensor() -> None:
    names = moved(numbers(UnclampedLamb), numbers(LambClampedSize))
    assert {name.split(".")[0] for name in names} == {"large"}


def test_a_lost_moment_moves_the_numbers_after_it() -> None:
    names = moved(numbers(MomentumReset), numbers(LambClampedSize))
    assert {name.rpartition("_")[2] for name in names} == {"10", "20"}


def test_a_tensor_that_is_refused_has_no_numbers() -> None:
    assert {name.split(".")[0] for name in numbers(MatricesOnly)} == {"matrix", "large"}


def test_a_rule_that_rounds_to_few_bits_is_not_compared() -> None:
    """torch's Muon orthogonalises in bfloat16, whose rounding depends on the machine."""
    assert all(number.tolerance is None for number in numbers("torch.optim:Muon").values())


def test_a_rule_that_keeps_signs_is_compared() -> None:
    """No change of the gradients changes its steps."""
    assert numbers("harness.optimizers:Lion")["matrix.plain.step_20"].tolerance is not None


def test_a_rule_that_draws_random_numbers_is_not_compared() -> None:
    random = numbers("torch.optim:AdamW", deterministic="seeded")
    assert random
    assert all(number.tolerance is None for number in random.values())


def test_float32_has_wider_tolerances() -> None:
    """The numbers of float32 lie within them."""
    single, double = numbers("torch.optim:NAdam", torch.float32), numbers("torch.optim:NAdam")
    assert moved(double, single) == set()
    assert single["vector.plain.step_20"].tolerance > 1e6 * double["vector.plain.step_20"].tolerance
