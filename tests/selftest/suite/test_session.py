"""Tests of a whole session, started as a user starts it: exit code, output and results.json.

Each session is a separate process, because exit codes, tracebacks and the import path cannot be tested otherwise.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.catalog.load import load
from harness.environment.paths import ROOT
from harness.reporting import manifest
from harness.reporting.ledger import ClaimRecord
from tests.plugin.manifest_check import CLAIMS, GOLDENS

MINE = """
import warnings
import torch

warnings.warn("an old package", DeprecationWarning)
number = 3

class Breaks(torch.optim.AdamW):
    taken = 0
    def step(self, closure=None):
        self.taken += 1
        if self.taken == 3:
            raise ValueError("no\\nthird step")
        return super().step(closure)

class Chatty(torch.optim.AdamW):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        print("building")
    def step(self, closure=None):
        warnings.warn("careful", UserWarning)
        return super().step(closure)

class WithoutDecay(torch.optim.SGD):
    def __init__(self, params, lr):
        super().__init__(params, lr=lr)
"""

SHRINKS = "unseen_row_shrinks_by_the_product_of_decay_factors"


@dataclass(frozen=True)
class Ended:
    """The end of a session: its exit code, its output of both streams, and its results.json, or {} without one."""

    code: int
    output: str
    results: Mapping[str, Any]

    @property
    def lines(self) -> list[str]:
        """The lines of the output."""
        return self.output.splitlines()

    def claims(self) -> dict[str, Any]:
        """Return the claims of results.json by id."""
        return {claim["id"]: claim for claim in self.results["claims"]}


def python(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in `folder`, as a user's CI would; without the environment variables that the session of this test has set."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DECAYGATE", "PYTEST"))}
    variables = inherited | {"CI": "true", "COLUMNS": "1000"} | environment
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120, check=False)


def session(folder: Path, *arguments: str, root: Path = ROOT, report: str = "report", **environment: str) -> Ended:
    """Run tests/claims of the suite at `root` from `folder`."""
    suite = ["-P", "-m", "pytest", f"{root}/tests/claims", "-c", f"{root}/pyproject.toml", "--rootdir", str(root)]
    options = ["-p", "no:cacheprovider", "--device", "cpu", f"--report={folder / report}"]
    done = python(folder, *suite, *options, *arguments, **environment)
    path = folder / report / "results.json"
    return Ended(
        done.returncode, done.stdout + done.stderr, json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of a user's project, from which the suite is run; its modules are on the import path."""
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    return tmp_path


def copied(folder: Path, *scenarios: str) -> Path:
    """Return a copy of the suite with only these scenarios; its manifests list exactly their claims and goldens."""
    root = folder / "suite"
    for name in ("harness", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "selftest"))
    files = ("sources", "mutants", *scenarios)
    for name in ("conftest.py", "pyproject.toml", *(f"scenarios/{file}.yaml" for file in files)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(ROOT / "golden/default/test_fingerprint", root / "golden/default/test_fingerprint")
    names = [scenario.split("/")[-1] for scenario in scenarios]
    for name in names:
        golden = Path("golden/default/test_claims") / f"{name}.json"
        (root / golden).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / golden, root / golden)
    claims = [claim for name in names for claim in load()[name].scenario.claims]
    manifest.write_manifest(root / "golden" / CLAIMS, {claim.id: manifest.asserted(claim) for claim in claims})
    manifest.write_manifest(root / "golden" / GOLDENS, dict.fromkeys(names, ""))
    return root


# --- sessions that cannot begin -------------------------------------------------------------------------------------


# Values of --optimizer that are refused, each with the beginning of the error message.
REFUSED = {
    "mine:Nothing": "mine:Nothing: mine has no 'Nothing' (there is: ",
    "mine:number": "mine:number: expected a class or a factory, got a int",
    "mine:WithoutDecay": "mine:WithoutDecay: cannot be built as WithoutDecay(params, lr=..., weight_decay=...): TypeError: ",
    "adamw=mine:Chatty": "--optimizer adamw=mine:Chatty: unknown role 'adamw' (known: coupled, decoupled, sgd)",
}


