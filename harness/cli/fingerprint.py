"""Command `fingerprint`: measured behaviour of an optimizer, alone or against another one, and a draft of its contract."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from harness.environment import commands
from harness.errors import UsageError
from harness.fingerprint import difference, report
from harness.fingerprint.process import measure


def fingerprint(given: argparse.Namespace) -> int:
    """Measure an optimizer and print its fingerprint. Return 0, or 1 if the optimizer hung or crashed.

    Raises UsageError for an optimizer that cannot be found or an option that cannot be used.
    """
    if given.against:
        return _against(given)
    target = _new_file(given.write_contract)
    # A draft needs every question.
    questions = [] if target else given.only
    measured = measure(given.optimizer, _options(given.options), limit=given.time_limit, questions=questions)
    if given.json:
        print(json.dumps(report.content(measured), indent=1))
    else:
        for line in report.text(measured):
            print(line)
    if target:
        target.write_text(report.draft(measured), encoding="utf-8")
        command = commands.pytest_command(f"--optimizer={given.optimizer} --contract={target}")
        print(f"wrote {target}; read it, correct it, and run: {command}", file=sys.stderr)
    return 1 if measured.broken else 0


def _against(given: argparse.Namespace) -> int:
    """Measure two optimizers and print the answers that differ. Return 0, or 1 if one of them hung or crashed.

    The constructor options are those of the first one. Raises UsageError for an option that does not go with two optimizers.
    """
    if given.write_contract:
        raise UsageError("--write-contract: expected one optimizer; a draft cannot be written of a comparison, so omit --against")
    options = _options(given.options)
    first = measure(given.optimizer, options, limit=given.time_limit, questions=given.only)
    second = measure(given.against, {}, limit=given.time_limit, questions=given.only)
    if given.json:
        print(json.dumps(difference.content(first, second), indent=1))
    else:
        for line in difference.text(first, second):
            print(line)
    return 1 if first.broken or second.broken else 0


def _options(text: str) -> dict[str, Any]:
    """Return the constructor options in a JSON object. Raises UsageError if the text is anything else."""
    try:
        options = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"--options: not JSON: {error} (expected a JSON object such as '{{\"foreach\": true}}')") from None
    if not isinstance(options, dict):
        raise UsageError(f"--options: expected a JSON object such as '{{\"foreach\": true}}', got {text}")
    return options


def _new_file(name: str | None) -> Path | None:
    """Return the path of the file to write, or None without a name. Raises UsageError if it exists or its folder does not."""
    if name is None:
        return None
    path = Path(name)
    if path.exists():
        raise UsageError(f"--write-contract {name}: the file exists and is not overwritten; give another name, or move the file")
    if not path.parent.is_dir():
        raise UsageError(f"--write-contract {name}: the folder {path.parent} does not exist; make it first")
    return path
