"""Captured output of a subject: its prints and warnings are listed and never a failure."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def capture_output(subject_output: list[str]) -> Iterator[None]:
    """Add each different line that a subject prints or warns in the block to `subject_output`, once."""
    out = io.StringIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                yield
            finally:
                lines = [f"prints: {line}" for line in out.getvalue().splitlines() if line.strip()]
                lines += [f"warns: {item.category.__name__}: {item.message}" for item in caught]
                subject_output.extend(line for line in dict.fromkeys(lines) if line not in subject_output)
