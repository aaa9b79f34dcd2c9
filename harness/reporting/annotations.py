"""Annotations of a red run for GitHub Actions: one line a cause, which the pull request shows."""

from __future__ import annotations

from collections.abc import Sequence

from harness.reporting.causes import Cause

VARIABLE = "GITHUB_ACTIONS"  # "true" in every step of a workflow
MOST = 10  # GitHub shows ten annotations of a kind in a step


def github_annotations(causes: Sequence[Cause]) -> list[str]:
    """Return the workflow commands that annotate the causes, at most MOST. The last one counts those that are left out."""
    shown = causes if len(causes) <= MOST else causes[: MOST - 1]
    lines = [_command(f"decaygate ({cause.counts})", cause.text) for cause in shown]
    left_out = len(causes) - len(shown)
    return [*lines, _command("decaygate", f"{left_out} more causes stand in the log")] if left_out else lines


def _command(title: str, text: str) -> str:
    """Return a workflow command; GitHub reads %, line ends, and in a property also : and , in their escaped form."""
    for char, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        title, text = title.replace(char, code), text.replace(char, code)
    for char, code in ((":", "%3A"), (",", "%2C")):
        title = title.replace(char, code)
    return f"::error title={title}::{text}"
