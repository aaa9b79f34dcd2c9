"""The check of the golden of a fingerprint: compare the measured answers with the recorded ones, or record them.

There is one file for each role, in the subject's golden folder: `test_fingerprint/<role>.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.environment import commands
from harness.fingerprint import ask
from harness.goldens import store
from harness.goldens.difference_table import headline, table
from harness.goldens.file_format import GoldenError
from harness.goldens.fingerprint_file import (
    Answer,
    AnswerRow,
    FingerprintRecording,
    changed_answers,
    changed_numbers,
    dump,
    merge,
    parse,
)
from harness.goldens.origin import Origin, changes, origin_of_subjects
from harness.goldens.store import Decision, GoldenExtension, GoldenOutcome, Snapshot
from harness.goldens.values import Exact, GoldenValue, Information
from harness.run import Session
from harness.tables import text_table


def measured(role: str, path: str) -> FingerprintRecording:
    """Return the fingerprint of the optimizer in a role, as it would be recorded. Fingerprints are measured on the CPU."""
    steps: dict[str, GoldenValue] = {
        name: Information.of([number.value]) if number.tolerance is None else Exact(number.value, 0.0, number.tolerance)
        for name, number in ask.step_numbers(path, {}).items()
    }
    answers = {question: Answer.of(finding) for question, finding in ask.findings(path, {}).items()}
    return FingerprintRecording(path, answers, steps, origin_of_subjects({role: path}, "cpu"))


def check_fingerprint(role: str, session: Session, snapshot: Snapshot, blockers: Sequence[str]) -> GoldenOutcome:
    """Compare the fingerprint of the optimizer in `role` with its golden, and record it if pytest was asked to.

    `blockers` are reasons why it may not be recorded, such as a field of the contract that is not met.
    """
    snapshot = snapshot.use_extension(GoldenExtension)
    path = store.location(snapshot)
    name = session.subjects.by_role[role]
    obtained = measured(role, name)
    try:
        golden = parse(path.read_text(encoding="utf-8")) if path.exists() else None
    except (GoldenError, UnicodeDecodeError) as error:
        return _failed(name, path, f"cannot be read: {error}", ["restore the file from git, or delete it and record it again"])
    if golden and golden.optimizer != obtained.optimizer:
        mismatch = f"its file holds the answers of {golden.optimizer}, not of {obtained.optimizer}"
        return _failed(name, path, mismatch, ["restore the file from git, or delete it and record it again"])
    if store.is_recording(snapshot):
        return _record(name, snapshot, obtained, golden, blockers)
    if golden is None:
        line = f"fingerprint of {name}: not recorded yet; record it with: {commands.record_command('test_fingerprint')}"
        return GoldenOutcome("not_applicable", line, (), path)
    return _compared(name, path, obtained, golden)


def _compared(name: str, path: Path, obtained: FingerprintRecording, golden: FingerprintRecording) -> GoldenOutcome:
    answers, numbers = changed_answers(obtained, golden), changed_numbers(obtained, golden)
    if not answers and all(row.ok for row in numbers):
        new = len(set(obtained.answers) - set(golden.answers))
        note = f", {new} answers not recorded yet" if new else ""
        return GoldenOutcome("compared", f"fingerprint of {name}: as recorded{note}", (), path, tuple(numbers), golden.origin)
    texts = [f"{row.question} was {row.recorded} and is now {row.measured.words}" for row in answers]
    moved = [row for row in numbers if not row.ok]
    texts += [f"{len(moved)} numbers of given steps moved, first {headline(moved[:1])}"] if moved else []
    lines = [changes(golden.origin, obtained.origin)]
    lines += [_answer_table(answers)] if answers else []
    lines += [table(numbers)] if moved else []
    lines += [f"if this change is intended, record it: {commands.record_command('test_fingerprint')}"]
    return _failed(name, path, "; ".join(texts), lines, golden.origin)


def _record(
    name: str, snapshot: Snapshot, obtained: FingerprintRecording, golden: FingerprintRecording | None, blockers: Sequence[str]
) -> GoldenOutcome:
    """Write the file if pytest was asked to and nothing forbids it; lines of unchanged answers are kept as they are."""
    path = store.location(snapshot)
    merged = merge(obtained, golden) if golden else obtained
    same = golden is not None and dump(merged) == path.read_text(encoding="utf-8")
    asked = snapshot.update_snapshots or golden is None
    if blockers and asked and not same:
        return _failed(name, path, f"not recorded: {blockers[0]}", list(blockers))
    if golden and not asked:
        return _compared(name, path, obtained, golden)
    store.run_syrupy(snapshot, Decision(golden is not None, same, dump(merged)), writes=True)
    status: store.GoldenStatus = "compared" if same else "recorded"
    words = "as recorded" if same else "updated" if golden else "recorded"
    return GoldenOutcome(status, f"fingerprint of {name}: {words}", (), path, (), merged.origin)


def _answer_table(rows: Sequence[AnswerRow]) -> str:
    header = ("question", "recorded", "now", "measured")
    return "\n".join(
        text_table([header, *((row.question, row.recorded, row.measured.words, row.measured.text) for row in rows)], "llll")
    )


def _failed(name: str, path: Path, summary: str, lines: Sequence[str], origin: Origin | None = None) -> GoldenOutcome:
    details = (*lines, f"golden file: {store.short(path)}")
    return GoldenOutcome("failed", f"fingerprint of {name}: {summary}", details, path, (), origin)
