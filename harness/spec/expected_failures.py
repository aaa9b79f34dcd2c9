"""Expected failures: the author's file of claims that are known to fail, each with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.spec.yaml_binding import bind, entries, read, unknown

ExpectedFailures = Mapping[str, str]  # claim id -> reason


def load(path: Path, *, root: Path, claims: Mapping[str, str]) -> ExpectedFailures:
    """Return the reason of each expected failure, by claim id.

    `claims` maps each claim to the reason why it cannot fail in this run (it does not apply), or to an empty text. Raises
    ScenarioError for an unknown claim, for a claim that cannot fail, and for an empty reason.
    """
    reasons: dict[str, str] = {}
    for claim, part in entries(read(path, root=root)).items():
        if claim not in claims:
            raise part.fail(unknown(claim, tuple(claims), what="claim"))
        if claims[claim]:
            raise part.fail(f"cannot fail here: {claims[claim]}; remove the line")
        reason: str = bind(str, part)
        if not reason.strip():
            raise part.fail("expected a reason, got an empty text")
        reasons[claim] = reason.strip()
    return reasons