def test_an_unusable_subject_is_one_line_and_exit_code_4(home: Path) -> None:
    """No test runs, and there is no traceback. One process tries all, because the import of torch takes most of the time."""
    program = """
import sys, pytest
for optimizer in sys.argv[2:]:
    print(int(pytest.main([sys.argv[1], "--optimizer", optimizer])), file=sys.stderr)
"""

    lines = [line for line in python(home, "-c", program, f"{ROOT}/tests/claims", *REFUSED).stderr.splitlines() if line]
    errors, exit_codes = lines[::2], lines[1::2]

    assert exit_codes == [str(int(pytest.ExitCode.USAGE_ERROR))] * len(REFUSED)
    for error, expected in zip(errors, REFUSED.values(), strict=True):
        assert error.startswith(f"ERROR: {expected}")


def test_a_wrong_scenario_is_one_line_and_exit_code_4(home: Path) -> None:
    """The line has the scenario's file and key path."""
    root = copied(home, "arithmetic/decay_time")
    path = root / "scenarios" / "arithmetic" / "decay_time.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("kind: arithmetic", "kind: arithmetics"), encoding="utf-8")

    ended = session(home, root=root)

    errors = [line for line in ended.lines if line]
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert len(errors) == 1
    assert errors[0].startswith("ERROR: scenarios/arithmetic/decay_time.yaml: kind: unknown value 'arithmetics'; did you mean")


def test_a_session_without_a_selected_test_is_exit_code_5(home: Path) -> None:
    """A misspelt -k must not be green. results.json lists no claim."""
    ended = session(home, "-k", "no_claim_has_this_name")

    assert ended.code == pytest.ExitCode.NO_TESTS_COLLECTED
    assert ended.results.get("claims", []) == []


def test_an_unknown_claim_is_one_line_and_exit_code_4(home: Path) -> None:
    """The line names the nearest claims and the command that prints all of them."""
    ended = session(home, "--claim=decay_knows_no_beta")

    assert ended.code == pytest.ExitCode.USAGE_ERROR
    errors = [line for line in ended.lines if line.startswith("ERROR")]
    assert len(errors) == 1
    assert errors[0].startswith("ERROR: --claim decay_knows_no_beta: unknown claim")
    assert "did you mean 'decay_knows_no_betas'" in errors[0]


# --- green sessions -------------------------------------------------------------------------------------------------


def test_a_green_session_writes_the_documented_results(home: Path) -> None:
    """results.json has every key of the schema. The output has the number of selected claims and of all claims."""
    all_claims = [claim.id for loaded in load().values() for claim in loaded.scenario.claims]

    ended = session(home, "-k", "decay_time and test_claim")

    assert ended.code == pytest.ExitCode.OK
    ids = [claim.id for claim in load()["decay_time"].scenario.claims]
    assert f"selected {len(ids)} of {len(all_claims)} claims" in ended.lines
    assert set(ended.results) == {
        "schema",
        "subject",
        "environment",
        "expected",
        "selected",
        "counts",
        "heard",
        "contract",
        "tests",
        "golden",
        "golden_counts",
        "claims",
    }
    assert (ended.results["schema"], ended.results["expected"], ended.results["selected"]) == (1, len(all_claims), len(ids))
    assert ended.results["subject"]["under_test"] == []
    assert set(ended.results["environment"]) == {"python", "torch", "device", "instructions"}
    assert list(ended.claims()) == ids
    for claim in ended.results["claims"]:
        assert set(claim) == set(ClaimRecord.__annotations__)
        assert (claim["scenario"], claim["status"], claim["message"]) == ("decay_time", "held", "")
        assert claim["sources"]
        assert isinstance(claim["margin"], float)


def test_a_claim_is_selected_by_its_exact_id(home: Path) -> None:
    """With -k the first id would also select claims whose names contain it; no golden and no contract field runs."""
    chosen = ["decay_works_on_the_time_scale_of_one_over_lr_times_decay", "decay_knows_no_betas"]

    ended = session(home, *(f"--claim={claim}" for claim in chosen))

    assert ended.code == pytest.ExitCode.OK
    assert sorted(ended.claims()) == sorted(chosen)
    assert "2 passed" in ended.output


