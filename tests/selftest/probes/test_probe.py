"""Tests of the declarations of probes: complete, equal to the docstrings of their modules, loaded without torch."""

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
    """Each module is declared once, in the `__init__` of its own folder."""
    declared = [probe.module for folder in FOLDERS for probe in folder.PROBES]
    modules = {
        f"{folder.__name__}.{path.stem}" for folder in FOLDERS for path in Path(str(folder.__file__)).parent.glob("*.py")
    } - {f"{folder.__name__}.{name}" for folder in FOLDERS for name in SHARED}

    assert len(declared) == len(set(declared)) == len(PROBES)
    assert set(declared) == modules


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
def test_a_declared_line_is_the_docstring_of_run(probe: Probe) -> None:
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
    """The commands `list`, `vocabulary` and `contract` answer at once because torch is not imported."""
    script = f"import sys; {code}; sys.exit('torch' in sys.modules)"

    process = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (process.returncode, process.stderr) == (0, "")
