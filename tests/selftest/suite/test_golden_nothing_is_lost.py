"""Tests that no golden is lost: through selections, crashes, a kill in the middle of a write, a full disk."""

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


def test_an_update_keeps_the_goldens_of_other_tests(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Other tests: those that did not run, and those that broke before their golden. A golden without a test stays too."""
    suite = recorded(tmp_path, *options)
    suite.golden("stale").write_text(suite.golden("ball").read_text())
    before = suite.files()
    obtained = numbers()
    obtained["aaa"] = {"raises": True}
    suite.obtains(obtained)
    for selection in SELECTIONS:
        suite.run("--snapshot-update", *selection)
        assert suite.files() == before, selection
    assert suite.run("test_claims.py::test_golden[ball]").returncode == 0


def test_an_update_changes_only_selected_goldens(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The selection is a node id, and then `--deselect`."""
    suite = recorded(tmp_path, *options)
    obtained = numbers()
    for result in obtained.values():
        for entry in result["entries"].values():
            entry.update({"value": 9.0} if "value" in entry else {"samples": [x + 5 for x in entry["samples"]]})
    suite.obtains(obtained)
    before = suite.files()
    suite.update("test_claims.py::test_golden[ball]")
    assert {name for name, text in suite.files().items() if text != before[name]} == {"default/test_claims/ball.json"}
    suite.update("--deselect", "test_claims.py::test_golden[ball]")
    assert suite.run().returncode == 0


def test_no_golden_is_lost_when_a_worker_crashes(tmp_path: Path) -> None:
    """The tests that the dead worker had finished keep their goldens. The goldens of the other tests are recorded."""
    suite = recorded(tmp_path)
    before = suite.files()
    obtained = numbers()
    obtained["ball"]["entries"]["adamw.height"]["value"] = 9.0
    obtained["zoo"] = {"crashes": True}
    suite.obtains(obtained)
    done = suite.run("-n", "2", "--max-worker-restart", "2", "--snapshot-update")
    assert "crashed" in done.stdout
    assert done.returncode == 1
    after = suite.files()
    assert set(after) == set(before)
    assert after["default/test_claims/net.json"] == before["default/test_claims/net.json"]
    assert '"adamw.height": {"value": 9.0' in after["default/test_claims/ball.json"]


@pytest.mark.parametrize("moment", ["between open and write", "between write and rename"])
def test_a_kill_in_the_middle_of_a_write_keeps_the_old_golden(tmp_path: Path, moment: str, options: tuple[str, ...]) -> None:
    """The process gets SIGKILL. The next run records both goldens and deletes the temporary files of the killed one."""
    suite = recorded(tmp_path, *options)
    before = suite.files()
    obtained = numbers()
    obtained["ball"]["entries"]["adamw.height"]["value"] = 9.0
    obtained["bell"] = numbers()["ball"]
    for name in ("ball", "bell"):
        obtained[name]["killed"] = moment
    suite.obtains(obtained)
    for name in ("ball", "bell"):  # `ball` has a golden already, `bell` has none
        killed = suite.run("--snapshot-update", "-k", name, "--max-worker-restart", "0")
        assert killed.returncode == -9 or "crashed" in killed.stdout
    new = {name: text for name, text in suite.files().items() if name not in before}
    assert {name: text for name, text in suite.files().items() if name in before} == before
    assert len(new) == 2, "the run was not killed in the middle of a write"
    assert all(name.endswith(".tmp") and bool(text) == (moment == "between write and rename") for name, text in new.items())

    for name in ("ball", "bell"):
        del obtained[name]["killed"]
    suite.obtains(obtained)
    assert suite.run("-k", "ball").returncode == 1
    suite.update()
    assert set(suite.files()) == {f"default/test_claims/{name}.json" for name in ("ball", "bell", "net")}
    assert json.loads(suite.golden("ball").read_text())["entries"]["adamw.height"]["value"] == 9.0
    assert suite.run().returncode == 0


def collection(golden: Path, value: float) -> SnapshotCollection:
    """Return a syrupy collection with a golden of one number, as syrupy gives it to the writer."""
    snapshots = SnapshotCollection(location=str(golden))
    snapshots.add(Snapshot(name="test_golden[ball]", data=dump(Recording("ball", {"m": Exact(value, 1e-9, 0.0)}))))
    return snapshots


def test_a_failed_write_keeps_the_old_golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It also leaves no temporary file."""
    golden = tmp_path / "ball.json"
    golden.write_text(dump(Recording("ball", {"m": Exact(1.0, 1e-9, 0.0)})))
    before = golden.read_bytes()

    def disk_is_full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", disk_is_full)
    with pytest.raises(OSError, match="no space left"):
        GoldenExtension.write_snapshot_collection(snapshot_collection=collection(golden, 2.0))
    assert golden.read_bytes() == before
    assert list(tmp_path.iterdir()) == [golden]


def test_only_temporary_files_of_dead_processes_are_deleted(tmp_path: Path) -> None:
    """The number in the file's name is a process id. Process 1 is always alive: another run may be writing that file."""
    golden = tmp_path / "ball.json"
    of_living, of_dead = tmp_path / ".ball.json.1.tmp", tmp_path / ".ball.json.99999999.tmp"
    of_living.write_text("half")
    of_dead.write_text("half")

    GoldenExtension.write_snapshot_collection(snapshot_collection=collection(golden, 2.0))

    assert sorted(tmp_path.iterdir()) == [of_living, golden]


def test_a_write_error_is_not_reported_as_a_missing_golden(tmp_path: Path) -> None:
    """A file at the path of the golden folder stops the test with the error of the operating system."""
    suite = make_suite(tmp_path)
    (tmp_path / "golden").write_text("a file, not a folder")
    done = suite.run("--snapshot-update", "-k", "ball")
    assert done.returncode == 1
    assert "Error" in done.stdout
    assert "golden ball: nothing is recorded" not in done.stdout
