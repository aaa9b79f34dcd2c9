"""Golden files on disk: their location, comparison and recording through syrupy, the pytest plugin for snapshots.

This is the only module that uses syrupy. syrupy locates the file of a test, writes one file per test immediately, and calls
`matches`, so that numbers within tolerance are not rewritten. `check` reads, parses and compares a golden once; the extension
passes the result to syrupy.

syrupy's search for unused snapshots is switched off. Outside the folder of the tests, after `-x`, after a crash, or with node
ids, it takes the goldens of tests that did not run for unused, and an update would delete them. Only a person deletes a golden.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from syrupy.assertion import AssertionResult, SnapshotAssertion
from syrupy.data import SnapshotCollection, SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation

from harness.environment.commands import harness_command, is_launched, record_command
from harness.goldens.compare import ComparisonRow, compare
from harness.goldens.difference_table import headline, not_recorded_yet, table
from harness.goldens.file_format import (
    FORMAT,
    GoldenError,
    Recording,
    dump,
    incomplete,
    merge,
    owner_mismatch,
    parse,
    problems,
    shortfalls,
    with_fewer_seeds,
)
from harness.goldens.origin import Origin, changes
from harness.goldens.values import GoldenValue

GoldenStatus = Literal["compared", "recorded", "not_applicable", "failed", "error"]

Snapshot = SnapshotAssertion  # syrupy's fixture `snapshot`: a test compares with it

_GOLDEN_TEST = re.compile(r"test_(?:golden|fingerprint)\[([a-z][a-z0-9_]*)\]")


@dataclass(frozen=True)
class GoldenOutcome:
    """The outcome of a golden test.

    Status `recorded`: the file at `path` is new or changed. `not_applicable` and `error`: nothing was compared. In a message,
    `details` follow `first_line`. `rows` compare the numbers with the file as it was before the test; there are none if there
    was no readable file of this scenario and this optimizer. `origin` is the origin of the file's numbers. `widened`: an
    ensemble of the file has fewer seeds than before, and so a wider tolerance.
    """

    status: GoldenStatus
    first_line: str
    details: tuple[str, ...]
    path: Path
    rows: tuple[ComparisonRow, ...] = ()
    origin: Origin | None = None
    widened: bool = False

    @property
    def ok(self) -> bool:
        """True if the golden test passes."""
        return self.status not in ("failed", "error")


@dataclass(frozen=True)
class Decision:
    """The answers to syrupy about a golden: if its file exists, if the numbers agree, and the text to write if they do not."""

    exists: bool
    agrees: bool
    text: str


class GoldenExtension(SingleFileSnapshotExtension):
    """One text file a golden: `<golden folder>/<subject folder>/<test module>/<name>.json`.

    The name is that of a scenario, or that of a role for the fingerprint of the optimizer in it.
    """

    file_extension = "json"
    _write_mode = WriteMode.TEXT
    folder: ClassVar[Path | None] = None
    decision: Decision

    @classmethod
    def set_folder(cls, golden: Path, subject: str) -> None:
        """Set the folder of the goldens. `pytest_configure` calls it, because syrupy asks the class and not an instance."""
        cls.folder = golden / subject

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        assert cls.folder is not None, "GoldenExtension.set_folder has not been called"
        return str(cls.folder / test_location.basename)

    @classmethod
    def get_file_basename(cls, *, test_location: PyTestLocation, index: int | str) -> str:
        """Return the parameter of the test: only `test_golden[<scenario>]` and `test_fingerprint[<role>]` have a golden.

        Each has only one, so that no two tests share a file.

        Raises GoldenError for any other test, and for a second golden in one test.
        """
        match = _GOLDEN_TEST.fullmatch(test_location.snapshot_name)
        if match is None or index != 0:
            again = " a second time" if match else ""
            raise GoldenError(
                f"{test_location.nodeid} asks for a golden{again}: expected one call in test_golden[<scenario in snake_case>] "
                "or in test_fingerprint[<role>]"
            )
        return match[1]

    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:
        return snapshot_location == cls.get_location(test_location=test_location, index=0)

    def discover_snapshots(self, **_: Any) -> SnapshotCollections:
        return SnapshotCollections()

    def read_snapshot_data_from_location(self, **_: Any) -> str | None:
        return "" if self.decision.exists else None

    def serialize(self, data: Recording, **_: Any) -> str:
        del data
        return self.decision.text

    def matches(self, **_: Any) -> bool:
        return self.decision.agrees

    @classmethod
    def write_snapshot_collection(
        cls, *, snapshot_collection: SnapshotCollection, name_order: dict[str, int] | None = None
    ) -> None:
        (snapshot,) = snapshot_collection
        write(Path(snapshot_collection.location), str(snapshot.data))


def golden_path(item: Any) -> Path:
    """Return the golden file of a collected test, for an inventory. Raises GoldenError for a test that has none."""
    return Path(GoldenExtension.get_location(test_location=PyTestLocation(item), index=0))


def location(snapshot: Snapshot) -> Path:
    """Return the path of the test's golden, whether it exists or not."""
    return Path(snapshot.extension.get_location(test_location=snapshot.test_location, index=0))


