"""Does a whole run say what moved where a golden is red, on the terminal and in results.json, and only there?"""

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
STILL = "our float64 reference and torch's AdamW still give the recorded numbers here"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an optimizer that is right until FAULT is set, its golden, and a plugin that changes a kernel of torch."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "mine.py").write_text(MINE, encoding="utf-8")
    (folder / "kernel.py").write_text(KERNEL, encoding="utf-8")
    assert run(folder, "--snapshot-update").code == 0
    return folder


def run(folder: Path, *arguments: str, scenario: str = "constant_gradient", mine: bool = True, **environment: str) -> Ended:
    """Compare the golden of one scenario in a process of its own; the project is on the import path of its plugins too."""
    under_test = ["--optimizer=mine:Mine", "--golden-dir=golden"] if mine else []
    chosen = ["-m", "probe", "-k", f"{scenario} and not test_contract"]
    return session(folder, *under_test, *chosen, *arguments, PYTHONPATH=str(folder), **environment)


def attributed(ended: Ended, scenario: str = "constant_gradient") -> str:
    """Return what results.json says has moved, which stands under the golden's first line on the terminal as well."""
    (golden,) = (one for one in ended.results["golden"] if one["scenario"] == scenario)
    assert golden["status"] == "failed"
    assert ended.lines[ended.lines.index(golden["message"]) + 1] == golden["attribution"]
    return str(golden["attribution"])


def test_an_optimizer_that_changed_moved_itself(home: Path) -> None:
    """Against the golden that it recorded before."""
    assert attributed(run(home, FAULT="1")) == f"moved: this optimizer ({STILL})"


def test_a_changed_kernel_of_torch_is_its_environment(home: Path) -> None:
    """And in a run of the shipped optimizers torch's own move."""
    mine, shipped = run(home, "-p", "kernel"), run(home, "-p", "kernel", mine=False)

    assert attributed(mine).startswith("moved: the environment (torch's AdamW moved alike here and our float64 reference did not")
    assert attributed(shipped).startswith("moved: this optimizer (torch's AdamW itself; ")


def test_a_scenario_of_fixed_optimizers_is_not_comparable(home: Path) -> None:
    """And says of whom nothing else computes the numbers."""
    ended = run(home, "-p", "kernel", mine=False, scenario="rounding_remedies")

    assert attributed(ended, "rounding_remedies").startswith("moved: not comparable (torch.optim:AdamW runs there")


def test_nobody_is_asked_while_recording(home: Path) -> None:
    """A golden that cannot be recorded, because a claim fails, is red without the line."""
    ended = run(home, "--snapshot-update", FAULT="1")

    assert ended.code == 1
    assert "not recorded: claim " in ended.said
    assert "moved: " not in ended.said
