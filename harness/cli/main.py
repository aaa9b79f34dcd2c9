"""The command line: its arguments, its commands, its exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.environment import determinism
from harness.environment.requirements import ready
from harness.errors import UsageError


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code: 0 done, 1 something is missing or broke, 2 or 4 the user's mistake."""
    given = _parser().parse_args(arguments)
    try:
        return _run(given)
    except UsageError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 4


def _run(given: argparse.Namespace) -> int:
    """Import one command and run it: the others' imports are not waited for, and `ready` runs where they are missing."""
    match given.command:
        case "vocabulary":
            from harness.cli.vocabulary import vocabulary

            return vocabulary(given.probe)
        case "list":
            from harness.cli.vocabulary import list_claims

            return list_claims(given.kind, given.role)
        case "contract":
            from harness.cli.contract import contract

            return contract(as_json=given.json)
        case "fingerprint":
            from harness.cli.fingerprint import fingerprint

            return fingerprint(given)
        case "calibrate":
            determinism.fix_environment()  # before torch is imported, and inherited by the processes that train
            from harness.cli.calibrate import calibrate

            return calibrate(given)
    return ready()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    print_of = commands.add_parser("fingerprint", help="measure what an optimizer does, without training")
    print_of.add_argument(
        "optimizer", metavar="MODULE:ATTRIBUTE", help="a class, or a factory called as factory(params, lr=..., ...)"
    )
    print_of.add_argument(
        "--options", default="{}", metavar="JSON", help="constructor options, for example '{\"foreach\": true}'"
    )
    print_of.add_argument("--only", nargs="+", default=[], metavar="QUESTION", help="only these lines")
    print_of.add_argument("--json", action="store_true", help="print JSON")
    print_of.add_argument("--write-contract", metavar="FILE", help="also draft a contract there; an existing file is kept")
    print_of.add_argument("--time-limit", type=float, default=10.0, metavar="S", help="seconds that one step may take (10)")
    fields_of = commands.add_parser("contract", help="print what a contract can declare")
    fields_of.add_argument("--json", action="store_true", help="print JSON")
    listing = commands.add_parser("list", help="print every claim with what is established of it")
    listing.add_argument("--kind", choices=("probe", "study", "arithmetic"), help="only the claims of this kind")
    listing.add_argument("--role", choices=("decoupled", "coupled", "sgd", "any"), help="only the claims that involve this role")
    words = commands.add_parser("vocabulary", help="print what a scenario can name: probes, measures, relations, sources")
    words.add_argument("probe", nargs="?", help="one probe: its settings and its measures")
    pools = commands.add_parser("calibrate", help="hold the goldens of studies on many seeds (CPU hours)")
    pools.add_argument("--seeds", type=int, default=64, help="seeds of each study, from its own first one on (64)")
    pools.add_argument("--only", nargs="+", default=[], metavar="STUDY", help="only these studies")
    pools.add_argument("--optimizer", action="append", default=[], metavar="[ROLE=]MODULE:ATTRIBUTE", help="as of a run")
    pools.add_argument("--contract", type=Path, metavar="FILE", help="as of a run")
    pools.add_argument("--golden-dir", type=Path, metavar="DIR", help="as of a run")
    pools.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the studies train (cpu)")
    pools.add_argument("--runs", type=Path, metavar="DIR", help="go on with the chunks that lie there, and keep them")
    commands.add_parser("ready", help="name what this environment lacks to run the suite")
    return parser