def test_a_users_right_optimizer_is_green_in_all_probes(home: Path) -> None:
    """Claims that do not involve its role are counted in a line, and another line tells how to record goldens."""
    ended = session(home, "-m", "probe", "--optimizer", "tests.mutants.correct:ReorderingAdamW")

    roles = {
        claim.id: {loaded.scenario.arms[arm].role for arm in claim.arms}
        for loaded in load().values()
        for claim in loaded.scenario.claims
    }
    probes = {claim.id for loaded in load().values() if loaded.scenario.kind == "probe" for claim in loaded.scenario.claims}
    involved = {name for name in probes if {"decoupled", "any"} & roles[name]}
    assert ended.code == pytest.ExitCode.OK
    assert set(ended.claims()) == involved
    assert {claim["status"] for claim in ended.results["claims"]} <= {"held", "refuted_as_documented"}
    expected = [name for name, claim_roles in roles.items() if {"decoupled", "any"} & claim_roles]
    others = f"{len(roles) - len(expected)} of the suite's {len(roles)} claims do not involve the role decoupled: not selected"
    assert others in ended.lines
    assert ended.results["expected"] == len(expected)
    assert "goldens: not applicable, none are recorded for this optimizer (README, step 6)" in ended.lines


def test_an_empty_golden_folder_that_was_named_is_red(home: Path) -> None:
    """A user who names a folder expects goldens in it: the path may have a typing error, or the class a new name."""
    options = ("--optimizer", "mine:Chatty", "--golden-dir", str(home / "typo"))

    ended = session(home, "-k", "test_golden and usual_rate or test_golden and zero_gradient", "-m", "probe", *options)

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert "golden zero_gradient: nothing is recorded in " in ended.output


def test_the_output_of_a_subject_is_reported(home: Path) -> None:
    """It is captured on import, in the constructor and in steps, and the session is green. The option also names the role."""
    ended = session(home, "-k", SHRINKS, "--optimizer", "decoupled=mine:Chatty")

    subject_output = ["warns: DeprecationWarning: an old package", "prints: building", "warns: UserWarning: careful"]
    assert ended.code == pytest.ExitCode.OK
    assert sorted(ended.results["heard"]) == sorted(subject_output)
    assert {f"the subject {line}" for line in subject_output} <= set(ended.lines)


# --- red sessions ---------------------------------------------------------------------------------------------------


def test_an_optimizer_with_coupled_decay_is_diagnosed(home: Path) -> None:
    """The first line of the failure has the claim and the measured form of Adam's decay; the numbers follow."""
    ended = session(home, "-v", "-m", "probe", "--optimizer", "torch.optim:Adam")

    message = ended.claims()[SHRINKS]["message"]
    failed = [claim for claim in ended.results["claims"] if claim["status"] == "failed"]
    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert message.startswith(f"{SHRINKS}: torch.optim:Adam behaves like coupled L2 ")
    assert message in ended.lines
    assert "NO  unseen_ratio is " in ended.output
    assert len(failed) == ended.results["counts"]["failed"] > len(ended.results["claims"]) / 2
    assert all("behaves like coupled L2" in claim["message"] for claim in failed)


def test_an_optimizer_without_decay_is_diagnosed(home: Path) -> None:
    """The first line of the failure and the line of pytest's short summary have the diagnosis."""
    ended = session(home, "-v", "-k", SHRINKS, "--optimizer", "tests.mutants.decay_rule:DecayForgotten")

    diagnosis = f"{SHRINKS}: tests.mutants.decay_rule:DecayForgotten behaves like no weight decay at all: "
    diagnosis += "weight_decay changes nothing"
    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert sum(line.startswith(diagnosis) for line in ended.lines) == 1
    assert any(line.startswith("FAILED ") and diagnosis in line for line in ended.lines)


