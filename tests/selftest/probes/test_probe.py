"""Declarations of probes: complete, without torch, and true of the modules that they name."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from harness.environment.paths import ROOT
from harness.probes import FOLDERS, PROBES
from harness.probes.probe import Probe

SHARED = {"__init__", "scale_invariant_loss"}


def test_every_probe_module_is_declared() -> None:
    """In the `__init__` of its own folder, once."""
    declared = [probe.module for folder in FOLDERS for probe in folder.PROBES]
    there = {f"{room.__name__}.{path.stem}" for room in FOLDERS for path in Path(str(room.__file__)).parent.glob("*.py")} - {
        f"{room.__name__}.{name}" for room in FOLDERS for name in SHARED
    }

    assert len(declared) == len(set(declared)) == len(PROBES)
    assert set(declared) == there


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
def test_a_probe_says_what_its_run_returns(probe: Probe) -> None:
    """The line that `vocabulary` prints is the first line of the docstring of `run`."""
    documented = str(importlib.import_module(probe.module).run.__doc__).partition("\n")[0]

    assert probe.says == documented
    assert probe.measures


@pytest.mark.parametrize(
    "code",
    [
        "from harness.catalog.load import load; load()",
        "from harness.cli.main import main; main(['list'])",
        "from harness.cli.main import main; main(['vocabulary', 'unseen_row'])",
        "from harness.cli.main import main; main(['contract'])",
    ],
)
def test_scenarios_are_loaded_without_torch(code: str) -> None:
    """So that `list`, `vocabulary` and `contract` answer at once."""
    script = f"import sys; {code}; sys.exit('torch' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
