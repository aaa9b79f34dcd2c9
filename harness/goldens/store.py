"""Where does a golden lie, and when is it written? The only module that knows syrupy.

syrupy finds the test's place, writes a file per test at once, and compares through `matches`, so that nothing is rewritten
within tolerance. Its search for unused snapshots is switched off: outside the tests' folder, after `-x`, a crash or with
node ids it takes goldens of tests that did not run for unused ones, and an update deletes them. Deleting is for people.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from syrupy.assertion import SnapshotAssertion
from syrupy.data import SnapshotCollection, SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation

from harness.environment.commands import harness
from harness.goldens.compare import Row, compare
from harness.goldens.difference_table import headline, table
from harness.goldens.file_format import (
    GoldenError,
    Recording,
    dump,
    foreign,
    incomplete,
    merge,
    parse,
    problems,
    shortfalls,
    widened,
)
from harness.goldens.origin import Origin, changes
from harness.goldens.values import Entry

Status = Literal["compared", "recorded", "failed"]

_GOLDEN_TEST = re.compile(r"test_golden\[([a-z][a-z0-9_]*)\]")


@dataclass(frozen=True)
class Outcome:
    """What came of a golden test. `recorded` says that the file at `path` is new or changed.

    `rows` are what was compared with the file as it was before; none when there was no file of this scenario and this
    optimizer to read. `origin` is what the file says of its numbers; `widened` that it now holds one on fewer seeds.
    """

    status: Status
    first_line: str
    details: tuple[str, ...]
    path: Path
    rows: tuple[Row, ...] = ()
    origin: Origin | None = None
    widened: bool = False

    @property
    def ok(self) -> bool:
        return self.status != "failed"

    @property
    def text(self) -> str:
        """The message: its first line, and what explains it."""
        return "\n".join([self.first_line, *self.details])


class GoldenExtension(SingleFileSnapshotExtension):
    """One text file a scenario: `<golden folder>/<subject folder>/<test module>/<scenario>.json`."""

    file_extension = "json"
    _write_mode = WriteMode.TEXT
    folder: ClassVar[Path | None] = None

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

    def serialize(self, data: Recording, **_: Any) -> str:
        return dump(data)

    def matches(self, *, serialized_data: str | bytes, snapshot_data: str | bytes) -> bool:
        obtained, golden = parse(str(serialized_data)), parse(str(snapshot_data))
        return not foreign(obtained, golden) and all(row.ok for row in compare(obtained.entries, golden.entries))

    @classmethod
    def write_snapshot_collection(
        cls, *, snapshot_collection: SnapshotCollection, name_order: dict[str, int] | None = None
    ) -> None:
        (snapshot,) = snapshot_collection
        path, recording = Path(snapshot_collection.location), parse(str(snapshot.data))
        if path.exists():
            recording = merge(recording, parse(path.read_text(encoding="utf-8")))
        write(path, dump(recording))


def golden_path(item: Any) -> Path:
    """Return where the golden of a collected `test_golden[...]` lies, for an inventory; raises GoldenError for other tests."""
    return Path(GoldenExtension.get_location(test_location=PyTestLocation(item), index=0))


def is_recorded(snapshot: SnapshotAssertion) -> bool:
    """Say whether the test has a golden, readable or not."""
    return Path(snapshot.extension.get_location(test_location=snapshot.test_location, index=0)).exists()


def check(snapshot: SnapshotAssertion, entries: Mapping[str, Entry], *, origin: Origin, blockers: Sequence[str]) -> Outcome:
    """Compare `entries` with the test's golden, and record them when pytest was asked to and nothing is in the way.

    `origin` says whose numbers they are and where they were made. `blockers` are the reasons why they may not become a
    golden, such as a claim of the scenario that fails.
    """
    path = Path(snapshot.extension.get_location(test_location=snapshot.test_location, index=0))
    obtained = Recording(path.stem, entries, origin)
    refusals = [*blockers, *problems(obtained)]
    before = _before(obtained, path)
    asked = snapshot.update_snapshots or (snapshot.update_new_snapshots_only and not path.exists())
    if asked and not refusals:  # what is kept of the golden is not judged by what this run would have made of it
        refusals = [*before.lost(), *shortfalls(merge(obtained, before.golden) if before.golden else obtained)]
    if refusals:
        snapshot = dataclasses.replace(snapshot, update_snapshots=False, update_new_snapshots_only=False)
    if snapshot == obtained:
        return _agreed(snapshot, obtained, before, may_write=asked and not refusals)
    error = snapshot.executions[0].exception
    if error is not None and not isinstance(error, GoldenError):
        raise error  # syrupy swallows it: a full disk, or a fault of ours
    what, more = before.difference(origin)
    if asked and refusals:
        more = [*refusals, *([what, *more] if path.exists() else [])]
        what = f"not recorded: {refusals[0]}"
    elif not path.exists():
        more = _how_to_record(snapshot, refusals)
    line = f"golden {obtained.scenario}: {what}"
    return Outcome("failed", line, (*more, f"golden file: {_short(path)}"), path, before.rows, before.origin)


@dataclass(frozen=True)
class _Before:
    """What lay at a golden's place before the test: its comparison, or `problem`, why there is none."""

    golden: Recording | None
    problem: str
    rows: tuple[Row, ...] = ()

    @property
    def origin(self) -> Origin | None:
        return self.golden.origin if self.golden else None

    def lost(self) -> list[str]:
        """Return the measures that recording would take out of the file: a subject that gives fewer is no new truth."""
        gone = [row.measure for row in self.rows if row.status == "missing"]
        return [f"{name}: is in the golden and was not obtained (if it is meant to go, delete its line there)" for name in gone]

    def difference(self, origin: Origin) -> tuple[str, list[str]]:
        """Return what is different in one line, and the lines that show it."""
        if self.problem:
            return self.problem, ["restore the file from git, or delete it and record it again"]
        return headline(self.rows), [changes(self.origin, origin), table(self.rows)]


def _before(obtained: Recording, path: Path) -> _Before:
    try:
        golden = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _Before(None, f"nothing is recorded in {_short(path)}")
    except (GoldenError, UnicodeDecodeError) as error:
        return _Before(None, f"cannot be read: {error}")
    if whose := foreign(obtained, golden):
        return _Before(None, whose)
    return _Before(golden, "", tuple(compare(obtained.entries, golden.entries)))


def _agreed(snapshot: SnapshotAssertion, obtained: Recording, before: _Before, *, may_write: bool) -> Outcome:
    path, result = Path(snapshot.executions[0].snapshot_location), snapshot.executions[0]
    if may_write and before.golden and incomplete(before.golden) and merge(obtained, before.golden) != before.golden:
        write(path, dump(merge(obtained, before.golden)))  # the numbers stay; whose they are, and what they see, is added
        wrote = "origin and signals added"
    else:
        wrote = "recorded" if result.created else "updated" if result.updated else ""
    line = f"golden {path.stem}: {wrote or 'as recorded'}"
    if wrote:
        wider = widened(merge(obtained, before.golden), before.golden) if before.golden else []
        more = [*wider, f"hold it on as many seeds again: {harness('calibrate')}"] if wider else []
        line = f"{line}; {'; '.join(more)}" if more else line
        return Outcome("recorded", line, tuple(more), path, before.rows, obtained.origin, widened=bool(wider))
    return Outcome("compared", line, (), path, before.rows, before.origin)


def _how_to_record(snapshot: SnapshotAssertion, refusals: Sequence[str]) -> list[str]:
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
