"""Finding: one line of a fingerprint, with the words that fit and the measured numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """Result of one experiment.

    `values` are the words of the closed vocabulary that fit: usually one; several if they are the same thing in this experiment
    (coupled and decoupled under plain SGD); none if nothing is known. `text` is one line of plain English that is understood
    without the question. `numbers` are the measured numbers, by name.
    """

    values: tuple[str, ...]
    text: str
    numbers: Mapping[str, float] = field(default_factory=dict)


Findings = Mapping[str, Finding]  # question -> finding
_UNKNOWN = ("unknown: ", "not known: ", "not known, because ")
FAILED = "the experiment failed: "  # the text of a finding without values continues with the error


def reason(text: str) -> str:
    """Return the text of a finding that has no values, without `unknown: `; the sentence around it says that already."""
    prefix = next((prefix for prefix in _UNKNOWN if text.startswith(prefix)), "")
    return text.removeprefix(prefix)
