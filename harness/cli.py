"""What can be asked without a run? The claims (`list`), the words of a scenario (`vocabulary`), an environment (`ready`)."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from typing import get_args

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
    words = commands.add_parser("vocabulary", help="print what a scenario can name: probes, measures, relations, sources")
    words.add_argument("probe", nargs="?", help="one probe: its settings and its measures")
    commands.add_parser("ready", help="name what this environment lacks to run the suite")
    given = parser.parse_args(arguments)
    try:
        if given.command == "ready":
            return ready()
        return vocabulary(given.probe) if given.command == "vocabulary" else list_claims(given.kind, given.role)
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


def vocabulary(probe: str | None) -> int:
    """Print the closed vocabularies, or one probe's settings and measures. Raises UsageError for an unknown probe."""
    from harness.binding import unknown
    from harness.probes import PROBES

    if probe is not None and probe not in PROBES:
        raise UsageError(unknown(probe, list(PROBES), what="probe"))
    for line in _probe_words(probe) if probe is not None else _all_words():
        print(line)
    return 0


def _probe_words(name: str) -> Iterator[str]:
    from harness.probes import PROBES

    probe = PROBES[name]
    yield from (probe.run.__doc__ or "").strip().splitlines()[:1]
    yield "settings"
    for field in fields(probe.settings):
        needed = "needed" if field.default is MISSING else f"default {field.default}"
        yield f"  {field.name}: {field.type} ({needed})"
    yield "measures"
    yield from (f"  {measure}: {says}" for measure, says in probe.measures.items())


def _all_words() -> Iterator[str]:
    from harness.arithmetic import FORMULAS
    from harness.catalogue import load_sources
    from harness.measure import MEASURES
    from harness.probes import PROBES
    from harness.scenario import Relation

    yield "probes (python -m harness vocabulary PROBE)"
    yield from (f"  {name}: {', '.join(probe.measures)}" for name, probe in PROBES.items())
    yield "measures of a study"
    yield from (f"  {name} ({measure.unit}): {measure.says}" for name, measure in MEASURES.items())
    yield "formulas of arithmetic"
    yield from (f"  {name}: {formula.measure}" for name, formula in FORMULAS.items())
    yield f"relations\n  {', '.join(get_args(Relation))}"
    yield "sources"
    yield from (f"  {key}: {source.title} ({source.author})" for key, source in load_sources().items())


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
