"""Commands of decaygate that run no test: fingerprint, contract, list, vocabulary, calibrate, doctor, ready."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from harness.environment import determinism
from harness.environment.commands import program
from harness.environment.requirements import check_requirements
from harness.errors import UsageError


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    0: the command succeeded. 1: a package is missing, an optimizer hung or crashed, or a golden was not written. 4: an
    argument or a file is wrong. Raises SystemExit with code 0 after --help.
    """
    try:
        given = _parser().parse_args(arguments)
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
        case "doctor":
            from harness.cli.doctor import doctor

            return doctor()
    return check_requirements()


class _Parser(argparse.ArgumentParser):
    """A parser that raises UsageError where argparse would end the process with exit code 2."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}; {self.prog} --help explains the arguments")


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = _Parser(prog=program(), description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command", parser_class=_Parser)
    for name, (help_text, example, add_arguments) in COMMANDS.items():
        description = f"{help_text[0].upper()}{help_text[1:]}."
        command = commands.add_parser(
            name, help=help_text, description=description, epilog=f"example: {program()} {name} {example}".rstrip()
        )
        add_arguments(command)
    return parser


def _fingerprint_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "optimizer", metavar="MODULE:ATTRIBUTE", help="a class, or a factory called as factory(params, lr=..., ...)"
    )
    parser.add_argument("--against", metavar="MODULE:ATTRIBUTE", help="print only the answers that differ from this optimizer's")
    parser.add_argument(
        "--options",
        default="{}",
        metavar="JSON",
        help="constructor options, for example '{\"foreach\": true}'; a text module:attribute is replaced by what it names, for "
        'example \'{"state_dtype": "torch:bfloat16"}\'',
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="QUESTION", help="answer only these questions")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--write-contract", metavar="FILE", help="also write a draft of the contract to this new file")
    parser.add_argument("--time-limit", type=float, default=10.0, metavar="S", help="seconds that one step can take (10)")


def _contract_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", choices=("probe", "study", "arithmetic"), help="only claims of this kind")
    parser.add_argument(
        "--role", choices=("decoupled", "coupled", "sgd", "any"), help="only claims that read an arm of this role"
    )


def _vocabulary_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("probe", nargs="?", help="print the settings and measures of this probe")


def _calibrate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=64, help="number of seeds of each study, from its first one on (64)")
    parser.add_argument("--only", nargs="+", default=[], metavar="STUDY", help="only these studies")
    parser.add_argument("--optimizer", action="append", default=[], metavar="[ROLE=]MODULE:ATTRIBUTE", help="as in pytest")
    parser.add_argument("--contract", type=Path, metavar="FILE", help="as in pytest")
    parser.add_argument("--golden-dir", type=Path, metavar="DIR", help="as in pytest")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="device of the training (cpu)")
    parser.add_argument("--runs", type=Path, metavar="DIR", help="folder of trained chunks: reuse them, and keep new ones")


def _no_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no argument to a command that takes none."""


# For each command: its line in the help, an example, and the function that declares its arguments.
COMMANDS: Mapping[str, tuple[str, str, Callable[[argparse.ArgumentParser], None]]] = {
    "fingerprint": (
        "measure what an optimizer does, without training",
        "mypkg.optim:MyAdamW --against torch.optim:AdamW",
        _fingerprint_arguments,
    ),
    "contract": ("print the fields that a contract can declare", "--json", _contract_arguments),
    "list": ("print every claim and whether its source is right", "--kind probe", _list_arguments),
    "vocabulary": (
        "print what a scenario can name: probes, measures, relations, sources",
        "zero_gradient",
        _vocabulary_arguments,
    ),
    "calibrate": (
        "calibrate the goldens of studies on many seeds (takes CPU hours)",
        "--optimizer=mypkg.optim:MyAdamW --golden-dir=golden",
        _calibrate_arguments,
    ),
    "doctor": ("print the versions of this environment, what it lacks, and where files are written", "", _no_arguments),
    "ready": ("print the packages that this environment lacks to run the suite", "", _no_arguments),
}
