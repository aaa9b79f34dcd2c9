"""Which claims are known to fail, and why? A file of the optimizer's author, taken strictly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.spec.yaml_binding import bind, entries, read, unknown

ExpectedFailures = Mapping[str, str]  # claim id -> reason


def load(path: Path, *, root: Path, claims: Mapping[str, str]) -> ExpectedFailures:
    """Return the reasons by claim id.

    `claims` maps every claim to why it cannot fail in this run (it does not apply), or to nothing. Raises ScenarioError
    for a claim that is not known, one that cannot fail, and a reason that says nothing.
    """
    found: dict[str, str] = {}
    for claim, part in entries(read(path, root=root)).items():
        if claim not in claims:
            raise part.fail(unknown(claim, tuple(claims), what="claim"))
        if claims[claim]:
            raise part.fail(f"cannot fail here: {claims[claim]}; take the line out")
        reason: str = bind(str, part)
        if not reason.strip():
            raise part.fail("expected a reason, got an empty text")
        found[claim] = reason.strip()
    return found
