"""The command `fingerprint`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from harness.environment import commands
from harness.errors import UsageError
from harness.fingerprint import report
from harness.fingerprint.process import measure
from harness.spec.contract import FIELDS


def fingerprint(given: argparse.Namespace) -> int:
    """Measure an optimizer and print its fingerprint; 1 when it hung or crashed. Raises UsageError for what cannot be used."""

    target = _new_file(given.write_contract)
    questions = [*given.only, *(FIELDS if target and given.only else ())]
    found = measure(given.optimizer, _options(given.options), limit=given.time_limit, questions=questions)
    if given.json:
        print(json.dumps(report.content(found), indent=1))
    else:
        for line in report.text(found):
            print(line)
    if target:
        target.write_text(report.draft(found), encoding="utf-8")
        run = commands.pytest_command(f"--optimizer={given.optimizer} --contract={target}")
        print(f"wrote {target}; read it, correct it, and run: {run}", file=sys.stderr)
    return 1 if found.broken else 0


def _options(text: str) -> dict[str, Any]:
    try:
        options = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"--options: not JSON: {error} (expected for example '{{\"foreach\": true}}')") from None
    if not isinstance(options, dict):
        raise UsageError(f"--options: expected a JSON object such as '{{\"foreach\": true}}', got {text}")
    return options


def _new_file(name: str | None) -> Path | None:
    """Return the path of a file that may be written. Raises UsageError when it exists or has no folder."""
    if name is None:
        return None
    path = Path(name)
    if path.exists():
        raise UsageError(f"--write-contract {name}: the file exists, and is not overwritten; name another, or move it away")
    if not path.parent.is_dir():
        raise UsageError(f"--write-contract {name}: there is no folder {path.parent}")
    return path
