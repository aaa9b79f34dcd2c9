"""Tests of attribution in a whole session: the line `moved: ...` of a red golden, on the terminal and in results.json."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.selftest.suite.test_session import Ended, session

MINE = """
import os
import torch

class Mine(torch.optim.AdamW):
    def __init__(self, params, lr, weight_decay, **options):
        super().__init__(params, lr=lr, weight_decay=weight_decay, foreach=False, **options)

    def step(self, closure=None):
        if "FAULT" in os.environ:
            for group in self.param_groups:
                for weight in group["params"]:
                    if weight.grad is not None:
                        weight.data.mul_(1 - 1e-6 * group["lr"] * group["weight_decay"])
        return super().step(closure)
"""
KERNEL = """
import torch

true = torch.Tensor.addcdiv_
torch.Tensor.addcdiv_ = lambda self, one, other, *, value=1: true(self, one, other, value=value * (1 + 1e-6))
"""
UNMOVED_WITNESSES = "our float64 reference and torch's AdamW still give the shipped numbers here"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project: an optimizer that is wrong if the variable FAULT is set, its golden, a plugin that changes a kernel of torch."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "mine.py").write_text(MINE, encoding="utf-8")
    (folder / "kernel.py").write_text(KERNEL, encoding="utf-8")
    assert run(folder, "--snapshot-update").code == 0
    return folder


def run(folder: Path, *arguments: str, scenario: str = "constant_gradient", mine: bool = True, **environment: str) -> Ended:
    """Compare the golden of one scenario in a process of its own; the project is on the import path of its plugins too."""
    under_test = ["--optimizer=mine:Mine", "--golden-dir=golden"] if mine else []
    selection = ["-m", "probe", "-k", f"{scenario} and not test_contract"]
    return session(folder, "-v", *under_test, *selection, *arguments, PYTHONPATH=str(folder), **environment)


def attributed(ended: Ended, scenario: str = "constant_gradient") -> str:
    """Return the attribution in results.json; assert that the terminal has it below the first line of the golden."""
    (golden,) = (record for record in ended.results["golden"] if record["scenario"] == scenario)
    assert golden["status"] == "failed"
    assert ended.lines[ended.lines.index(golden["message"]) + 1] == golden["attribution"]
    return str(golden["attribution"])


def test_a_changed_optimizer_is_blamed_itself(home: Path) -> None:
    """The golden was recorded before its step was changed."""
    assert attributed(run(home, FAULT="1")) == f"moved: this optimizer ({UNMOVED_WITNESSES})"


def test_a_changed_kernel_of_torch_is_the_environment(home: Path) -> None:
    """In a run of the shipped optimizers the golden is that of torch's AdamW, so torch's AdamW is blamed itself."""
    mine, shipped = run(home, "-p", "kernel"), run(home, "-p", "kernel", mine=False)

    assert attributed(mine).startswith(
        "moved: the environment (torch's AdamW moved by the same amount here and our float64 reference did not"
    )
    assert attributed(shipped).startswith("moved: this optimizer (torch's AdamW itself; ")


def test_a_scenario_of_fixed_optimizers_is_not_comparable(home: Path) -> None:
    """The line names the optimizer whose numbers no witness computes."""
    ended = run(home, "-p", "kernel", mine=False, scenario="rounding_remedies")

    assert attributed(ended, "rounding_remedies").startswith("moved: not comparable (torch.optim:AdamW runs there")


def test_a_recording_makes_no_attribution(home: Path) -> None:
    """A golden that cannot be recorded, because a claim fails, is red without the line."""
    ended = run(home, "--snapshot-update", FAULT="1")

    assert ended.code == 1
    assert "not recorded: claim " in ended.output
    assert "moved: " not in ended.output
