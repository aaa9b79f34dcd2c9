"""The goldens' place on disk, and their comparison and recording. The only module that knows syrupy.

syrupy finds the test's place, writes a file per test at once, and asks `matches`, so that nothing is rewritten within
tolerance. A golden is read, parsed and compared once, by `check`; the extension tells syrupy what came of it.

syrupy's search for unused snapshots is switched off: outside the tests' folder, after `-x`, a crash or with node ids it takes
goldens of tests that did not run for unused ones, and an update deletes them. Deleting is for people.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from syrupy.assertion import AssertionResult, SnapshotAssertion
from syrupy.data import SnapshotCollection, SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation

from harness.environment.commands import harness_command
from harness.goldens.compare import ComparisonRow, compare
from harness.goldens.difference_table import headline, table
from harness.goldens.file_format import (
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

Snapshot = SnapshotAssertion  # of syrupy: what a test asks for its golden

_GOLDEN_TEST = re.compile(r"test_golden\[([a-z][a-z0-9_]*)\]")


@dataclass(frozen=True)
class GoldenOutcome:
    """What came of a golden test.

    `recorded`: the file at `path` is new or changed; `not_applicable` and `error`: nothing was compared. `details` follow
    `first_line` in a message. `rows` are what was compared with the file as it was before; none when there was no file of
    this scenario and this optimizer to read. `origin` is what the file says of its numbers; `widened`: it holds one of them on
    fewer seeds than before.
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
        return self.status not in ("failed", "error")


@dataclass(frozen=True)
class Decision:
    """What syrupy asks of a golden: whether its file is there, whether it agrees, and the text to write if it does not."""

    exists: bool
    agrees: bool
    text: str


class GoldenExtension(SingleFileSnapshotExtension):
    """One text file a scenario: `<golden folder>/<subject folder>/<test module>/<scenario>.json`."""

    file_extension = "json"
    _write_mode = WriteMode.TEXT
    folder: ClassVar[Path | None] = None
    decision: Decision

    @classmethod
    def place(cls, golden: Path, subject: str) -> None:
        """Say where goldens lie; for `pytest_configure`, because syrupy asks the class and not an instance."""
        cls.folder = golden / subject

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        assert cls.folder is not None, "GoldenExtension.place has not been called"
        return str(cls.folder / test_location.basename)

    @classmethod
    def get_file_basename(cls, *, test_location: PyTestLocation, index: int | str) -> str:
        """Return the scenario's id: only `test_golden[<id>]` has a golden, and one, so no two tests share a file."""
        found = _GOLDEN_TEST.fullmatch(test_location.snapshot_name)
        if found is None or index != 0:
            again = " a second time" if found else ""
            raise GoldenError(
                f"{test_location.nodeid} asks for a golden{again}: expected one call in test_golden[<scenario in snake_case>]"
            )
        return found[1]

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
    """Return where the golden of a collected `test_golden[...]` lies, for an inventory; raises GoldenError for other tests."""
    return Path(GoldenExtension.get_location(test_location=PyTestLocation(item), index=0))


def location(snapshot: Snapshot) -> Path:
    """Return where the test's golden lies, if it has one."""
    return Path(snapshot.extension.get_location(test_location=snapshot.test_location, index=0))


def is_recording(snapshot: Snapshot) -> bool:
    """Return True if pytest was asked to record goldens, all or those that are missing."""
    return snapshot.update_snapshots or snapshot.update_new_snapshots_only


def check(snapshot: Snapshot, entries: Mapping[str, GoldenValue], *, origin: Origin, blockers: Sequence[str]) -> GoldenOutcome:
    """Compare `entries` with the test's golden, and record them when pytest was asked to and nothing is in the way.

    `origin` says whose numbers they are and where they were made. `blockers` are the reasons why they may not become a
    golden, such as a claim of the scenario that fails.
    """
    path = location(snapshot)
    before = _compared(Recording(path.stem, entries, origin), path)
    asked = snapshot.update_snapshots or (snapshot.update_new_snapshots_only and not before.exists)
    refusals = [*blockers, *before.flaws] or (before.losses() if asked else [])
    writes = asked and not refusals and before.readable
    done = _told(snapshot, Decision(before.exists, before.agrees, dump(before.merged) if writes else ""), writes=writes)
    if done.exception is not None:
        raise done.exception  # syrupy swallows it: a full disk, or a fault of ours
    if done.success:
        return _agreed(before, done, writes=writes)
    what, more = before.difference()
    if asked and refusals:
        more = [*refusals, *([what, *more] if before.exists else [])]
        what = f"not recorded: {refusals[0]}"
    elif not before.exists:
        more = _how_to_record(snapshot, refusals)
    line = f"golden {path.stem}: {what}"
    return GoldenOutcome("failed", line, (*more, f"golden file: {_short(path)}"), path, before.rows, before.origin)


