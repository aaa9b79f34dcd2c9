"""Setup of one run: `options` makes it, the tests and the reporter read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.spec.expected_failures import ExpectedFailures
from harness.subject.roles import Subjects


@dataclass(frozen=True)
class Setup:
    """The subjects, the folder of this session's chunk cache, the goldens' folder, the claims that are expected to fail.

    `subject_output` holds the lines that the subjects have printed or warned. `golden_dir_named` is True if the user named the
    goldens' folder, and so expects goldens in it.
    """

    subjects: Subjects
    folder: Path
    golden: Path
    subject_output: list[str]
    expected: ExpectedFailures
    golden_dir_named: bool = False


SETUP = pytest.StashKey[Setup]()
