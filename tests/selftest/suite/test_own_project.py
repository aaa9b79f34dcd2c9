"""Tests of the suite in a user's project: contract, expected failures and goldens work, and no file of the project changes.

Each run is a separate process, started as the project's CI would start it. Options are written with "=": before pytest has read
the suite's options it takes a separate word for a test path, and reads the conftest in its folder.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.environment.paths import ROOT
from tests.selftest.suite.test_session import python, session

OPTIM = """
import time
import torch

class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is None:
                    continue
                m = self.state[w].setdefault("m", torch.zeros_like(w))
                w.mul_(1 - group["lr"] * group["weight_decay"])
                w.sub_(group["lr"] * torch.sign(m.lerp(w.grad, 1 - group["betas"][0])))
                m.lerp_(w.grad, 1 - group["betas"][1])
        return loss

class Copy(torch.optim.AdamW):
    pass

class Forgets(torch.optim.AdamW):
    def step(self, closure=None):
        for group in self.param_groups:
            group["weight_decay"] = 0.0
        return super().step(closure)

class Hangs(torch.optim.AdamW):
    def step(self, closure=None):
        while True:
            time.sleep(0.01)
"""
LION = "step_rule: sign\n"
TABLE = """
[tool.decaygate]
optimizer = "optim.lion:Lion"
contract = "decaygate/contract.yaml"
golden_dir = "decaygate/golden"
[tool.pytest.ini_options]
addopts = "--no-such-option"
"""
ROW = "unseen_row_shrinks_by_the_product_of_decay_factors"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with an optimizer, its contract, and settings and modules that would break a run that reads them."""
    files = {
        "optim/lion.py": OPTIM,
        "optim/__init__.py": "",
        "decaygate/contract.yaml": LION,
        "pyproject.toml": TABLE,
        "pytest.ini": "[pytest]\naddopts = --no-such-option\n",
        "conftest.py": "raise RuntimeError('a conftest of the project was read')",
        "harness/__init__.py": "raise RuntimeError('the harness of the project was read')",
        "tests/__init__.py": "raise RuntimeError('the tests of the project were read')",
        "statistics.py": "raise RuntimeError('a module of the project hid one of Python')",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, by its path there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_in_a_project_leaves_its_files_unchanged(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The project's table gives all options. Its pytest settings, its modules and warnings as errors do not interfere."""
    before, report = content(project), tmp_path_factory.mktemp("elsewhere")

    # The table names a golden folder without goldens, so the golden tests would be red.
    selection = "(zero_gradient or test_contract) and not test_golden"
    ended = session(project, "-k", selection, "-n", "2", report=str(report), PYTHONWARNINGS="error")

    assert ended.code == 0, ended.output
    statuses = {claim["status"] for claim in ended.results["claims"]}
    assert statuses <= {"held", "refuted_as_documented", "not_applicable"}
    assert ended.claims()["decay_follows_the_current_learning_rate"]["status"] == "held"
    assert {check["field"] for check in ended.results["contract"] if check["met"]} >= {"coupling", "scale", "order", "step_rule"}
    assert all(check["met"] for check in ended.results["contract"])
    assert content(project) == before


def test_without_a_contract_another_step_rule_is_red(project: Path) -> None:
    """The message has the role's step rule, the measured one, and the command that drafts a contract."""
    (project / "pyproject.toml").unlink()

    ended = session(project, "-v", "--optimizer=optim.lion:Lion", "-k", "test_contract")

    assert ended.code == 1
    expected = "optim.lion:Lion gives sign, expected adam, which the role decoupled promises without a contract: "
    assert f"contract, step_rule: {expected}" in ended.output
    assert "if this is intended, add this line to a contract: step_rule: sign" in ended.output
    assert f"{ROOT}/harness fingerprint optim.lion:Lion --write-contract decaygate.yaml" in ended.output


def test_a_first_red_run_drafts_the_expected_failures(project: Path) -> None:
    """With the file the next run is green, and a new file is never written over an old one."""
    chosen = (
        "--optimizer=optim.lion:Forgets",
        "-k",
        "test_contract and coupling or each_step_takes",
        "--contract=decaygate/contract.yaml",
    )

    red = session(project, *chosen, "--write-expected-failures=known.yaml")
    again = session(project, *chosen, "--write-expected-failures=known.yaml")
    green = session(project, *chosen, "--expected-failures=known.yaml", "--write-expected-failures=more.yaml")

    assert red.code == 1
    assert "the red tests are written to known.yaml: give the reasons, and add --expected-failures=known.yaml" in red.lines
    text = (project / "known.yaml").read_text(encoding="utf-8")
    assert 'each_step_takes_lr_times_decay_of_the_weight: "optim.lion:Forgets behaves like no weight decay at all:' in text
    assert "contract.coupling: " in text
    assert again.code == pytest.ExitCode.USAGE_ERROR
    assert "--write-expected-failures known.yaml: the file exists; name a new one, or delete it" in again.output
    assert green.code == 0
    assert "no test is red: more.yaml is not written" in green.lines
    assert not (project / "more.yaml").exists()
    assert (project / "report" / "summary.md").read_text(encoding="utf-8").startswith("# decaygate: green")


def test_an_optimizer_that_forgets_its_decay_is_red(project: Path) -> None:
    """The test of the field `coupling` and the claim are red, and both messages have the measured behaviour."""
    ended = session(project, "--optimizer=optim.lion:Forgets", "-k", "coupling or each_step_takes")

    assert ended.code == 1
    coupling = "coupling: optim.lion:Forgets gives none, expected decoupled, which the role decoupled promises without a contract"
    assert coupling in ended.output
    assert "behaves like no weight decay at all" in ended.output


def test_an_expected_failure_is_green_until_it_holds(project: Path) -> None:
    """While the claim fails, the table has the reason. Once it holds, it is red until its line is deleted from the file."""
    known = project / "known.yaml"
    known.write_text(f"{ROW}: fixed in 2.0\ncontract.coupling: the same\n", encoding="utf-8")
    options = ("--expected-failures=known.yaml", "-k", f"{ROW} or coupling")

    forgets = session(project, "--optimizer=optim.lion:Forgets", *options)
    copy = session(project, "--optimizer=optim.lion:Copy", *options)

    assert forgets.code == 0, forgets.output
    assert forgets.claims()[ROW]["status"] == "expected_failure"
    assert "fixed in 2.0" in forgets.claims()[ROW]["message"]
    assert "1 expected failures" in forgets.output
    assert copy.code == 1
    lines = f"{ROW}, contract.coupling"
    assert f"1. expected to fail, and green now; remove from the file of expected failures: {lines}" in copy.lines
    stale = f"{ROW}: passed, but the file of expected failures lists it (fixed in 2.0): remove its line"
    assert copy.claims()[ROW]["message"] == stale


def test_an_optimizer_that_hangs_is_tried_only_once(project: Path) -> None:
    """Every claim is red with one line; only the first one waits for the time limit."""
    ended = session(project, "--optimizer=optim.lion:Hangs", "-k", "zero_gradient and test_claim", DECAYGATE_TIME_LIMIT="0.3")

    assert ended.code == 1
    assert "optim.lion:Hangs: step 1 did not come back within 0.3 s" in ended.output
    assert "optim.lion:Hangs did not come back before, and is not tried again" in ended.output


def test_an_equivalent_optimizer_uses_the_shipped_goldens(project: Path) -> None:
    """A moved number is red, and a recording does not change the shipped goldens."""
    (project / "contract.yaml").write_text("equivalent_to: torch.optim:AdamW\n", encoding="utf-8")
    goldens = content(ROOT / "golden")
    options = ("--contract=contract.yaml", "-k", "two_inits or equivalent_to")

    copy = session(project, "--optimizer=optim.lion:Copy", *options, "--snapshot-update")
    forgets = session(project, "-v", "--optimizer=optim.lion:Forgets", *options)

    assert copy.code == 0, copy.output
    assert "1 snapshot passed" in copy.output
    assert forgets.code == 1
    assert "golden two_inits: " in forgets.output
    differs = "optim.lion:Forgets gives another, and contract.yaml declares torch.optim:AdamW: the weights differ "
    assert differs in forgets.output
    assert content(ROOT / "golden") == goldens


# Options with a mistake, each with the beginning of its error message.
MISTAKES = {
    "--contract=none.yaml": "none.yaml: cannot be read (No such file or directory)",
    "--contract=unknown.yaml": "unknown.yaml: steprule: unknown contract field 'steprule'; did you mean 'step_rule' or",
    "--expected-failures=typo.yaml": f"typo.yaml: {ROW[:-1]}: unknown claim {ROW[:-1]!r}; did you mean {ROW!r}",
    "--optimizer=sgd=optim.lion:Copy": "--contract declares one optimizer: expected one --optimizer, got 2",
    "--contract=nobody.yaml": "nobody:Optimizer: cannot import 'nobody' (ModuleNotFoundError: No module named 'nobody'); ",
}


def test_a_mistake_in_a_file_is_one_line_and_exit_code_4(project: Path) -> None:
    """No test runs. One process tries all mistakes, because the import of torch takes most of the time."""
    (project / "unknown.yaml").write_text("steprule: sign\n", encoding="utf-8")
    (project / "nobody.yaml").write_text("equivalent_to: nobody:Optimizer\n", encoding="utf-8")
    (project / "right.yaml").write_text(LION, encoding="utf-8")
    (project / "typo.yaml").write_text(f"{ROW[:-1]}: why\n", encoding="utf-8")
    program = """
import sys, pytest
suite = [sys.argv[1] + "/tests/claims", "-c", sys.argv[1] + "/pyproject.toml", "--rootdir", sys.argv[1], "-q"]
for option in sys.argv[2:]:
    print(int(pytest.main([*suite, "--optimizer=optim.lion:Copy", "--contract=right.yaml", option])), file=sys.stderr)
"""

    lines = [line for line in python(project, "-P", "-c", program, str(ROOT), *MISTAKES).stderr.splitlines() if line]
    errors, exit_codes = lines[::2], lines[1::2]

    assert exit_codes == ["4"] * len(MISTAKES)
    for error, expected in zip(errors, MISTAKES.values(), strict=True):
        assert error.startswith(f"ERROR: {expected}")
