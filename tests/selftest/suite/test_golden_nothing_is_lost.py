"""Is a golden safe from whatever else happens: selections, crashes, kills in the middle of a write, a full disk?"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from syrupy.data import Snapshot, SnapshotCollection

from harness.goldens.file_format import Recording, dump
from harness.goldens.store import GoldenExtension
from harness.goldens.values import Exact
from tests.selftest.suite.small_suite import make_suite, numbers, recorded

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


def test_a_selection_updates_what_it_selects_and_nothing_else(tmp_path: Path, options: tuple[str, ...]) -> None:
    """By node id, and by leaving the other out."""
    suite = recorded(tmp_path, *options)
    told = numbers()
    for one in told.values():
        for entry in one["entries"].values():
            entry.update({"value": 9.0} if "value" in entry else {"samples": [x + 5 for x in entry["samples"]]})
    suite.obtains(told)
    before = suite.files()
    suite.update("test_claims.py::test_golden[ball]")
    assert {name for name, text in suite.files().items() if text != before[name]} == {"default/test_claims/ball.json"}
    suite.update("--deselect", "test_claims.py::test_golden[ball]")
    assert suite.run().returncode == 0


def test_no_golden_is_lost_when_a_worker_crashes(tmp_path: Path) -> None:
    """The tests that a dead worker had passed keep their goldens; those that others record are recorded."""
    suite = recorded(tmp_path)
    before = suite.files()
    told = numbers()
    told["ball"]["entries"]["adamw.height"]["value"] = 9.0
    told["zoo"] = {"crashes": True}
    suite.obtains(told)
    done = suite.run("-n", "2", "--max-worker-restart", "2", "--snapshot-update")
    assert "crashed" in done.stdout
    assert done.returncode == 1
    after = suite.files()
    assert set(after) == set(before)
    assert after["default/test_claims/net.json"] == before["default/test_claims/net.json"]
    assert '"adamw.height": {"value": 9.0' in after["default/test_claims/ball.json"]


@pytest.mark.parametrize("moment", ["between open and write", "between write and rename"])
def test_a_run_that_is_killed_in_mid_write_leaves_the_old_golden_whole(
    tmp_path: Path, moment: str, options: tuple[str, ...]
) -> None:
    """kill -9 itself; the next run records what this one could not, and clears what it left."""
    suite = recorded(tmp_path, *options)
    before = suite.files()
    told = numbers()
    told["ball"]["entries"]["adamw.height"]["value"] = 9.0
    told["bell"] = numbers()["ball"]
    for name in ("ball", "bell"):
        told[name]["killed"] = moment
    suite.obtains(told)
    for name in ("ball", "bell"):  # one that is recorded, and one that is not
        killed = suite.run("--snapshot-update", "-k", name, "--max-worker-restart", "0")
        assert killed.returncode == -9 or "crashed" in killed.stdout
    left = {name: text for name, text in suite.files().items() if name not in before}
    assert {name: text for name, text in suite.files().items() if name in before} == before
    assert len(left) == 2, "it was not killed in mid-write"
    assert all(name.endswith(".tmp") and bool(text) == (moment == "between write and rename") for name, text in left.items())

    for name in ("ball", "bell"):
        del told[name]["killed"]
    suite.obtains(told)
    assert suite.run("-k", "ball").returncode == 1
    suite.update()
    assert set(suite.files()) == {f"default/test_claims/{name}.json" for name in ("ball", "bell", "net")}
    assert json.loads(suite.golden("ball").read_text())["entries"]["adamw.height"]["value"] == 9.0
    assert suite.run().returncode == 0


def collection(golden: Path, value: float) -> SnapshotCollection:
    """Return what syrupy hands over to write a golden with one number."""
    new = SnapshotCollection(location=str(golden))
    new.add(Snapshot(name="test_golden[ball]", data=dump(Recording("ball", {"m": Exact(value, 1e-9, 0.0)}))))
    return new


def test_a_write_that_fails_leaves_the_old_golden_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no temporary file beside it."""
    golden = tmp_path / "ball.json"
    golden.write_text(dump(Recording("ball", {"m": Exact(1.0, 1e-9, 0.0)})))
    before = golden.read_bytes()

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        GoldenExtension.write_snapshot_collection(snapshot_collection=collection(golden, 2.0))
    assert golden.read_bytes() == before
    assert list(tmp_path.iterdir()) == [golden]


def test_another_run_that_is_writing_keeps_its_file(tmp_path: Path) -> None:
    """Only what a dead process left is cleared."""
    golden = tmp_path / "ball.json"
    theirs, dead = tmp_path / ".ball.json.1.tmp", tmp_path / ".ball.json.99999999.tmp"
    theirs.write_text("half")
    dead.write_text("half")

    GoldenExtension.write_snapshot_collection(snapshot_collection=collection(golden, 2.0))

    assert sorted(tmp_path.iterdir()) == [theirs, golden]


def test_what_breaks_in_writing_is_not_taken_for_a_missing_golden(tmp_path: Path) -> None:
    """A folder that is a file stops the test with the system's own error."""
    suite = make_suite(tmp_path)
    (tmp_path / "golden").write_text("in the way")
    done = suite.run("--snapshot-update", "-k", "ball")
    assert done.returncode == 1
    assert "Error" in done.stdout
    assert "golden ball: nothing is recorded" not in done.stdout
