"""Commands of decaygate that run no test: fingerprint, contract, list, vocabulary, calibrate, ready."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.environment import determinism
from harness.environment.requirements import check_requirements
from harness.errors import UsageError


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    0: the command succeeded. 1: a package is missing, an optimizer hung or crashed, or a golden was not written. 4: an
    argument or a file is wrong. Raises SystemExit with code 2 for arguments that the parser refuses.
    """
    given = _parser().parse_args(arguments)
    try:
        code = _run(given)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of the output has enough, as in `vocabulary | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UsageError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 4


def _run(given: argparse.Namespace) -> int:
    """Import and run one command.

    Only this command is imported: it starts sooner, and `ready` also runs where packages are missing.
    """
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
    return check_requirements()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    fingerprint = commands.add_parser("fingerprint", help="measure what an optimizer does, without training")
    fingerprint.add_argument(
        "optimizer", metavar="MODULE:ATTRIBUTE", help="a class, or a factory called as factory(params, lr=..., ...)"
    )
    fingerprint.add_argument(
        "--options",
        default="{}",
        metavar="JSON",
        help="constructor options, for example '{\"foreach\": true}'; a text module:attribute is replaced by what it names, for "
        'example \'{"state_dtype": "torch:bfloat16"}\'',
    )
    fingerprint.add_argument("--only", nargs="+", default=[], metavar="QUESTION", help="answer only these questions")
    fingerprint.add_argument("--json", action="store_true", help="print JSON")
    fingerprint.add_argument("--write-contract", metavar="FILE", help="also write a draft of the contract to this new file")
    fingerprint.add_argument("--time-limit", type=float, default=10.0, metavar="S", help="seconds that one step can take (10)")
    contract = commands.add_parser("contract", help="print the fields that a contract can declare")
    contract.add_argument("--json", action="store_true", help="print JSON")
    claims = commands.add_parser("list", help="print every claim and whether its source is right")
    claims.add_argument("--kind", choices=("probe", "study", "arithmetic"), help="only claims of this kind")
    claims.add_argument(
        "--role", choices=("decoupled", "coupled", "sgd", "any"), help="only claims that read an arm of this role"
    )
    vocabulary = commands.add_parser("vocabulary", help="print what a scenario can name: probes, measures, relations, sources")
    vocabulary.add_argument("probe", nargs="?", help="print the settings and measures of this probe")
    calibrate = commands.add_parser("calibrate", help="calibrate the goldens of studies on many seeds (takes CPU hours)")
    calibrate.add_argument("--seeds", type=int, default=64, help="number of seeds of each study, from its first one on (64)")
    calibrate.add_argument("--only", nargs="+", default=[], metavar="STUDY", help="only these studies")
    calibrate.add_argument("--optimizer", action="append", default=[], metavar="[ROLE=]MODULE:ATTRIBUTE", help="as in pytest")
    calibrate.add_argument("--contract", type=Path, metavar="FILE", help="as in pytest")
    calibrate.add_argument("--golden-dir", type=Path, metavar="DIR", help="as in pytest")
    calibrate.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="device of the training (cpu)")
    calibrate.add_argument("--runs", type=Path, metavar="DIR", help="folder of trained chunks: reuse them, and keep new ones")
    commands.add_parser("ready", help="print the packages that this environment lacks to run the suite")
    return parser
