"""Page summary.md of a run, for a CI system: what is left to do, then the causes, then the scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.reporting.causes import Cause
from harness.reporting.ledger import Ledger
from harness.reporting.summary_table import scenario_counts
from harness.tables import markdown_table


def summary_page(ledger: Ledger, causes: Sequence[Cause], *, subjects: Mapping[str, str], faults: Sequence[str]) -> str:
    """Return the page in Markdown. `subjects` are the optimizers by role; `faults` are those of the run, such as lost tests."""
    parts = [
        f"# decaygate: {_state(causes, faults)}\n",
        f"{_next(causes, faults)}\n",
        ", ".join(f"{role}: `{path}`" for role, path in subjects.items()) + f". {ledger.sentence()}.\n",
    ]
    if causes or faults:
        parts.append("## Causes\n")
    parts += [_cause(number, cause) for number, cause in enumerate(causes, start=1)]
    parts += [f"- NOT GREEN: {fault}\n" for fault in faults]
    rows = [(f"{'**' if red else ''}{name}{'**' if red else ''}", counts) for name, counts, red in scenario_counts(ledger)]
    return "\n".join([*parts, "## Claims\n", *markdown_table(("scenario", "claims"), rows, "ll"), ""])


def write_summary(folder: Path, page: str) -> Path:
    """Write summary.md into `folder` and return its path."""
    path = folder / "summary.md"
    path.write_text(page, encoding="utf-8")
    return path


def _state(causes: Sequence[Cause], faults: Sequence[str]) -> str:
    if not causes:
        return "red" if faults else "green"
    return f"red, {len(causes)} cause" + ("s" if len(causes) > 1 else "")


def _next(causes: Sequence[Cause], faults: Sequence[str]) -> str:
    """Return one line that says what is left to do."""
    if not causes and not faults:
        return "Nothing is left to do: every test that applies is green."
    if not causes:
        return "The optimizer has no red test, but the run is not complete: see below."
    return "For each cause: correct the optimizer, or, if it is intended, declare it in the contract; then run again."


def _cause(number: int, cause: Cause) -> str:
    """Return a cause with its fields and the names of its claims and goldens."""
    lines = [f"{number}. **{_escaped(cause.text)}** ({cause.counts})"]
    lines += [f"   - {_escaped(' '.join(test.message.split()))}" for test in cause.fields[:1]]
    for name, tests in (
        ("claims", [test.record.id for test in cause.claims]),
        ("goldens", [test.record.scenario for test in cause.goldens]),
    ):
        if tests:
            lines.append(f"   - {name}: {', '.join(f'`{test}`' for test in tests)}")
    return "\n".join([*lines, ""])


def _escaped(text: str) -> str:
    """Return a text in which Markdown finds no emphasis and no table."""
    return text.replace("*", r"\*").replace("_", r"\_").replace("|", r"\|")
