"""Tests of sabotage: edits of tests, a conftest, a scenario or a golden that would hide a failure make the run red.

Each test edits a copy of the suite with a few scenarios, as a tired person or a tool that wants a green run would edit it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.catalog.load import load
from harness.environment.paths import ROOT
from harness.goldens import store
from tests.selftest.suite.test_session import copied, session

CLAIMS, CONTRACT, CONFTEST = "tests/claims/test_claims.py", "tests/claims/test_contract.py", "tests/claims/conftest.py"
GOLDEN = "golden/default/test_claims/decay_time.json"
SCENARIOS = ("arithmetic/decay_time", "arithmetic/total_decay")
IDS = [claim.id for claim in load()["decay_time"].scenario.claims]
BODY = "result = result_of(loaded)\n"


@dataclass(frozen=True)
class Sabotage:
    """An edit of one file of the suite, and the message that a run must then print."""

    file: str
    old: str
    new: str
    message: str


def mark(test: str, decorator: str) -> tuple[str, str]:
    """Return an edit that decorates a test."""
    return f"def {test}(", f"{decorator}\ndef {test}("


# Skips and xfails occur here only inside texts, which are written into a copy of the suite.
SKIPPED = "NOT GREEN: tests that were skipped without a recorded reason (use tests.plugin.completeness.skip_with_reason): "
SILENT = "NOT GREEN: tests that passed without recording a result: "
XFAIL = "NOT GREEN: tests that are marked xfail (expected failures belong in the file of --expected-failures): "
REMOVED = "NOT GREEN: tests that were removed, but not by a pytest option (a conftest hook or a plugin?): "
HIDDEN = "NOT GREEN: tests that were reported as passed and recorded a failing result: "
HOOK = "def pytest_generate_tests"
SKIP_IN_A_HOOK = "def pytest_runtest_setup(item):\n    if 'total' in item.name:\n        pytest.skip('slow')\n\n\n"
REMOVE_TESTS = (
    "def pytest_collection_modifyitems(items):\n    items[:] = [item for item in items if 'golden' not in item.name]\n\n\n"
)
HIDE_FAILURES = (
    "@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_makereport():\n"
    "    report = yield\n    report.outcome = 'passed'\n    return report\n\n\n"
)
# The edits of one entry share a run; no edit changes the messages of another one.
TRIES = {
    "marks": (
        Sabotage(CLAIMS, *mark("test_claim", '@pytest.mark.skip(reason="flaky")'), f"{SKIPPED}test_claims.py::test_claim["),
        Sabotage(
            CONTRACT, *mark("test_contract", '@pytest.mark.skipif(True, reason="x")'), "::test_contract[decoupled.order] (x)"
        ),
        Sabotage(
            CLAIMS,
            *mark("test_golden", '@pytest.mark.xfail(reason="moved", strict=False)'),
            f"{XFAIL}test_claims.py::test_golden[",
        ),
    ),
    "a_skipped_golden": (
        Sabotage(
            CLAIMS,
            *mark("test_golden", '@pytest.mark.skip(reason="flaky")'),
            f"{SKIPPED}test_claims.py::test_golden[decay_time] (flaky)",
        ),
    ),
    "bodies": (
        Sabotage(CLAIMS, BODY, f'{BODY}    pytest.skip("later")\n', "test_claims.py::test_golden[decay_time] (later)"),
        Sabotage(
            CLAIMS, "    outcome = outcome_of(", "    return\n    outcome = outcome_of(", f"{SILENT}test_claims.py::test_claim["
        ),
        Sabotage(CONFTEST, HOOK, f"{SKIP_IN_A_HOOK}{HOOK}", "::test_claim[total_decay."),
    ),
    "an_early_return": (Sabotage(CLAIMS, BODY, f"{BODY}    return\n", f"{SILENT}test_claims.py::test_golden[decay_time]"),),
    "a_conftest_removes_tests": (
        Sabotage(CONFTEST, HOOK, f"{REMOVE_TESTS}{HOOK}", f"{REMOVED}test_claims.py::test_golden[decay_time]"),
    ),
    "a_conftest_hides_failures": (
        Sabotage(GOLDEN, '": {"value": ', '": {"value": 1', "were reported as passed and recorded a failing result"),
        Sabotage(CONFTEST, HOOK, f"{HIDE_FAILURES}{HOOK}", f"{HIDDEN}test_claims.py::test_golden[decay_time]"),
    ),
    "a_scenario_without_golden_test": (
        Sabotage(
            "tests/claims/cases.py",
            "for loaded in load().values()]\n\n\ndef outcome_of",
            "for loaded in load().values() if loaded.id != 'decay_time']\n\n\ndef outcome_of",
            "NOT GREEN: tests that are required and were not collected: test_claims.py::test_golden[decay_time]",
        ),
    ),
    "a_whole_file": (
        Sabotage(
            CLAIMS,
            '@pytest.mark.parametrize("case", cases.claims())',
            'pytest.skip("slow", allow_module_level=True)\n@pytest.mark.parametrize("case", cases.claims())',
            "NOT GREEN: files that were skipped during collection: test_claims.py (slow)",
        ),
    ),
    "claims_weakened": (
        Sabotage(
            "scenarios/arithmetic/total_decay.yaml",
            "established: refuted",
            "established: holds",
            "differs from its line in golden/claims.txt: refuted: ",
        ),
        Sabotage(
            "scenarios/arithmetic/decay_time.yaml",
            "relation: close_to, value: 500.0, tolerance: 1.0e-6",
            "relation: at_least, value: 1.0",
            "this_suite.steps at_least 1.0",
        ),
    ),
    "goldens_edited_by_hand": (
        Sabotage(GOLDEN, '"rtol": 1e-12', '"rtol": 1e-07', "rtol 1e-07 -> 1e-12"),
        Sabotage(GOLDEN.replace("decay_time", "total_decay"), '": {"value": ', '": {"value": 1', "golden total_decay: "),
    ),
}


def edited(root: Path, sabotage: Sabotage) -> None:
    """Replace the first occurrence of the old text in the file; assert that there is one."""
    path = root / sabotage.file
    text = path.read_text(encoding="utf-8")
    assert sabotage.old in text, f"{sabotage.file} does not contain {sabotage.old!r}: adapt this edit to the file"
    path.write_text(text.replace(sabotage.old, sabotage.new, 1), encoding="utf-8")


@pytest.mark.parametrize("name", TRIES)
def test_a_sabotage_is_red_and_reported(name: str, tmp_path: Path) -> None:
    """The run would be green if the edit worked. It ends with exit code 1, and the edit's message is printed."""
    root = copied(tmp_path, *SCENARIOS)
    for sabotage in TRIES[name]:
        edited(root, sabotage)

    ended = session(tmp_path, "-k", "decay or order", root=root)

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    for sabotage in TRIES[name]:
        assert sabotage.message in ended.output
        assert sabotage.message.startswith("NOT GREEN") <= bool(ended.results["tests"]["faults"])


