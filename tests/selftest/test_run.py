"""Tests of running a scenario with subjects that work, raise, refuse an option, or print."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.run import Result, Session, options_of, path_of, run
from harness.spec.contract import PROMISES, complete
from harness.spec.scenario import ProbeArm
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress
from tests.selftest.scenario_files import PROBE, replaced_once, write

MODULE = """
import torch

class Breaks(torch.optim.AdamW):
    taken = 0
    def step(self, closure=None):
        self.taken += 1
        if self.taken == 3:
            raise ValueError("no third step")
        print("a step")
        return super().step(closure)

class NoScalars(torch.optim.AdamW):
    def step(self, closure=None):
        if any(weight.ndim == 0 for group in self.param_groups for weight in group["params"]):
            raise ValueError("no scalars")
        return super().step(closure)

class Odd(torch.optim.AdamW):
    @property
    def param_groups(self):
        return None
    @param_groups.setter
    def param_groups(self, value):
        pass
"""


LAYOUTS = """\
title: Layouts
kind: probe
probe: layouts
settings: {lr: 0.1, weight_decay: 0.6}
golden_rtol: 1.0e-9
arms:
  adamw: {role: decoupled}
claims:
""" + PROBE.partition("claims:\n")[2].replace("unseen_ratio", "transposed_error")


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A user's module of broken optimizers, on the import path for one test."""
    (tmp_path / "breaking.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield "breaking"
    sys.modules.pop("breaking", None)


def ran(
    folder: Path, decoupled: str = DEFAULTS["decoupled"], *, subject_output: list[str], name: str = "row", **changed: str
) -> Result:
    """Write scenario files and run the one called `name`, with a subject in the decoupled role."""
    subjects = Subjects({**DEFAULTS, "decoupled": decoupled}, ("decoupled",))
    session = Session(subjects, "cpu", ChunkCache(folder), Progress(folder, print), subject_output)
    loaded: LoadedScenario = load(write(folder, **changed))[name]
    return run(loaded, session)


def test_every_arm_of_a_probe_is_measured(tmp_path: Path) -> None:
    """Each arm runs its own subject with its own settings."""
    result = ran(tmp_path, subject_output=[])

    assert set(result.measurements) == {"adamw", "sgd_l2"}
    assert result.failures == {}
    assert result.measurements["adamw"]["unseen_ratio"].value == pytest.approx((1 - 0.03) ** 300, rel=1e-10)
    assert result.measurements["sgd_l2"]["unseen_ratio"].value != result.measurements["adamw"]["unseen_ratio"].value


def test_a_subject_that_raises_fails_only_its_own_arms(tmp_path: Path, mine: str) -> None:
    """The message has arm, optimizer and step. Lines printed before the exception are captured, once."""
    subject_output: list[str] = []

    result = ran(tmp_path, f"{mine}:Breaks", subject_output=subject_output)

    assert result.failures == {"adamw": "arm adamw: breaking:Breaks raised ValueError at step 3: no third step"}
    assert set(result.measurements) == {"sgd_l2"}
    assert subject_output == ["prints: a step"]


def test_a_subject_that_is_no_optimizer_breaks_the_probe(tmp_path: Path, mine: str) -> None:
    """Outside `step` the message has the probe's own exception, and names the subject in one line."""
    result = ran(tmp_path, f"{mine}:Odd", subject_output=[])

    assert result.failures["adamw"].startswith("arm adamw: breaking:Odd ")
    assert "\n" not in result.failures["adamw"]


def test_a_refused_option_fails_its_arm(tmp_path: Path) -> None:
    """The message lists the arguments."""
    text = replaced_once(PROBE, "adamw: {role: decoupled}", "adamw: {role: decoupled, options: {amsgrad: true}}")

    result = ran(tmp_path, "tests.mutants.decay_rule:AdamWTwin", subject_output=[], row=text)

    assert result.failures["adamw"].startswith(
        "arm adamw: tests.mutants.decay_rule:AdamWTwin refuses its arguments (lr, weight_decay, amsgrad): TypeError: "
    )


def test_arithmetic_runs_no_optimizer(tmp_path: Path) -> None:
    """It works even with a subject that cannot be imported."""
    result = ran(tmp_path, "nowhere:Nothing", subject_output=[], name="time")

    assert result.measurements["usual"]["steps"].value == pytest.approx(10_000.0)
    assert result.failures == {}


def test_a_fixed_arm_keeps_its_subject(tmp_path: Path) -> None:
    """An arm with a role runs the subject that takes the role."""
    fixed = replaced_once(PROBE, "{role: decoupled}", '{role: fixed, subject: "torch.optim:NAdam"}')
    scenario = load(write(tmp_path, row=fixed))["row"].scenario
    subjects = Subjects({**DEFAULTS, "sgd": "a:B"}, ("sgd",))

    assert path_of(scenario, "adamw", subjects) == "torch.optim:NAdam"
    assert path_of(scenario, "sgd_l2", subjects) == "a:B"


@pytest.mark.parametrize(("declared", "betas"), [("taken", (0.5, 0.7)), ("fixed", None)])
def test_constants_are_given_where_the_contract_takes_them(declared: str, betas: tuple[float, float] | None) -> None:
    """An option of the arm counts before a constant. An optimizer that is not under test gets the constants always."""
    contract = complete({"adam_options": declared}, "decoupled")
    subjects = Subjects({**DEFAULTS, "decoupled": "mine:Mine"}, ("decoupled",), {**PROMISES, "decoupled": contract})
    arm = ProbeArm("decoupled", constants={"betas": (0.5, 0.7), "eps": 1.0}, options={"eps": 2.0})

    given = options_of(arm, subjects)

    assert given == ({"eps": 2.0} if betas is None else {"betas": betas, "eps": 2.0})
    assert options_of(replace(arm, role="coupled"), subjects) == {"betas": (0.5, 0.7), "eps": 2.0}


def test_a_refused_case_is_the_failure_of_its_measure(tmp_path: Path, mine: str) -> None:
    """The other measures of the arm are there."""
    result = ran(tmp_path, f"{mine}:NoScalars", subject_output=[], row=LAYOUTS)

    assert list(result.failures) == ["adamw.scalar_error", "adamw.scalar_factor"]
    assert result.failures["adamw.scalar_error"].startswith("arm adamw, scalar_error: breaking:NoScalars raised ValueError")
    assert "transposed_error" in result.measurements["adamw"]
