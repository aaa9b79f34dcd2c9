"""What is a finding? One line of a fingerprint: what was found, and the numbers that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """What one experiment found.

    `values` are the words of the closed vocabulary that fit: one as a rule, several where an experiment cannot tell them apart
    because they are the same thing (coupled and decoupled under plain SGD), none where nothing is known; `says` is one line of
    plain English that stands without the question; `numbers` what was measured, by name.
    """

    values: tuple[str, ...]
    says: str
    numbers: Mapping[str, float] = field(default_factory=dict)


Findings = Mapping[str, Finding]  # question -> finding
_UNKNOWN = "unknown: "


def reason(says: str) -> str:
    """Return what the line of a finding without values says, for a sentence that says itself that nothing is known."""
    return says.removeprefix(_UNKNOWN)