@dataclass(frozen=True)
class _Comparison:
    """What a run obtained beside what lay at the golden's place before, in `rows`; `problem` is why there are none.

    `flaws` are why the obtained numbers may not become a golden, whatever lies there. A file that is not `readable` is for a
    person to mend.
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
        """What to write: of a golden, the numbers that have not moved stay."""
        return merge(self.obtained, self.golden) if self.golden else self.obtained

    def losses(self) -> list[str]:
        """Return what recording would lose: a subject that gives fewer measures is no new truth, nor is an insensitive gate.

        What stays of the golden is not held against the sensitivity of this run.
        """
        gone = [row.measure for row in self.rows if row.status == "missing"]
        said = [f"{name}: is in the golden and was not obtained (if it is meant to go, delete its line there)" for name in gone]
        return [*said, *shortfalls(self.merged)]

    def difference(self) -> tuple[str, list[str]]:
        """Return what is different in one line, and the lines that show it."""
        if self.problem:
            return self.problem, ["restore the file from git, or delete it and record it again"]
        return headline(self.rows), [changes(self.origin, self.obtained.origin), table(self.rows)]


def _compared(obtained: Recording, path: Path) -> _Comparison:
    """Read the golden at `path` and compare it, once."""
    before = _Comparison(obtained, path, problems(obtained))
    try:
        golden = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return dataclasses.replace(before, problem=f"nothing is recorded in {_short(path)}", exists=False)
    except (GoldenError, UnicodeDecodeError) as error:
        return dataclasses.replace(before, problem=f"cannot be read: {error}", readable=False)
    if whose := owner_mismatch(obtained, golden):
        return dataclasses.replace(before, problem=whose)
    return dataclasses.replace(before, golden=golden, rows=tuple(compare(obtained.entries, golden.entries)))


def _told(snapshot: Snapshot, decision: Decision, *, writes: bool) -> AssertionResult:
    """Tell syrupy what was decided, and return what it made of it: the file is then written, if it was to be."""
    if not writes:
        snapshot = dataclasses.replace(snapshot, update_snapshots=False, update_new_snapshots_only=False)
    extension = snapshot.extension
    assert isinstance(extension, GoldenExtension)
    extension.decision = decision
    _ = snapshot == decision
    return snapshot.executions[0]


def _agreed(before: _Comparison, done: AssertionResult, *, writes: bool) -> GoldenOutcome:
    path, golden = before.path, before.golden
    wrote = "recorded" if done.created else "updated" if done.updated else ""
    if writes and golden and before.agrees and incomplete(golden) and before.merged != golden:
        write(path, dump(before.merged))  # the numbers stay; whose they are, and what they see, is added
        wrote = "origin and signals added"
    if not wrote:
        return GoldenOutcome("compared", f"golden {path.stem}: as recorded", (), path, before.rows, before.origin)
    wider = with_fewer_seeds(before.merged, golden) if golden else []
    more = [*wider, f"hold it on as many seeds again: {harness_command('calibrate')}"] if wider else []
    line = "; ".join([f"golden {path.stem}: {wrote}", *more])
    return GoldenOutcome("recorded", line, tuple(more), path, before.rows, before.obtained.origin, widened=bool(wider))


def _how_to_record(snapshot: Snapshot, refusals: Sequence[str]) -> list[str]:
    location = snapshot.test_location
    scenario = GoldenExtension.get_file_basename(test_location=location, index=0)
    return [
        *(f"before it can be recorded: {refusal}" for refusal in refusals),
        f'record it, with the same --optimizer if there is one: make record ARGS="-k {scenario}"',
        f'or: pytest "{location.nodeid}" --snapshot-update',
    ]


def _short(path: Path) -> str:
    """Return the path from the working directory if it lies under it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def write(path: Path, text: str) -> None:
    """Replace the file whole or not at all, also when the machine stops in between; what a killed run left goes."""
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        if not _alive(left.suffixes[-2].removeprefix(".")):
            left.unlink(missing_ok=True)
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
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True