def test_a_red_run_ends_in_its_cause(home: Path) -> None:
    """Claim and field of the contract have one cause. pytest's own list of failures is left out; its last line counts them."""
    chosen = f"{SHRINKS} or test_contract and coupling"

    ended = session(home, "-k", chosen, "--optimizer", "tests.mutants.decay_rule:DecayForgotten")

    cause = "tests.mutants.decay_rule:DecayForgotten behaves like no weight decay at all: weight_decay changes nothing"
    *_, red, counts = [line for line in ended.lines if line]
    assert red == f"RED: 1 cause: {cause} (1 claim, 1 field of the contract)"
    assert "2 failed" in counts
    assert f"1. {cause}" in ended.lines
    assert "FAILED tests" not in ended.output
    assert "FAILURES" not in ended.output


def test_an_optimizer_that_raises_is_red_in_one_line(home: Path) -> None:
    """The line has the arm, the step and the optimizer's own message. There is no traceback."""
    ended = session(home, "-k", SHRINKS, "--optimizer", "mine:Breaks")

    line = f"{SHRINKS}: arm adamw: mine:Breaks raised ValueError at step 3: no third step"
    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert ended.claims()[SHRINKS]["message"] == line
    assert "RED: 1 cause: mine:Breaks raised ValueError at step 3: no third step (1 claim)" in ended.lines
    assert "Traceback" not in ended.output
    assert (ended.claims()[SHRINKS]["status"], ended.claims()[SHRINKS]["measured"]) == ("failed", None)


def test_a_bug_of_the_suite_is_an_error_and_not_a_failure(home: Path) -> None:
    """A claim whose test breaks has the status `error` in results.json and is counted there."""
    (home / "sabotage.py").write_text(
        "import harness.catalog.formulas\n"
        "def broken(*arguments):\n"
        "    raise ZeroDivisionError('ours')\n"
        "harness.catalog.formulas.evaluate = broken\n",
        encoding="utf-8",
    )
    path = os.pathsep.join([str(home), str(ROOT)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        ended = session(home, "-p", "sabotage", "-k", "decay_time and test_claim")

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert {claim["status"] for claim in ended.results["claims"]} == {"error"}
    assert ended.results["counts"]["error"] == len(load()["decay_time"].scenario.claims)


# --- complete sessions ----------------------------------------------------------------------------------------------


def test_a_deleted_claim_makes_the_session_red(home: Path) -> None:
    """The session is red although all other claims hold, and its output lists the deleted claim."""
    root = copied(home, "arithmetic/decay_time", "arithmetic/total_decay")
    deleted = load()["total_decay"].scenario.claims[0].id
    (root / "scenarios" / "arithmetic" / "total_decay.yaml").unlink()

    ended = session(home, root=root)

    counts = ended.results["counts"]
    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert any("golden/claims.txt" in line and deleted in line for line in ended.lines)
    assert counts["ran"] == counts["held"] == counts["expected"] == len(load()["decay_time"].scenario.claims)


def test_two_workers_give_the_same_results_as_one_process(home: Path) -> None:
    """Every claim has the same record, to the last digit. Neither session reports a claim of the manifest as missing."""
    root = copied(home, "arithmetic/decay_time", "arithmetic/total_decay", "probes/dynamics/unseen_row")

    serial = session(home, root=root)
    parallel = session(home, "-n", "2", root=root)

    assert (serial.code, parallel.code) == (pytest.ExitCode.OK, pytest.ExitCode.OK)
    assert "claims.txt" not in serial.output + parallel.output
    assert parallel.claims() == serial.claims()
    assert len(serial.claims()) == serial.results["expected"] > 5
    assert {key: parallel.results[key] for key in ("counts", "environment")} == {
        key: serial.results[key] for key in ("counts", "environment")
    }


def test_the_module_is_a_command() -> None:
    """`python -m harness` ends with the exit code of its command; a command that does not exist is exit code 4."""
    right = subprocess.run([sys.executable, "-m", "harness", "ready"], cwd=ROOT, capture_output=True, text=True, check=False)
    wrong = subprocess.run([sys.executable, "-m", "harness", "redy"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (right.returncode, right.stdout, right.stderr) == (0, "", "")
    assert (wrong.returncode, wrong.stdout) == (4, "")