def test_a_deleted_golden_is_reported_in_every_run(tmp_path: Path) -> None:
    """The run has two workers and does not select the golden. It also reports a golden file without a scenario."""
    root = copied(tmp_path, *SCENARIOS)
    (root / GOLDEN).rename(root / GOLDEN.replace("decay_time", "a_former_scenario"))

    ended = session(tmp_path, "-k", "total_decay", "-n", "2", root=root)

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert "golden/goldens.txt, the golden files and the scenarios do not agree about: decay_time" in ended.lines
    assert "golden files without a scenario in golden/default: a_former_scenario.json" in ended.lines


def test_a_skip_is_red_with_two_workers(tmp_path: Path) -> None:
    """The controller receives the reports, and the workers send it the selection."""
    root = copied(tmp_path, *SCENARIOS)
    edited(root, TRIES["a_skipped_golden"][0])

    ended = session(tmp_path, "-m", "arithmetic", "-n", "2", root=root)

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert TRIES["a_skipped_golden"][0].message in ended.output
    assert ended.results["tests"]["selected"] == ended.results["tests"]["ran"] > len(IDS)


def test_a_skipped_self_test_is_red_and_reported(tmp_path: Path) -> None:
    """The reason of its skip mark does not count. A self-test that calls `skip_with_reason` is green."""
    root = copied(tmp_path, *SCENARIOS)
    test = root / "tests" / "selftest" / "test_it.py"
    test.parent.mkdir()
    test.write_text(
        "import pytest\nfrom tests.plugin.completeness import skip_with_reason\n\n"
        "@pytest.mark.skip(reason='slow')\ndef test_marked(): pass\n\n"
        "def test_with_reason(record_property): skip_with_reason(record_property, 'no GPU here')\n",
        encoding="utf-8",
    )

    ended = session(tmp_path, str(test), "-k", "test_marked or test_with_reason", root=root)

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert f"{SKIPPED}test_it.py::test_marked (slow)" in ended.lines
    assert ended.results["tests"]["left_out"] == {"test_it.py::test_with_reason": "no GPU here"}
    assert session(tmp_path, str(test), "-k", "test_with_reason", root=root).code == pytest.ExitCode.OK


