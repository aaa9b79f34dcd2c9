"""Does a golden live as it should: recorded once, compared always, changed on request only, and never lost?

Every test runs pytest on a folder of its own, with a test module as small as the real one and its numbers in a file.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from syrupy.data import Snapshot, SnapshotCollection

from harness.comparison import Exact
from harness.golden import GoldenExtension
from harness.recording import Recording, dump

ROOT = Path(__file__).resolve().parents[2]

CONFTEST = """
from pathlib import Path
from harness.golden import GoldenExtension

def pytest_configure(config):
    GoldenExtension.place(Path(__file__).parent / "golden", "default")
"""

CLAIMS = """
import json
import os
from pathlib import Path
import pytest
from harness.comparison import Ensemble, Exact, Information
from harness.golden import GoldenExtension, check
from harness.provenance import Origin

NUMBERS = json.loads((Path(__file__).parent / "numbers.json").read_text())
KINDS = {"exact": Exact, "ensemble": Ensemble.of, "information": Information.of}

@pytest.mark.parametrize("scenario", sorted(NUMBERS))
def test_golden(scenario, snapshot):
    told = NUMBERS[scenario]
    if told.get("raises"):
        raise RuntimeError("out of memory")
    if told.get("crashes"):
        os._exit(3)
    entries = {name: KINDS[entry.pop("kind")](**entry) for name, entry in told["entries"].items()}
    origin = Origin(told.get("origin", {"subject.decoupled": "torch.optim:AdamW", "commit": "abc", "torch": "2.13.0"}))
    outcome = check(snapshot.use_extension(GoldenExtension), entries, origin=origin, blockers=told.get("blockers", []))
    if not outcome.ok:
        pytest.fail(outcome.text, pytrace=False)
"""

SAMPLES = [1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.01]


def exact(value: float, rtol: float = 1e-9, atol: float = 0.0) -> dict[str, Any]:
    return {"kind": "exact", "value": value, "rtol": rtol, "atol": atol}


def numbers() -> dict[str, Any]:
    """Return what the two scenarios obtain at first: `ball` exact numbers, `net` an ensemble and a piece of information."""
    ensemble = {"kind": "ensemble", "samples": SAMPLES, "alpha": 1e-4}
    return {
        "ball": {"entries": {"adamw.height": exact(2.0), "adamw.speed": exact(-0.25), "sgd.height": exact(3.0)}},
        "net": {
            "entries": {
                "control.loss": dict(ensemble),
                "no_decay.loss": dict(ensemble, samples=[2 * x for x in SAMPLES]),
                "control.norm": {"kind": "information", "samples": SAMPLES},
            }
        },
    }


@dataclass(frozen=True)
class Suite:
    """A folder with a small suite; `obtains` sets its numbers, `run` runs it."""

    folder: Path
    options: tuple[str, ...]

    def obtains(self, told: dict[str, Any]) -> None:
        (self.folder / "numbers.json").write_text(json.dumps(told))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *self.options, *arguments]
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_"))}
        environment = clean | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def files(self) -> dict[str, str]:
        goldens = self.folder / "golden"
        return {str(file.relative_to(goldens)): file.read_text() for file in sorted(goldens.rglob("*")) if file.is_file()}

    def golden(self, scenario: str) -> Path:
        return self.folder / "golden" / "default" / "test_claims" / f"{scenario}.json"


def make_suite(folder: Path, *options: str) -> Suite:
    """Write the suite's files."""
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_claims.py").write_text(CLAIMS)
    suite = Suite(folder, options)
    suite.obtains(numbers())
    return suite


def recorded(folder: Path, *options: str) -> Suite:
    """Return a suite whose goldens have been recorded."""
    suite = make_suite(folder, *options)
    done = suite.run("--snapshot-update")
    assert done.returncode == 0, done.stdout
    return suite


def changed_lines(before: str, after: str) -> list[str]:
    """Return the lines of `after` that differ from the same line of `before`."""
    old, new = before.splitlines(), after.splitlines()
    assert len(old) == len(new)
    return [line for was, line in zip(old, new, strict=True) if was != line]


@pytest.fixture(params=[(), ("-n", "2")], ids=["serial", "two_workers"])
def options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param


