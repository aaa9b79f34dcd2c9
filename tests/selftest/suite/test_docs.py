"""Tests of the documentation: its commands run, its links lead to files, its options and its tree are those of the code."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.environment.paths import ROOT
from harness.spec.relations import RELATIONS
from harness.spec.scenario import ProbeArm

MUTANTS_PAGE = ROOT / "tests" / "mutants" / "README.md"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    MUTANTS_PAGE,
    *sorted((ROOT / "docs").rglob("*.md")),
]
PARTS = ("scenarios", "harness", "tests", "golden", "conftest.py", "pyproject.toml")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the suite's files in a temporary folder, so that a test can change them."""
    for part in PARTS:
        source, target = ROOT / part, tmp_path / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return tmp_path


def test_the_steps_of_add_a_claim_work(clone: Path) -> None:
    """An author who follows the page gets a claim that holds, has a golden, and can fail."""
    page = (ROOT / "docs" / "guide" / "add-a-claim.md").read_text(encoding="utf-8")
    _write_file(clone, page)
    commands = [line for block in _blocks(page, "") for line in block.splitlines()]
    ended = {command: _run(clone, command) for command in commands}
    unrecorded, recorded, failing = (done for command, done in ended.items() if command.startswith("pytest"))

    assert all(done.returncode == 0 for command, done in ended.items() if command.startswith("python"))
    assert (unrecorded.returncode, recorded.returncode, failing.returncode) == (1, 0, 0)
    assert "nothing is recorded" in unrecorded.stdout
    assert "3 passed" in failing.stdout
    assert "twice_the_decay_takes_twice_as_much" in (clone / "golden" / "claims.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text(encoding="utf-8"))

    missing = [link for link in links if not (page.parent / link).exists()]

    assert not missing


def test_the_readme_lists_every_option() -> None:
    """The table of README.md has the same options as the code, plus `--snapshot-update` of syrupy."""
    code = (ROOT / "tests" / "plugin" / "options.py").read_text(encoding="utf-8")
    table = (ROOT / "README.md").read_text(encoding="utf-8")

    declared = set(re.findall(r'addoption\(\s*"(--[a-z-]+)"', code))
    documented = set(re.findall(r"^\| `(--[a-z-]+)", table, flags=re.MULTILINE)) - {"--snapshot-update"}

    assert declared
    assert declared == documented


def test_the_readme_tree_is_the_repository() -> None:
    """Every folder and file of the tree in README.md exists."""
    tree = next(block for block in _blocks((ROOT / "README.md").read_text(encoding="utf-8"), "") if "scenarios/probes/" in block)

    paths = [line.split()[0] for line in tree.splitlines()]

    assert len(paths) > 5
    assert all((ROOT / path).exists() for path in paths)


def test_the_claim_page_lists_every_relation() -> None:
    """A relation that is new in the code is missing on the page until someone explains it."""
    page = (ROOT / "docs" / "guide" / "add-a-claim.md").read_text(encoding="utf-8")
    table = page[page.index("| relation |") :].partition("\n\n")[0]

    listed = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}

    assert listed == set(RELATIONS)


def test_the_claim_page_lists_every_key_of_an_arm() -> None:
    """These are the keys of an arm of a probe."""
    page = (ROOT / "docs" / "guide" / "add-a-claim.md").read_text(encoding="utf-8")
    table = page[page.index("Of an arm:") :].partition("Of an expectation")[0]

    listed = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)

    assert set(listed) == {field.name for field in dataclasses.fields(ProbeArm)}


@pytest.mark.parametrize("page", [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "guide" / "concepts.md"], ids=lambda page: page.name)
def test_files_that_a_guide_names_exist(page: Path) -> None:
    """A name in backticks with a slash and a suffix is a file of the repository."""
    named = re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|md|yaml|txt|json))`", page.read_text(encoding="utf-8"))

    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []


def _write_file(clone: Path, page: str) -> None:
    """Write the page's YAML block to the path in the comment of its first line."""
    (block,) = _blocks(page, "yaml")
    target = clone / block.splitlines()[0].removeprefix("# ")
    target.write_text(block, encoding="utf-8")


def _blocks(page: str, language: str) -> list[str]:
    """Return the text of the page's code blocks of a language; "" stands for blocks without one."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    return [text for name, text in fences if name == language]


def _run(clone: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the page, which starts with `python` or `pytest`, with this Python in the copy."""
    program, *arguments = command.split()
    module = ["-m", "pytest", "-p", "no:cacheprovider"] if program == "pytest" else []
    return subprocess.run([sys.executable, *module, *arguments], cwd=clone, capture_output=True, text=True, timeout=120)
