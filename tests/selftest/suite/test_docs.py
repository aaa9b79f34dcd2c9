"""Do the pages say what is so? Their commands are run, their links followed, their options compared with the code's."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.environment.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
PARTS = ("scenarios", "harness", "tests", "golden", "conftest.py", "pyproject.toml")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what the suite is made of, to write into."""
    for part in PARTS:
        source, target = ROOT / part, tmp_path / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return tmp_path


def test_the_page_add_a_claim_does_what_it_says(clone: Path) -> None:
    """Whoever follows the page gets a claim that holds, is recorded, and can fail."""
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page is a file."""
    links = re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text(encoding="utf-8"))

    missing = [link for link in links if not (page.parent / link).exists()]

    assert not missing


def test_the_readme_lists_every_option() -> None:
    """An option of the suite is in README's table, and the table has no other."""
    code = (ROOT / "tests" / "plugin" / "options.py").read_text(encoding="utf-8")
    table = (ROOT / "README.md").read_text(encoding="utf-8")

    declared = set(re.findall(r'addoption\(\s*"(--[a-z-]+)"', code))
    documented = set(re.findall(r"^\| `(--[a-z-]+)", table, flags=re.MULTILINE)) - {"--snapshot-update"}

    assert declared
    assert declared == documented


def test_the_readme_tree_is_the_repository() -> None:
    """Every folder and file of README's tree exists."""
    tree = next(block for block in _blocks((ROOT / "README.md").read_text(encoding="utf-8"), "") if "scenarios/probes/" in block)

    named = [line.split()[0] for line in tree.splitlines()]

    assert len(named) > 5
    assert all((ROOT / name).exists() for name in named)


def _write_file(clone: Path, page: str) -> None:
    (block,) = _blocks(page, "yaml")
    target = clone / block.splitlines()[0].removeprefix("# ")
    target.write_text(block, encoding="utf-8")


def _blocks(page: str, language: str) -> list[str]:
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    return [text for name, text in fences if name == language]


def _run(clone: Path, command: str) -> subprocess.CompletedProcess[str]:
    program, *arguments = command.split()
    module = ["-m", "pytest", "-p", "no:cacheprovider"] if program == "pytest" else []
    return subprocess.run([sys.executable, *module, *arguments], cwd=clone, capture_output=True, text=True, timeout=120)