def is_recording(snapshot: Snapshot) -> bool:
    """Return True if pytest was asked to record goldens: all of them, or the missing ones."""
    return snapshot.update_snapshots or snapshot.update_new_snapshots_only


def check(snapshot: Snapshot, entries: Mapping[str, GoldenValue], *, origin: Origin, blockers: Sequence[str]) -> GoldenOutcome:
    """Compare `entries` with the test's golden, and record them if pytest was asked to and nothing forbids it.

    `origin` is the origin of these numbers. `blockers` are reasons why they may not become a golden, such as a claim of the
    scenario that fails. Raises the exception that syrupy caught while it wrote, if there was one.
    """
    path = location(snapshot)
    before = _compared(Recording(path.stem, entries, origin), path)
    requested = snapshot.update_snapshots or (snapshot.update_new_snapshots_only and not before.exists)
    refusals = [*blockers, *before.flaws] or (before.losses() if requested else [])
    writes = requested and not refusals and before.readable
    if not (before.exists or requested) and _is_of_older_format(path.parent):
        return GoldenOutcome(
            "not_applicable", f"golden {path.stem}: not recorded yet; {_how_to_record(snapshot, ())[0]}", (), path
        )
    done = run_syrupy(snapshot, Decision(before.exists, before.agrees, dump(before.merged) if writes else ""), writes=writes)
    if done.exception is not None:
        raise done.exception  # syrupy catches it: a full disk, or a bug in this module
    if done.success:
        return _passed(before, done, writes=writes)
    summary, lines = before.difference()
    if requested and refusals:
        lines = [*refusals, *([summary, *lines] if before.exists else [])]
        summary = f"not recorded: {refusals[0]}"
    elif not before.exists:
        lines = _how_to_record(snapshot, refusals)
    line = f"golden {path.stem}: {summary}"
    return GoldenOutcome("failed", line, (*lines, f"golden file: {short(path)}"), path, before.rows, before.origin)


@dataclass(frozen=True)
class _Comparison:
    """The numbers of a run, compared in `rows` with the golden file as it was before. Without rows, `problem` is the reason.

    `flaws` are the reasons why the obtained numbers may not become a golden, independent of the file. A file that is not
    `readable` is never overwritten: a person must repair it.
    """

    obtained: Recording
    path: Path
    flaws: Sequence[str]
    golden: Recording | None = None
    problem: str = ""
    rows: tuple[ComparisonRow, ...] = ()
    exists: bool = True
    readable: bool = True

    @property
    def origin(self) -> Origin | None:
        return self.golden.origin if self.golden else None

    @property
    def agrees(self) -> bool:
        return self.golden is not None and not self.flaws and all(row.ok for row in self.rows)

    @cached_property
    def merged(self) -> Recording:
        """The recording to write: numbers of the golden that have not moved are kept."""
        return merge(self.obtained, self.golden) if self.golden else self.obtained

    def losses(self) -> list[str]:
        """Return the losses that recording would cause, one a line: a missing measure, or a gate of too little sensitivity.

        The sensitivity is that of the merged recording: a golden value that is kept also keeps its recorded sensitivity.
        """
        missing = [row.measure for row in self.rows if row.status == "missing"]
        lines = [
            f"{name}: is in the golden and was not obtained (if it is meant to go, delete its line there)" for name in missing
        ]
        return [*lines, *shortfalls(self.merged)]

    def difference(self) -> tuple[str, list[str]]:
        """Return one line that names the difference, and the lines that show it."""
        if self.problem:
            return self.problem, ["restore the file from git, or delete it and record it again"]
        return headline(self.rows), [changes(self.origin, self.obtained.origin), table(self.rows)]


