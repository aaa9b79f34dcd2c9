"""Tests of an installed suite: what the wheel holds, and that a run writes only into the state folder.

The installed tree is laid out here as pyproject.toml declares it, so that no network is needed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from harness.environment.paths import ROOT
from tests.plugin.completeness import skip_with_reason

CLAIM = "decay_knows_no_betas"
MINE = """
import os
import torch

class Ends(torch.optim.AdamW):
    def step(self, closure=None):
        os._exit(0)
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like site-packages, with the suite as the wheel would install it."""
    folder = tmp_path_factory.mktemp("site")
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    (package,) = wheel["packages"]
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / package, folder / Path(package).name, ignore=ignored)
    for source, target in wheel["force-include"].items():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder / target, ignore=ignored)
        else:
            shutil.copy(ROOT / source, folder / target)
    return folder


def decaygate(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the user's folder, as a shell there would."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DECAYGATE", "PYTEST"))}
    # The interpreter writes bytecode of the launcher itself, as pip does when it installs a package.
    environment = inherited | {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "decaygate", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)


def files(folder: Path) -> set[str]:
    """Return the path of every file below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_tree_lies_below_one_package(site: Path) -> None:
    """It has neither self-tests nor mutants. The mutants are only named, in a file."""
    assert [path.name for path in site.iterdir()] == ["decaygate"]
    assert {path.name for path in (site / "decaygate" / "tests").iterdir()} == {"__init__.py", "claims", "plugin"}
    assert (site / "decaygate" / "scenarios" / "mutants.yaml").exists()


def test_the_wheel_holds_exactly_this_tree(site: Path, tmp_path: Path, record_property: Any) -> None:
    """The wheel is built by its build system, without the network."""
    if importlib.util.find_spec("hatchling") is None:
        skip_with_reason(record_property, "hatchling is not installed; constraints.txt has it")

    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)

    (wheel,) = tmp_path.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == files(site)


def test_a_command_without_a_run_writes_nothing(site: Path, tmp_path: Path) -> None:
    before = files(site)

    done = decaygate(site, tmp_path, "list", "--kind", "arithmetic")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].endswith(" claims")
    assert (files(tmp_path), files(site)) == (set(), before)


def test_a_run_writes_only_into_the_state_folder(site: Path, tmp_path: Path) -> None:
    """pytest's cache lies there, and the folder of the run is deleted."""
    before = files(site)

    done = decaygate(site, tmp_path, "claims", "--optimizer=torch.optim:AdamW", f"--claim={CLAIM}", "--", "-n0")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == [".decaygate"]
    assert {path.name for path in (tmp_path / ".decaygate").iterdir()} == {".gitignore", "cache"}
    assert files(site) == before


def test_an_optimizer_that_ends_python_is_red(site: Path, tmp_path: Path) -> None:
    """pytest alone would end with its exit code, which is 0. The last line has the optimizer and the test."""
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")

    done = decaygate(site, tmp_path, "claims", "--optimizer=mine:Ends", f"--claim={CLAIM}", "--", "-n0")

    test = f"test_claims.py::test_claim[zero_gradient.{CLAIM}]"
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"RED: mine:Ends ended the Python process in {test}: the run has no result"
    assert [path.name for path in (tmp_path / ".decaygate").iterdir()] == [".gitignore"]


def test_assertions_are_needed(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them, tests assert nothing."""
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")

    done = decaygate(site, tmp_path, "claims")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
    assert "removes assertions" in done.stderr


def test_a_recording_without_a_golden_folder_is_refused(site: Path, tmp_path: Path) -> None:
    """It would be written into the installed suite."""
    before = files(site)

    done = decaygate(site, tmp_path, "record", "--", "-n0", "-k", "decay_time")

    assert done.returncode == 4
    assert "add --golden-dir=DIR, or golden_dir to [tool.decaygate] in pyproject.toml" in done.stderr
    assert files(site) == before
