"""Can somebody who edits the tests, a conftest or a golden make the suite green that should not be? Each try is a run of its own.

The copy of the suite has a few scenarios; what is edited in it is what a tired person, or a tool that wants green, would edit.
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
    """An edit of one file of the suite, and what a run must then say."""

    file: str
    old: str
    new: str
    says: str


def mark(test: str, decorator: str) -> tuple[str, str]:
    """Return an edit that decorates a test."""
    return f"def {test}(", f"{decorator}\ndef {test}("


# Skips and xfails stand here as text only: each is planted in a copy of the suite, which must then be red.
SKIPPED = "NOT GREEN: was skipped without a reason in the ledger: "
SILENT = "NOT GREEN: passed without saying what came of it: "
HOOK = "def pytest_generate_tests"
SKIP_IN_A_HOOK = "def pytest_runtest_setup(item):\n    if 'total' in item.name:\n        pytest.skip('slow')\n\n\n"
TAKE_AWAY = "def pytest_collection_modifyitems(items):\n    items[:] = [one for one in items if 'golden' not in one.name]\n\n\n"
SWALLOW = (
    "@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_makereport():\n"
    "    report = yield\n    report.outcome = 'passed'\n    return report\n\n\n"
)
# Tries that do not get in each other's way share a run.
TRIES = {
    "marks": (
        Sabotage(CLAIMS, *mark("test_claim", '@pytest.mark.skip(reason="flaky")'), f"{SKIPPED}test_claims.py::test_claim["),
        Sabotage(
            CONTRACT, *mark("test_contract", '@pytest.mark.skipif(True, reason="x")'), "::test_contract[decoupled.order] (x)"
        ),
        Sabotage(
            CLAIMS,
            *mark("test_golden", '@pytest.mark.xfail(reason="moved", strict=False)'),
            "NOT GREEN: is marked as expected to fail, which only --expected-failures can say: test_claims.py::test_golden[",
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
    "a_conftest_takes_tests_away": (
        Sabotage(
            CONFTEST,
            HOOK,
            f"{TAKE_AWAY}{HOOK}",
            "NOT GREEN: was left out by no option of pytest: test_claims.py::test_golden[decay_time]",
        ),
    ),
    "a_conftest_swallows_failures": (
        Sabotage(GOLDEN, '": {"value": ', '": {"value": 1', "passed against what it said itself"),
        Sabotage(
            CONFTEST,
            HOOK,
            f"{SWALLOW}{HOOK}",
            "NOT GREEN: passed against what it said itself: test_claims.py::test_golden[decay_time]",
        ),
    ),
    "a_scenario_without_golden_test": (
        Sabotage(
            "tests/claims/cases.py",
            "for loaded in load().values()]\n\n\ndef outcome_of",
            "for loaded in load().values() if loaded.id != 'decay_time']\n\n\ndef outcome_of",
            "NOT GREEN: is due and was not collected: test_claims.py::test_golden[decay_time]",
        ),
    ),
    "a_whole_file": (
        Sabotage(
            CLAIMS,
            '@pytest.mark.parametrize("case", cases.claims())',
            'pytest.skip("slow", allow_module_level=True)\n@pytest.mark.parametrize("case", cases.claims())',
            "NOT GREEN: was skipped while it was collected: test_claims.py (slow)",
        ),
    ),
    "claims_weakened": (
        Sabotage(
            "scenarios/arithmetic/total_decay.yaml",
            "established: refuted",
            "established: holds",
            "is not the one that was recorded in golden/claims.txt: refuted: ",
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


def edited(root: Path, one: Sabotage) -> None:
    """Edit the file once."""
    path = root / one.file
    text = path.read_text(encoding="utf-8")
    assert one.old in text, f"{one.file} has changed: this try needs another edit"
    path.write_text(text.replace(one.old, one.new, 1), encoding="utf-8")


@pytest.mark.parametrize("name", TRIES)
def test_a_sabotage_is_red_and_named(name: str, tmp_path: Path) -> None:
    """The run that would have been green ends with exit code 1 and says what is wrong."""
    root = copied(tmp_path, *SCENARIOS)
    for one in TRIES[name]:
        edited(root, one)

    ended = session(tmp_path, "-k", "decay or order", root=root)

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    for one in TRIES[name]:
        assert one.says in ended.said
        assert one.says.startswith("NOT GREEN") <= bool(ended.results["tests"]["faults"])


def test_a_deleted_golden_is_named_in_any_run_in_parallel_too(tmp_path: Path) -> None:
    """Also by a run that does not select it; a stale one likewise."""
    root = copied(tmp_path, *SCENARIOS)
    (root / GOLDEN).rename(root / GOLDEN.replace("decay_time", "a_former_scenario"))

    ended = session(tmp_path, "-k", "total_decay", "-n", "2", root=root)

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert "not both in golden/goldens.txt and recorded of a scenario: decay_time" in ended.lines
    assert "goldens of no scenario in golden/default: a_former_scenario.json" in ended.lines


def test_a_skip_is_red_in_parallel_too(tmp_path: Path) -> None:
    """The controller sees the reports, the workers what was selected."""
    root = copied(tmp_path, *SCENARIOS)
    edited(root, TRIES["a_skipped_golden"][0])

    ended = session(tmp_path, "-m", "arithmetic", "-n", "2", root=root)

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert TRIES["a_skipped_golden"][0].says in ended.said
    assert ended.results["tests"]["selected"] == ended.results["tests"]["ran"] > len(IDS)


def test_a_skipped_self_test_is_red_and_named(tmp_path: Path) -> None:
    """With whatever reason; one that says why through `skip_with_reason` is not."""
    root = copied(tmp_path, *SCENARIOS)
    test = root / "tests" / "selftest" / "test_it.py"
    test.parent.mkdir()
    test.write_text(
        "import pytest\nfrom tests.plugin.completeness import skip_with_reason\n\n"
        "@pytest.mark.skip(reason='slow')\ndef test_out(): pass\n\n"
        "def test_said(record_property): skip_with_reason(record_property, 'no GPU here')\n",
        encoding="utf-8",
    )

    ended = session(tmp_path, str(test), "-k", "test_out or test_said", root=root)

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert "NOT GREEN: was skipped without a reason in the ledger: test_it.py::test_out (slow)" in ended.lines
    assert ended.results["tests"]["left_out"] == {"test_it.py::test_said": "no GPU here"}
    assert session(tmp_path, str(test), "-k", "test_said", root=root).code == pytest.ExitCode.OK


def test_two_modules_of_one_name_cannot_share_a_golden(tmp_path: Path) -> None:
    """Their folders differ, and their goldens' folder would not."""
    root = copied(tmp_path, *SCENARIOS)
    more = root / "tests" / "claims" / "more"
    more.mkdir()
    (more / "test_claims.py").write_text("from tests.claims.test_claims import test_golden\n", encoding="utf-8")

    ended = session(tmp_path, "-k", "test_golden", root=root)

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert "NOT GREEN: has the golden of another test: test_claims.py::test_golden[" in ended.said


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


