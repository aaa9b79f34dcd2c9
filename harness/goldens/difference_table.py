"""Text of a failed comparison: a headline that names the moved measures, and a table of the failed rows."""

from __future__ import annotations

from collections.abc import Sequence

from harness.goldens.compare import ComparisonRow
from harness.goldens.values import GoldenValue, compared_value, rule
from harness.tables import text_table

MAX_ROWS = 20
MAX_NAMES = 3
HEADER = ("measure", "golden", "obtained", "delta", "tolerance", "sigmas")


def headline(rows: Sequence[ComparisonRow]) -> str:
    """Return one line that names the first `MAX_NAMES` failed measures with their difference, and counts the others."""
    failed = [row for row in rows if not row.ok]
    text = "; ".join(f"{row.measure} {_brief(row)}" for row in failed[:MAX_NAMES])
    return text + (f"; and {len(failed) - MAX_NAMES} more" if len(failed) > MAX_NAMES else "")


def table(rows: Sequence[ComparisonRow]) -> str:
    """Return a table of at most `MAX_ROWS` failed rows. The last line counts the rows within tolerance."""
    failed = [row for row in rows if not row.ok]
    cells = [HEADER, *(_cells(row) for row in failed[:MAX_ROWS])]
    lines = text_table(cells, "l" + "r" * (len(HEADER) - 1))
    notes = ["", *(_note(row) for row in failed[:MAX_ROWS])]
    shown = [f"{line}  {note}".rstrip() for line, note in zip(lines, notes, strict=True)]
    if len(failed) > MAX_ROWS:
        shown.append(f"... and {len(failed) - MAX_ROWS} more rows that fail")
    return "\n".join([*shown, _count(rows)])


def _brief(row: ComparisonRow) -> str:
    if row.status == "moved":
        sigmas = "" if row.sigmas is None else f", {abs(row.sigmas):.1f} sigmas"
        return f"{_number(row.delta, '+.3g')} (tolerance {_number(row.tolerance, '.3g')}{sigmas})"
    return _note(row)


def _note(row: ComparisonRow) -> str:
    match row.status:
        case "missing":
            return "is in the golden and was not obtained"
        case "extra":
            return "was obtained and is not in the golden"
        case "unusable":
            return row.why
        case "tolerance changed":
            return f"tolerance changed: {_changes(row.golden, row.obtained)}"
        case _:
            return ""


def _changes(golden: GoldenValue | None, obtained: GoldenValue | None) -> str:
    assert golden is not None
    assert obtained is not None
    old, new = rule(golden), rule(obtained)
    changed = [f"{key} {old.get(key, '-')} -> {new.get(key, '-')}" for key in {**old, **new} if old.get(key) != new.get(key)]
    return ", ".join(changed) or "the recorded tolerance is not the one that its sd, n and alpha give"


def _cells(row: ComparisonRow) -> tuple[str, ...]:
    recorded = None if row.golden is None else compared_value(row.golden)
    obtained = None if row.obtained is None else compared_value(row.obtained)
    return (
        row.measure,
        _number(recorded, ".10g"),
        _number(obtained, ".10g"),
        _number(row.delta, "+.3g"),
        _number(row.tolerance, ".3g"),
        _number(row.sigmas, "+.1f"),
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _count(rows: Sequence[ComparisonRow]) -> str:
    same = sum(row.status == "same" for row in rows)
    information = sum(row.status == "information" for row in rows)
    text = f"{same} of {len(rows)} within tolerance"
    text += f", {information} recorded as information" if information else ""
    return text + not_recorded_yet(rows)


def not_recorded_yet(rows: Sequence[ComparisonRow]) -> str:
    """Return how many measures a golden of an older format lacks, after a comma; empty if there are none."""
    new = sum(row.status == "not recorded yet" for row in rows)
    return f", {new} not recorded yet" if new else ""