def test_the_life_of_a_golden(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Missing fails and says how to record; recorded passes; drifted fails untouched; updated changes one line."""
    suite = make_suite(tmp_path, *options)
    missing = suite.run()
    assert missing.returncode == 1
    assert "golden ball: nothing is recorded in golden/default/test_claims/ball.json" in missing.stdout
    assert 'make record ARGS="-k ball"' in missing.stdout
    assert 'pytest "test_claims.py::test_golden[ball]" --snapshot-update' in missing.stdout
    assert suite.files() == {}

    assert suite.run("--snapshot-update").returncode == 0
    before = suite.files()
    assert set(before) == {"default/test_claims/ball.json", "default/test_claims/net.json"}
    assert suite.run().returncode == 0

    told = numbers()
    told["ball"]["entries"]["adamw.speed"]["value"] = -0.2500001
    suite.obtains(told)
    drifted = suite.run()
    assert drifted.returncode == 1
    assert (
        "FAILED test_claims.py::test_golden[ball] - Failed: golden ball: adamw.speed -1e-07 (tolerance 2.5e-10)" in drifted.stdout
    )
    assert "2 of 3 within tolerance" in drifted.stdout
    assert suite.files() == before

    assert suite.run("--snapshot-update").returncode == 0
    after = suite.files()
    assert after["default/test_claims/net.json"] == before["default/test_claims/net.json"]
    moved = changed_lines(before["default/test_claims/ball.json"], after["default/test_claims/ball.json"])
    assert moved == ['  "adamw.speed": {"value": -0.2500001, "rtol": 1e-09, "atol": 0.0},']
    assert suite.run().returncode == 0


def test_a_number_within_tolerance_is_never_rewritten(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Neither by an update of its own, nor beside a number of the same file that has moved."""
    suite = recorded(tmp_path, *options)
    before = suite.files()
    told = numbers()
    told["ball"]["entries"]["sgd.height"]["value"] *= 1 + 5e-10
    told["net"]["entries"]["control.loss"]["samples"] = [x + 0.01 for x in SAMPLES]
    told["net"]["entries"]["control.norm"]["samples"] = [x + 0.01 for x in SAMPLES]
    suite.obtains(told)
    assert suite.run("--snapshot-update").returncode == 0
    assert suite.files() == before

    told["ball"]["entries"]["adamw.height"]["value"] = 2.5
    told["net"]["entries"]["no_decay.loss"]["samples"] = [2 * x + 1 for x in SAMPLES]
    suite.obtains(told)
    assert suite.run("--snapshot-update").returncode == 0
    after = suite.files()
    for file, name in (("ball", "adamw.height"), ("net", "no_decay.loss")):
        (line,) = changed_lines(before[f"default/test_claims/{file}.json"], after[f"default/test_claims/{file}.json"])
        assert line.startswith(f'  "{name}"')


@pytest.mark.parametrize("flag", ["--snapshot-update", "--snapshot-update-new-only"])
def test_a_blocked_golden_is_not_recorded(tmp_path: Path, flag: str) -> None:
    """A failing claim, a number that is not finite, no spread and no number at all each say why and write nothing."""
    suite = make_suite(tmp_path)
    told = {name: dict(numbers()["ball"]) for name in ("claim_fails", "not_finite", "no_spread", "empty")}
    told["claim_fails"]["blockers"] = ["claim decay_superposes fails: 0.3 > 1e-12"]
    told["not_finite"] = {"entries": {"adamw.height": exact(math.nan)}}
    told["no_spread"] = {"entries": {"control.loss": {"kind": "ensemble", "samples": [0.5] * 8, "alpha": 1e-4}}}
    told["empty"] = {"entries": {}}
    suite.obtains(told)
    done = suite.run(flag)
    assert done.returncode == 1
    for line in (
        "golden claim_fails: not recorded: claim decay_superposes fails: 0.3 > 1e-12",
        "golden not_finite: not recorded: adamw.height: not finite",
        "golden no_spread: not recorded: control.loss: zero variance",
        "golden empty: not recorded: there is no number to record",
    ):
        assert line in done.stdout
    assert suite.files() == {}


def test_a_blocked_golden_is_not_updated(tmp_path: Path) -> None:
    """The recorded file stays as it is, and the message shows the reason and the difference."""
    suite = recorded(tmp_path)
    before = suite.files()
    told = numbers()
    told["ball"]["blockers"] = ["claim decay_superposes fails"]
    told["ball"]["entries"]["adamw.height"]["value"] = 7.0
    told["net"]["entries"]["control.loss"]["samples"] = [math.inf, *SAMPLES[1:]]
    suite.obtains(told)
    done = suite.run("--snapshot-update")
    assert done.returncode == 1
    assert "golden ball: not recorded: claim decay_superposes fails" in done.stdout
    assert "adamw.height +5 (tolerance 2e-09)" in done.stdout
    assert "golden net: not recorded: control.loss: not finite" in done.stdout
    assert suite.files() == before


def test_a_number_that_is_not_finite_fails_against_its_golden(tmp_path: Path) -> None:
    """NaN equals nothing, not even a golden into which somebody has written NaN."""
    suite = recorded(tmp_path)
    told = numbers()
    told["ball"]["entries"]["adamw.height"]["value"] = math.nan
    suite.obtains(told)
    assert "golden ball: adamw.height not finite" in suite.run("-k", "ball").stdout
    suite.golden("ball").write_text(suite.golden("ball").read_text().replace("2.0", "NaN"))
    done = suite.run("-k", "ball", "--snapshot-update")
    assert done.returncode == 1
    assert "NaN" in suite.golden("ball").read_text()
    suite.obtains(numbers())
    assert "golden ball: cannot be read: NaN is never a recorded value" in suite.run("-k", "ball").stdout


def test_measures_that_vanish_or_appear_fail_until_updated(tmp_path: Path) -> None:
    """The comparison is over the union of names, both ways."""
    suite = recorded(tmp_path)
    told = numbers()
    told["ball"]["entries"]["lion.height"] = told["ball"]["entries"].pop("sgd.height")
    del told["net"]["entries"]["control.norm"]
    suite.obtains(told)
    done = suite.run()
    assert "lion.height was obtained and is not in the golden; sgd.height is in the golden and was not obtained" in done.stdout
    assert "golden net: control.norm is in the golden and was not obtained" in done.stdout
    assert suite.run("--snapshot-update").returncode == 0
    assert suite.run().returncode == 0
    assert "sgd.height" not in suite.golden("ball").read_text()
    assert '"lion.height"' in suite.golden("ball").read_text()


def test_a_changed_tolerance_fails_until_updated_and_keeps_the_recorded_number(tmp_path: Path) -> None:
    """Loosening in the scenario is a difference in the golden; the number's digits stay."""
    suite = recorded(tmp_path)
    before = suite.golden("ball").read_text()
    told = numbers()
    told["ball"]["entries"]["adamw.height"] |= {"rtol": 1e-3, "value": 2.0 * (1 + 1e-10)}
    told["net"]["entries"]["control.loss"]["alpha"] = 1e-3
    suite.obtains(told)
    done = suite.run()
    assert done.returncode == 1
    assert "golden ball: adamw.height tolerance changed: rtol 1e-09 -> 0.001" in done.stdout
    assert "golden net: control.loss tolerance changed: alpha 0.0001 -> 0.001" in done.stdout
    assert suite.run("--snapshot-update").returncode == 0
    (line,) = changed_lines(before, suite.golden("ball").read_text())
    assert line == '  "adamw.height": {"value": 2.0, "rtol": 0.001, "atol": 0.0},'
    assert suite.run().returncode == 0


def test_a_tolerance_edited_in_the_golden_fails(tmp_path: Path) -> None:
    """An ensemble's tolerance follows from its recorded spread and cannot be widened by hand."""
    suite = recorded(tmp_path)
    golden = json.loads(suite.golden("net").read_text())
    golden["entries"]["control.loss"]["tolerance"] *= 10
    suite.golden("net").write_text(json.dumps(golden))
    done = suite.run("-k", "net")
    assert done.returncode == 1
    assert "the recorded tolerance is not the one that its sd, n and alpha give" in done.stdout


def test_a_copy_of_another_scenarios_golden_is_detected(tmp_path: Path) -> None:
    """Also when every number agrees; an update writes the scenario's own."""
    suite = make_suite(tmp_path)
    told = numbers()
    told["bell"] = told["ball"]
    suite.obtains(told)
    assert suite.run("--snapshot-update").returncode == 0
    own = suite.golden("bell").read_text()
    suite.golden("bell").write_text(suite.golden("ball").read_text())
    done = suite.run()
    assert done.returncode == 1
    assert "golden bell: its file is a copy of ball's" in done.stdout
    assert suite.run("--snapshot-update").returncode == 0
    assert suite.golden("bell").read_text() == own


def test_an_unreadable_golden_is_never_overwritten(tmp_path: Path) -> None:
    """A merge conflict is for a person to resolve, with or without an update."""
    suite = recorded(tmp_path)
    conflict = "<<<<<<< ours\n" + suite.golden("ball").read_text()
    suite.golden("ball").write_text(conflict)
    for flags in ((), ("--snapshot-update",)):
        done = suite.run("-k", "ball", *flags)
        assert done.returncode == 1
        assert "golden ball: cannot be read: not JSON" in done.stdout
        assert suite.golden("ball").read_text() == conflict


SELECTIONS = (
    ("-x",),
    ("--deselect", "test_claims.py::test_golden[net]"),
    ("test_claims.py::test_golden[ball]",),
    ("-k", "net"),
    (),
)


def test_no_golden_is_lost_whatever_runs(tmp_path: Path, options: tuple[str, ...]) -> None:
    """An update leaves alone what did not run or broke before its golden, and what belongs to no test any more."""
    suite = recorded(tmp_path, *options)
    suite.golden("stale").write_text(suite.golden("ball").read_text())
    before = suite.files()
    told = numbers()
    told["aaa"] = {"raises": True}
    suite.obtains(told)
    for selection in SELECTIONS:
        suite.run("--snapshot-update", *selection)
        assert suite.files() == before, selection
    assert suite.run("test_claims.py::test_golden[ball]").returncode == 0


def test_no_golden_is_lost_when_a_worker_crashes(tmp_path: Path) -> None:
    """The tests that a dead worker had passed keep their goldens."""
    suite = recorded(tmp_path)
    before = suite.files()
    told = numbers()
    told["zoo"] = {"crashes": True}
    suite.obtains(told)
    done = suite.run("-n", "2", "--max-worker-restart", "2", "--snapshot-update")
    assert "crashed" in done.stdout
    assert suite.files() == before


def test_a_write_that_fails_leaves_the_old_golden_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no temporary file beside it."""
    golden = tmp_path / "ball.json"
    golden.write_text(dump(Recording("ball", {"m": Exact(1.0, 1e-9, 0.0)})))
    before = golden.read_bytes()
    new = SnapshotCollection(location=str(golden))
    new.add(Snapshot(name="test_golden[ball]", data=dump(Recording("ball", {"m": Exact(2.0, 1e-9, 0.0)}))))

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        GoldenExtension.write_snapshot_collection(snapshot_collection=new)
    assert golden.read_bytes() == before
    assert list(tmp_path.iterdir()) == [golden]


def test_new_only_records_what_is_missing_and_still_fails_on_drift(tmp_path: Path) -> None:
    """Adding a scenario does not bless what has moved elsewhere."""
    suite = recorded(tmp_path)
    before = suite.golden("ball").read_text()
    told = numbers()
    told["ball"]["entries"]["adamw.height"]["value"] = 9.0
    told["bell"] = numbers()["ball"]
    suite.obtains(told)
    done = suite.run("--snapshot-update-new-only")
    assert done.returncode == 1
    assert "golden ball: adamw.height +7" in done.stdout
    assert suite.golden("ball").read_text() == before
    assert suite.golden("bell").exists()


ODD = """
import pytest
from harness.comparison import Exact
from harness.golden import GoldenExtension, check
from harness.provenance import Origin

def ask(snapshot, times=1):
    snapshot = snapshot.use_extension(GoldenExtension)
    for _ in range(times):
        check(snapshot, {"x": Exact(1.0, 0.0, 0.0)}, origin=Origin({}), blockers=[])

def test_golden(snapshot): ask(snapshot)

@pytest.mark.parametrize("scenario", ["ball"])
def test_other(scenario, snapshot): ask(snapshot)

class TestMore:
    @pytest.mark.parametrize("scenario", ["ball"])
    def test_golden(self, scenario, snapshot): ask(snapshot)
"""
ODD_IDS = """
import pytest
from test_odd import ask

@pytest.mark.parametrize("scenario", ["a/b", "ab"])
def test_golden(scenario, snapshot): ask(snapshot, times=2)
"""


def test_a_test_that_could_share_a_file_is_refused(tmp_path: Path) -> None:
    """Only test_golden[<snake_case>] outside a class has a golden, and one; no temporary file stays behind."""
    suite = make_suite(tmp_path)
    (suite.folder / "test_odd.py").write_text(ODD)
    (suite.folder / "test_odd_ids.py").write_text(ODD_IDS)
    done = suite.run("test_odd.py", "test_odd_ids.py", "--snapshot-update")
    assert "5 failed" in done.stdout
    for test in ("test_golden", "test_other[ball]", "TestMore::test_golden[ball]"):
        assert f"test_odd.py::{test} asks for a golden: expected one call in test_golden" in done.stdout
    assert "test_odd_ids.py::test_golden[a/b] asks for a golden: expected" in done.stdout
    assert "test_odd_ids.py::test_golden[ab] asks for a golden a second time: expected" in done.stdout
    assert set(suite.files()) == {"default/test_odd_ids/ab.json"}


def test_what_breaks_in_writing_is_not_taken_for_a_missing_golden(tmp_path: Path) -> None:
    """A folder that is a file stops the test with the system's own error."""
    suite = make_suite(tmp_path)
    (tmp_path / "golden").write_text("in the way")
    done = suite.run("--snapshot-update", "-k", "ball")
    assert done.returncode == 1
    assert "Error" in done.stdout
    assert "golden ball: nothing is recorded" not in done.stdout