def test_two_modules_of_one_name_cannot_share_a_golden(tmp_path: Path) -> None:
    """The path of a golden has the module's name and not its folder, so two such modules have the same golden files."""
    root = copied(tmp_path, *SCENARIOS)
    more = root / "tests" / "claims" / "more"
    more.mkdir()
    (more / "test_claims.py").write_text("from tests.claims.test_claims import test_golden\n", encoding="utf-8")

    ended = session(tmp_path, "-k", "test_golden", root=root)

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert "NOT GREEN: tests with the golden file of another test: test_claims.py::test_golden[" in ended.output


ALWAYS_BREAKS = """
import torch

class Adam(torch.optim.AdamW):
    broken = False
    def step(self, closure=None):
        if self.broken:
            raise ValueError("no")
        return super().step(closure)

class Broken(Adam):
    broken = True
"""


def test_expected_failures_do_not_excuse_a_golden(tmp_path: Path) -> None:
    """An optimizer has a golden, and then raises in every arm. Its golden is red although all its claims may fail."""
    (tmp_path / "mine.py").write_text(ALWAYS_BREAKS, encoding="utf-8")
    goldens = ("-k", "test_golden and unseen_row", "--optimizer=mine:Adam", f"--golden-dir={tmp_path / 'golden'}")
    recorded = session(tmp_path, *goldens, "--snapshot-update")
    assert recorded.code == pytest.ExitCode.OK, recorded.output
    (tmp_path / "mine.py").write_text(ALWAYS_BREAKS.replace("broken = False", "broken = True"), encoding="utf-8")
    claims = [claim.id for claim in load()["unseen_row"].scenario.claims if "sgd" not in claim.id and "adam_l2" not in claim.id]
    (tmp_path / "known.yaml").write_text("".join(f"{claim}: it breaks\n" for claim in claims), encoding="utf-8")

    ended = session(tmp_path, *goldens, f"--expected-failures={tmp_path / 'known.yaml'}")

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert "was not obtained" in ended.output
    assert [golden["status"] for golden in ended.results["golden"]] == ["failed"]
    (tmp_path / "known.yaml").write_text("golden.unseen_row: it moved\n", encoding="utf-8")
    refused = session(tmp_path, *goldens, f"--expected-failures={tmp_path / 'known.yaml'}")
    assert refused.code == pytest.ExitCode.USAGE_ERROR
    assert "golden.unseen_row" in refused.output


def test_the_options_in_pyproject_leave_no_test_out() -> None:
    """The options that pyproject.toml adds to every run select no tests, do not end the run early, and record no goldens."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert 'addopts = ["-ra", "--import-mode=importlib", "--max-worker-restart=2"]\n' in text
    assert store.GoldenExtension.folder is not None
