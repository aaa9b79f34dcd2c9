"""Tests of tables: alignment of columns, and refusal of a row of another length."""

from __future__ import annotations

import pytest

from harness.tables import markdown_table, text_table


def test_a_text_table_aligns_its_columns() -> None:
    """Each column is as wide as its widest cell, and no line ends in spaces."""
    assert text_table([("name", "n"), ("a", "100"), ("long name", "7")], "lr") == [
        "name         n",
        "a          100",
        "long name    7",
    ]
    assert text_table([("a", "b"), ("", "")], "ll") == ["a  b", ""]
    assert text_table([], "l") == []


def test_a_markdown_table_marks_the_alignment_of_columns() -> None:
    """Numbers are aligned to the right."""
    assert markdown_table(("measure", "mean"), [("gap", "0.3")], "lr") == ["| measure | mean |", "|---|--:|", "| gap | 0.3 |"]


def test_a_row_of_another_length_is_refused() -> None:
    """Such a row would shift the cells."""
    with pytest.raises(ValueError, match=r"longer|shorter"):
        text_table([("a", "b", "c")], "ll")