def _compared(obtained: Recording, path: Path) -> _Comparison:
    """Read the golden at `path` and compare the obtained numbers with it."""
    before = _Comparison(obtained, path, problems(obtained))
    try:
        golden = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return dataclasses.replace(before, problem=f"nothing is recorded in {short(path)}", exists=False)
    except (GoldenError, UnicodeDecodeError) as error:
        return dataclasses.replace(before, problem=f"cannot be read: {error}", readable=False)
    if mismatch := owner_mismatch(obtained, golden):
        return dataclasses.replace(before, problem=mismatch)
    rows = compare(obtained.entries, golden.entries, complete=golden.format == FORMAT)
    return dataclasses.replace(before, golden=golden, rows=tuple(rows))


def _is_of_older_format(folder: Path) -> bool:
    """Return True if a golden of the folder was recorded in an older format, so that the folder may lack newer goldens."""
    for file in sorted(folder.glob("*.json")):
        with suppress(GoldenError, UnicodeDecodeError):
            if parse(file.read_text(encoding="utf-8")).format < FORMAT:
                return True
    return False


def run_syrupy(snapshot: Snapshot, decision: Decision, *, writes: bool) -> AssertionResult:
    """Pass the decision to syrupy, which writes the file if `writes`, and return the result of its assertion."""
    if not writes:
        snapshot = dataclasses.replace(snapshot, update_snapshots=False, update_new_snapshots_only=False)
    extension = snapshot.extension
    assert isinstance(extension, GoldenExtension)
    extension.decision = decision
    _ = snapshot == decision
    return snapshot.executions[0]


def _passed(before: _Comparison, done: AssertionResult, *, writes: bool) -> GoldenOutcome:
    """Return the outcome of a golden test that passes, after syrupy has compared or written the file.

    A golden of an older format whose numbers agree is completed here: syrupy does not write a file that agrees.
    """
    path, golden = before.path, before.golden
    action = "recorded" if done.created else "updated" if done.updated else ""
    if writes and golden and before.agrees and incomplete(golden) and before.merged != golden:
        write(path, dump(before.merged))  # the numbers are kept; their origin and sensitivity are added
        action = f"completed in format {FORMAT}"
    if not action:
        line = f"golden {path.stem}: as recorded{not_recorded_yet(before.rows)}"
        return GoldenOutcome("compared", line, (), path, before.rows, before.origin)
    wider_lines = with_fewer_seeds(before.merged, golden) if golden else []
    notes = [*wider_lines, f"to restore the number of seeds: {harness_command('calibrate')}"] if wider_lines else []
    line = "; ".join([f"golden {path.stem}: {action}", *notes])
    return GoldenOutcome("recorded", line, tuple(notes), path, before.rows, before.obtained.origin, widened=bool(wider_lines))


def _how_to_record(snapshot: Snapshot, refusals: Sequence[str]) -> list[str]:
    """Return the lines that say how to record a missing golden, and what must be solved before."""
    location = snapshot.test_location
    scenario = GoldenExtension.get_file_basename(test_location=location, index=0)
    return [
        *(f"before it can be recorded: {refusal}" for refusal in refusals),
        f"record it, with the same --optimizer if there is one: {record_command(scenario)}",
        *([] if is_launched() else [f'or: pytest "{location.nodeid}" --snapshot-update']),
    ]


def short(path: Path) -> str:
    """Return the path relative to the working directory, if it lies in it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def write(path: Path, text: str) -> None:
    """Replace the file completely or not at all, even if the machine stops in between. Delete what a killed run left behind."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        if not _alive(leftover.suffixes[-2].removeprefix(".")):
            leftover.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _alive(process: str) -> bool:
    """Return True if a process with this id runs."""
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:  # it runs, and belongs to another user
        return True
    return True
