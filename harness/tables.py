"""Tables for the terminal and for Markdown pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_SEPARATORS = {"l": "---", "r": "--:"}


def text_table(rows: Iterable[Sequence[str]], align: str) -> list[str]:
    """Return one line per row, each column as wide as its widest cell; `align` has `l` or `r` for each column.

    Raises ValueError for a row of another length.
    """
    cells = [list(row) for row in rows]
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(len(align))]
    lines = []
    for row in cells:
        padded = [
            cell.ljust(width) if side == "l" else cell.rjust(width) for cell, width, side in zip(row, widths, align, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return lines


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> list[str]:
    """Return the lines of a Markdown table; `align` has `l` or `r` for each column."""
    separator = f"|{'|'.join(_SEPARATORS[side] for side in align)}|"
    return [_markdown_row(head), separator, *(_markdown_row(row) for row in rows)]


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
