"""Does a whole run, started as a user starts it, end with the right exit code, words and results?

Each run is a process of its own: exit codes, tracebacks and the import path show nowhere else.
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
    """How a run ended: exit code, what it printed (both streams), and its results.json where it wrote one."""

    code: int
    said: str
    results: Mapping[str, Any]

    @property
    def lines(self) -> list[str]:
        """What it printed, line by line."""
        return self.said.splitlines()

    def claims(self) -> dict[str, Any]:
        """Return the claims of results.json by id."""
        return {claim["id"]: claim for claim in self.results["claims"]}


def python(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in `folder`, as somebody's CI would, without what this run has set in the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DECAYGATE", "PYTEST"))}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=kept | {"CI": "true"} | environment, capture_output=True, text=True, timeout=120, check=False
    )


def session(folder: Path, *arguments: str, root: Path = ROOT, report: str = "report", **environment: str) -> Ended:
    """Run the claims of the suite at `root` from `folder`."""
    suite = ["-P", "-m", "pytest", f"{root}/tests/claims", "-c", f"{root}/pyproject.toml", "--rootdir", str(root)]
    options = ["-p", "no:cacheprovider", "--device", "cpu", f"--report={folder / report}"]
    done = python(folder, *suite, *options, *arguments, **environment)
    path = folder / report / "results.json"
    return Ended(
        done.returncode, done.stdout + done.stderr, json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of somebody's project, from which the suite is run; its modules are on the import path."""
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    return tmp_path


def copied(folder: Path, *scenarios: str) -> Path:
    """Return a copy of the suite that has only these scenarios, with manifests that list exactly what they carry."""
    root = folder / "suite"
    for name in ("harness", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "selftest"))
    listed = ("sources", "mutants", *scenarios)
    for name in ("conftest.py", "pyproject.toml", *(f"scenarios/{one}.yaml" for one in listed)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    for name in (one.split("/")[-1] for one in scenarios):
        golden = Path("golden/default/test_claims") / f"{name}.json"
        (root / golden).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / golden, root / golden)
    names = [one.split("/")[-1] for one in scenarios]
    claims = [claim for name in names for claim in load()[name].scenario.claims]
    manifest.write_manifest(root / "golden" / CLAIMS, {claim.id: manifest.asserted(claim) for claim in claims})
    manifest.write_manifest(root / "golden" / GOLDENS, dict.fromkeys(names, ""))
    return root


# --- what cannot begin ----------------------------------------------------------------------------------------------


REFUSED = {
    "mine:Nothing": "mine:Nothing: mine has no 'Nothing' (there is: ",
    "mine:number": "mine:number: expected a class or a factory, got a int",
    "mine:WithoutDecay": "mine:WithoutDecay: cannot be built as WithoutDecay(params, lr=..., weight_decay=...): TypeError: ",
    "adamw=mine:Chatty": "--optimizer adamw=mine:Chatty: unknown role 'adamw' (known: coupled, decoupled, sgd)",
}


def test_a_subject_that_cannot_be_used_is_one_line_and_exit_code_4(home: Path) -> None:
    """Nothing is collected, and there is no traceback. One process tries all: what takes time is to import torch."""
    tries = (
        "import sys, pytest\nfor one in sys.argv[2:]: print(int(pytest.main([sys.argv[1], '--optimizer', one])), file=sys.stderr)"
    )

    said = [line for line in python(home, "-c", tries, f"{ROOT}/tests/claims", *REFUSED).stderr.splitlines() if line]

    assert said[1::2] == [str(int(pytest.ExitCode.USAGE_ERROR))] * len(REFUSED)
    for line, begins in zip(said[::2], REFUSED.values(), strict=True):
        assert line.startswith(f"ERROR: {begins}")


def test_a_wrong_scenario_is_one_line_and_exit_code_4(home: Path) -> None:
    """With its file and line."""
    root = copied(home, "arithmetic/decay_time")
    path = root / "scenarios" / "arithmetic" / "decay_time.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("kind: arithmetic", "kind: arithmetics"), encoding="utf-8")

    ended = session(home, root=root)

    said = [line for line in ended.lines if line]
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert len(said) == 1
    assert said[0].startswith("ERROR: scenarios/arithmetic/decay_time.yaml: kind: unknown value 'arithmetics'; did you mean")


def test_nothing_selected_is_exit_code_5(home: Path) -> None:
    """A misspelt -k must not be green; results.json says that nothing ran."""
    ended = session(home, "-k", "no_claim_has_this_name")

    assert ended.code == pytest.ExitCode.NO_TESTS_COLLECTED
    assert ended.results.get("claims", []) == []


# --- what is green --------------------------------------------------------------------------------------------------


def test_a_selection_says_how_much_of_all_it_is_and_writes_the_documented_results(home: Path) -> None:
    """Every key of the schema, one claim of each status that a right optimizer has."""
    every = [claim.id for loaded in load().values() for claim in loaded.scenario.claims]

    ended = session(home, "-k", "decay_time and test_claim")

    assert ended.code == pytest.ExitCode.OK
    ids = [claim.id for claim in load()["decay_time"].scenario.claims]
    assert f"selected {len(ids)} of {len(every)} claims" in ended.lines
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
    assert (ended.results["schema"], ended.results["expected"], ended.results["selected"]) == (1, len(every), len(ids))
    assert ended.results["subject"]["under_test"] == []
    assert set(ended.results["environment"]) == {"python", "torch", "device", "instructions"}
    assert list(ended.claims()) == ids
    for claim in ended.results["claims"]:
        assert set(claim) == set(ClaimRecord.__annotations__)
        assert (claim["scenario"], claim["status"], claim["message"]) == ("decay_time", "held", "")
        assert claim["sources"]
        assert isinstance(claim["margin"], float)


