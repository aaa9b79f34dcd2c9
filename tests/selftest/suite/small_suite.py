"""Small suite for the tests of goldens: a pytest suite in its own folder that reads its numbers from a file.

It does not import torch. It compares, prints and writes goldens with the code of `harness/goldens`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.environment.paths import ROOT

CONFTEST = """
from pathlib import Path
from harness.goldens.store import GoldenExtension

def pytest_configure(config):
    GoldenExtension.set_folder(Path(__file__).parent / "golden", "default")
"""

# A test whose numbers have the key `killed` kills its process in the writer of goldens: after the
# temporary file was opened, or in place of `os.replace`.
CLAIMS = """
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
import pytest
from harness.goldens.values import Ensemble, Exact, Information
from harness.goldens.store import GoldenExtension, check
from harness.goldens.origin import Origin

NUMBERS = json.loads((Path(__file__).parent / "numbers.json").read_text())
KINDS = {
    "exact": lambda **given: Exact(**{"signal": 1e6, **given}),
    "ensemble": lambda **given: replace(Ensemble.of(**given), signal=20.0),
    "information": Information.of,
}
open_file = Path.open

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def open_and_die(path, *arguments, **options):
    file = open_file(path, *arguments, **options)
    return die() if path.suffix == ".tmp" else file

@pytest.mark.parametrize("scenario", sorted(NUMBERS))
def test_golden(scenario, snapshot, monkeypatch):
    obtained = NUMBERS[scenario]
    if obtained.get("raises"):
        raise RuntimeError("out of memory")
    if obtained.get("crashes"):
        os._exit(3)
    if obtained.get("killed") == "between open and write":
        monkeypatch.setattr(Path, "open", open_and_die)
    if obtained.get("killed") == "between write and rename":
        monkeypatch.setattr(os, "replace", die)
    entries = {name: KINDS[entry.pop("kind")](**entry) for name, entry in obtained["entries"].items()}
    origin = Origin(obtained["origin"])
    outcome = check(snapshot.use_extension(GoldenExtension), entries, origin=origin, blockers=obtained.get("blockers", []))
    if not outcome.ok:
        pytest.fail("\\n".join([outcome.first_line, *outcome.details]), pytrace=False)
"""

# syrupy's warning when a worker is killed; pyproject.toml ignores it too.
KILLED = "ignore:syrupy. received .* xdist worker snapshot reports:UserWarning"

SAMPLES = [1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.01]
ORIGIN = {"subject.decoupled": "torch.optim:AdamW", "commit": "abc", "torch": "2.13.0", "device": "cpu (x86_64)"}


def exact(value: float, rtol: float = 1e-9, atol: float = 0.0) -> dict[str, Any]:
    """Return the entry of an exact number in the small suite's file of numbers."""
    return {"kind": "exact", "value": value, "rtol": rtol, "atol": atol}


def scenario(**entries: dict[str, Any]) -> dict[str, Any]:
    """Return the origin and the entries of a scenario; the first `_` of a name stands for its dot."""
    return {"origin": dict(ORIGIN), "entries": {name.replace("_", ".", 1): entry for name, entry in entries.items()}}


def numbers() -> dict[str, Any]:
    """Return the first numbers of the two scenarios: `ball` has exact numbers, `net` two ensembles and an information entry."""
    loss = {"kind": "ensemble", "samples": SAMPLES, "alpha": 1e-4}
    return {
        "ball": scenario(adamw_height=exact(2.0), adamw_speed=exact(-0.25), sgd_height=exact(3.0)),
        "net": scenario(
            control_loss=dict(loss),
            control_norm={"kind": "information", "samples": SAMPLES},
            undecayed_loss=dict(loss, samples=[2 * x for x in SAMPLES]),
        ),
    }


@dataclass(frozen=True)
class Suite:
    """A folder with a small suite: `obtains` sets its numbers, `run` runs it with the pytest options `options`."""

    folder: Path
    options: tuple[str, ...]

    def obtains(self, obtained: dict[str, Any]) -> None:
        """Set the numbers that its scenarios obtain in later runs."""
        (self.folder / "numbers.json").write_text(json.dumps(obtained))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it in a process, with its options and these arguments."""
        command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *self.options, *arguments]
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_"))}
        environment = inherited | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def update(self, *arguments: str) -> None:
        """Record the goldens; assert that the run is green."""
        done = self.run("--snapshot-update", *arguments)
        assert done.returncode == 0, done.stdout

    def files(self) -> dict[str, str]:
        """Return the text of every file below the golden folder, by its path there."""
        goldens = self.folder / "golden"
        return {str(file.relative_to(goldens)): file.read_text() for file in sorted(goldens.rglob("*")) if file.is_file()}

    def golden(self, name: str) -> Path:
        """Return the path of a scenario's golden."""
        return self.folder / "golden" / "default" / "test_claims" / f"{name}.json"

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in a golden, as a person with an editor would; assert that the text is there."""
        text = self.golden(name).read_text()
        assert old in text
        self.golden(name).write_text(text.replace(old, new))


def make_suite(folder: Path, *options: str) -> Suite:
    """Write the files of a small suite into `folder`."""
    (folder / "pytest.ini").write_text(f"[pytest]\nfilterwarnings =\n  error\n  {KILLED}\n")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_claims.py").write_text(CLAIMS)
    suite = Suite(folder, options)
    suite.obtains(numbers())
    return suite


def recorded(folder: Path, *options: str) -> Suite:
    """Write a small suite into `folder` and record its goldens."""
    suite = make_suite(folder, *options)
    suite.update()
    return suite


def changed_lines(before: str, after: str) -> list[str]:
    """Return the lines of `after` that differ from the line of `before` at the same position; the number of lines is equal."""
    old, new = before.splitlines(), after.splitlines()
    assert len(old) == len(new)
    return [line for was, line in zip(old, new, strict=True) if was != line]
