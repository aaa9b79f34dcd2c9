"""Tests of the declarations of probes: complete, equal to the docstrings of their modules, loaded without torch."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from harness.environment.paths import ROOT
from harness.errors import RunError
from harness.measurement import Measurement, Unmeasured
from harness.probes import FOLDERS, PROBES
from harness.probes.probe import Probe, collect

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

    assert probe.description == documented
    assert probe.measures


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
def test_each_setting_is_explained_in_the_docstring(probe: Probe) -> None:
    """The docstring has a list, and each item begins with the names of one or more settings."""
    lines = str(probe.settings.__doc__).splitlines()
    items = [line.strip().partition(":")[0] for line in lines if line.strip().startswith("- `")]

    explained = [name for item in items for name in re.findall(r"`(\w+)`", item)]

    assert lines[0].startswith(f"Settings of the probe {probe.name}")
    assert sorted(explained) == sorted(field.name for field in fields(probe.settings))


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


def test_a_refused_case_leaves_the_other_measures() -> None:
    """The measures of an experiment that raises have the message; a key with several names gives several measures."""
    one, two = Measurement(1.0, "1"), Measurement(2.0, "1")

    def refuses() -> Measurement:
        raise RunError("mine:Opt raised ValueError at step 1: no scalars")

    measured = collect({"first": lambda: one, ("second", "third"): lambda: {"second": one, "third": two}, ("a", "b"): refuses})

    refused = Unmeasured("mine:Opt raised ValueError at step 1: no scalars")
    assert measured == {"first": one, "second": one, "third": two, "a": refused, "b": refused}
