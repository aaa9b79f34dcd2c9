"""The setup of one run, as `options` decided it, for the tests and the reporter to read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.spec.expected_failures import ExpectedFailures
from harness.subject.roles import Subjects


@dataclass(frozen=True)
class Setup:
    """The subjects, the folder that this session's runs are kept in, the goldens' folder, what is expected to fail.

    `heard` is what the subjects printed or warned so far; `golden_asked` says that somebody named the goldens' folder, and so
    counts on goldens being there.
    """

    subjects: Subjects
    folder: Path
    golden: Path
    subject_output: list[str]
    expected: ExpectedFailures
    golden_asked: bool = False


SETUP = pytest.StashKey[Setup]()