def test_a_right_optimizer_of_somebody_else_is_green(home: Path) -> None:
    """All probes; claims that do not involve its role are counted apart, and it is told how to record goldens."""
    ended = session(home, "-m", "probe", "--optimizer", "tests.mutants.decay_rule:AdamWTwin")

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
    expected = [name for name, known in roles.items() if {"decoupled", "any"} & known]
    apart = f"{len(roles) - len(expected)} of the suite's {len(roles)} claims do not involve the role decoupled: not selected"
    assert apart in ended.lines
    assert ended.results["expected"] == len(expected)
    assert any(line.startswith("goldens: not applicable, ") and "--snapshot-update" in line for line in ended.lines)


def test_a_golden_folder_that_was_named_and_holds_nothing_is_red(home: Path) -> None:
    """A path with a slip in it, or a class that was renamed, is not the same as goldens that nobody has asked for."""
    given = ("--optimizer", "mine:Chatty", "--golden-dir", str(home / "typo"))

    ended = session(home, "-k", "test_golden and usual_rate or test_golden and zero_gradient", "-m", "probe", *given)

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert "golden zero_gradient: nothing is recorded in " in ended.said


def test_a_subject_that_talks_is_green_and_heard(home: Path) -> None:
    """On import, in its constructor and in its steps; its role's name and the variable do as well as the option."""
    ended = session(home, "-k", SHRINKS, "--optimizer", "decoupled=mine:Chatty")

    subject_output = ["warns: DeprecationWarning: an old package", "prints: building", "warns: UserWarning: careful"]
    assert ended.code == pytest.ExitCode.OK
    assert sorted(ended.results["heard"]) == sorted(subject_output)
    assert {f"the subject {line}" for line in subject_output} <= set(ended.lines)


# --- what is red ----------------------------------------------------------------------------------------------------


def test_an_optimizer_with_coupled_decay_is_red_and_called_so(home: Path) -> None:
    """The first line of the failure names the claim, what Adam does instead, and the numbers."""
    ended = session(home, "-m", "probe", "--optimizer", "torch.optim:Adam")

    message = ended.claims()[SHRINKS]["message"]
    failed = [claim for claim in ended.results["claims"] if claim["status"] == "failed"]
    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert message.startswith(f"{SHRINKS}: torch.optim:Adam behaves like coupled L2 ")
    assert "unseen_ratio of adamw is " in message
    assert message in ended.lines
    assert len(failed) == ended.results["counts"]["failed"] > len(ended.results["claims"]) / 2
    assert all("behaves like coupled L2" in claim["message"] for claim in failed)


def test_an_optimizer_that_forgot_its_decay_is_red_and_called_so(home: Path) -> None:
    """On every line that a reader may stop at: the failure's first and the short summary's."""
    ended = session(home, "-k", SHRINKS, "--optimizer", "tests.mutants.decay_rule:DecayForgotten")

    says = f"{SHRINKS}: tests.mutants.decay_rule:DecayForgotten behaves like no weight decay at all: "
    says += "weight_decay changes nothing; "
    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert sum(line.startswith(says) for line in ended.lines) == 1
    assert any(line.startswith("FAILED ") and says in line for line in ended.lines)


def test_an_optimizer_that_raises_is_red_in_one_line(home: Path) -> None:
    """With the step, the arm and its own words, and without a traceback."""
    ended = session(home, "-k", SHRINKS, "--optimizer", "mine:Breaks")

    line = f"{SHRINKS}: arm adamw: mine:Breaks raised ValueError at step 3: no third step"
    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert line in ended.lines
    assert "Traceback" not in ended.said
    assert (ended.claims()[SHRINKS]["status"], ended.claims()[SHRINKS]["measured"]) == ("failed", None)


def test_a_fault_of_ours_is_an_error_and_not_a_verdict(home: Path) -> None:
    """A claim whose test breaks is counted as an error, with the last line of what happened."""
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


# --- what is complete -----------------------------------------------------------------------------------------------


def test_a_claim_that_was_deleted_is_noticed(home: Path) -> None:
    """The run is red although all that is left holds, and the claim that is gone is named."""
    root = copied(home, "arithmetic/decay_time", "arithmetic/total_decay")
    gone = load()["total_decay"].scenario.claims[0].id
    (root / "scenarios" / "arithmetic" / "total_decay.yaml").unlink()

    ended = session(home, root=root)

    counts = ended.results["counts"]
    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert any("golden/claims.txt" in line and gone in line for line in ended.lines)
    assert counts["ran"] == counts["held"] == counts["expected"] == len(load()["decay_time"].scenario.claims)


def test_a_complete_suite_is_green_and_the_same_in_parallel(home: Path) -> None:
    """Claim by claim, to the last digit; neither misses a claim of the manifest."""
    root = copied(home, "arithmetic/decay_time", "arithmetic/total_decay", "probes/dynamics/unseen_row")

    serial = session(home, root=root)
    parallel = session(home, "-n", "2", root=root)

    assert (serial.code, parallel.code) == (pytest.ExitCode.OK, pytest.ExitCode.OK)
    assert "claims.txt" not in serial.said + parallel.said
    assert parallel.claims() == serial.claims()
    assert len(serial.claims()) == serial.results["expected"] > 5
    assert {key: parallel.results[key] for key in ("counts", "environment")} == {
        key: serial.results[key] for key in ("counts", "environment")
    }


def test_the_module_is_a_command() -> None:
    """`python -m harness ready` ends with its exit code."""
    done = subprocess.run([sys.executable, "-m", "harness", "ready"], cwd=ROOT, capture_output=True, text=True, check=False)
    wrong = subprocess.run([sys.executable, "-m", "harness", "redy"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (wrong.returncode, wrong.stdout) == (2, "")
