"""What can be asked without running anything? `list` prints every claim, `ready` names what an environment lacks."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence

from harness.errors import UsageError

NEEDED = {
    "torch": "torch",
    "numpy": "numpy",
    "pytest": "pytest",
    "xdist": "pytest-xdist",
    "syrupy": "syrupy",
    "yaml": "pyyaml",
    "filelock": "filelock",
}


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code: 0 done, 1 something is missing, 2 or 4 the user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m harness", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    listing = commands.add_parser("list", help="print every claim with what is established of it")
    listing.add_argument("--kind", choices=("probe", "study", "arithmetic"), help="only the claims of this kind")
    listing.add_argument("--role", choices=("decoupled", "coupled", "sgd"), help="only the claims that involve this role")
    commands.add_parser("ready", help="name what this environment lacks to run the suite")
    given = parser.parse_args(arguments)
    try:
        return ready() if given.command == "ready" else list_claims(given.kind, given.role)
    except UsageError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 4


def ready() -> int:
    """Say which packages are missing and how to install them; never install anything."""
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        print(f"{sys.executable} lacks {', '.join(missing)}", file=sys.stderr)
        print(f"install them there: {sys.executable} -m pip install -c constraints.txt {' '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


def list_claims(kind: str | None, role: str | None) -> int:
    """Print one line a claim: id, what is established, its kind and scenario, where it is made."""
    from harness.catalogue import load

    rows = []
    for entry in load().values():
        for claim in entry.scenario.claims:
            roles = {entry.scenario.arms[arm].role for arm in claim.arms}
            if kind in (None, entry.scenario.kind) and (role is None or role in roles):
                cited = ", ".join(item.catalogue or item.source for item in claim.sources)
                rows.append((claim.id, claim.established, f"{entry.scenario.kind} {entry.id}", cited))
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]))
    print(f"{len(rows)} claims")
    return 0
