"""Expected failures: the author's file of claims that are known to fail, each with a reason, and a draft of this file."""

from __future__ import annotations

import json
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


def draft(reasons: Mapping[str, str]) -> str:
    """Return the text of a file with the measured reason of each red test, by claim id or `contract.<field>`."""
    head = (
        "# Claims and fields that failed in the run that wrote this file, each with what was measured.\n"
        "# A line here makes a test green while it fails, and red once it holds. Keep the lines that are\n"
        "# known faults, with your own reason, and delete the others.\n"
    )
    # A text in JSON is one in YAML too, on one line and with its quotes escaped.
    return head + "".join(f"{name}: {json.dumps(reasons[name], ensure_ascii=False)}\n" for name in sorted(reasons))