def test_an_expected_failure_does_not_open_a_way_around_a_golden(tmp_path: Path) -> None:
    """An optimizer that was recorded and now breaks in every arm is red, though its author expects every claim to fail."""
    (tmp_path / "mine.py").write_text(ALWAYS_BREAKS, encoding="utf-8")
    goldens = ("-k", "test_golden and unseen_row", "--optimizer=mine:Adam", f"--golden-dir={tmp_path / 'golden'}")
    recorded = session(tmp_path, *goldens, "--snapshot-update")
    assert recorded.code == pytest.ExitCode.OK, recorded.said
    (tmp_path / "mine.py").write_text(ALWAYS_BREAKS.replace("broken = False", "broken = True"), encoding="utf-8")
    claims = [one.id for one in load()["unseen_row"].scenario.claims if "sgd" not in one.id and "adam_l2" not in one.id]
    (tmp_path / "known.yaml").write_text("".join(f"{one}: it breaks\n" for one in claims), encoding="utf-8")

    ended = session(tmp_path, *goldens, f"--expected-failures={tmp_path / 'known.yaml'}")

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert "was not obtained" in ended.said
    assert [one["status"] for one in ended.results["golden"]] == ["failed"]
    (tmp_path / "known.yaml").write_text("golden.unseen_row: it moved\n", encoding="utf-8")
    refused = session(tmp_path, *goldens, f"--expected-failures={tmp_path / 'known.yaml'}")
    assert refused.code == pytest.ExitCode.USAGE_ERROR
    assert "golden.unseen_row" in refused.said


def test_the_suites_own_options_leave_nothing_out() -> None:
    """What pyproject.toml adds to every run selects nothing, stops nothing early, and updates nothing."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert 'addopts = ["-ra", "--import-mode=importlib", "--max-worker-restart=2"]\n' in text
    assert store.GoldenExtension.folder is not None
