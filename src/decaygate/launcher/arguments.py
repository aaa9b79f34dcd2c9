"""Command line of the launcher: its commands, their options, and what the user asked for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from decaygate import __version__
from decaygate.launcher import state
from decaygate.launcher.exit_codes import Mistake

SUITE, HARNESS = "suite", "harness"  # what a command starts: pytest on the suite, or the harness's own command line


@dataclass(frozen=True)
class Command:
    """A command: what it starts, its line in the help, an example of its arguments, and whether it needs the state folder."""

    starts: str
    help: str
    example: str
    writes_state: bool = False


COMMANDS: Mapping[str, Command] = {
    "check": Command(
        SUITE,
        "what an author runs first: the fingerprint, then the promises and the claims of probes (no training)",
        "mypkg.optim:MyAdamW",
        True,
    ),
    "claims": Command(SUITE, "every claim, with training", "--optimizer=mypkg.optim:MyAdamW --contract=decaygate.yaml", True),
    "fingerprint": Command(
        HARNESS, "what an optimizer does, without training", "mypkg.optim:MyAdamW --against torch.optim:AdamW"
    ),
    "contract": Command(HARNESS, "the fields that a contract can declare", "--json"),
    "record": Command(
        SUITE, "record goldens that are missing or have moved", "--optimizer=mypkg.optim:MyAdamW --golden-dir=golden", True
    ),
    "calibrate": Command(
        HARNESS, "calibrate the goldens of studies on many seeds (CPU hours)", "--golden-dir=golden --only verb_forms", True
    ),
    "list": Command(HARNESS, "every claim, and whether its source is right", "--kind probe"),
    "vocabulary": Command(HARNESS, "what a scenario can name: probes, measures, relations, sources", "zero_gradient"),
    "doctor": Command(HARNESS, "what this environment lacks, and where files are written", ""),
}
END_OF_HELP = """Each command has a --help with an example. --state DIR goes with every command.
Exit codes: 0 nothing to act on, 1 red, 2 interrupted, 4 a mistake in an option or a file, 5 nothing selected."""
HELP_OF_PYTEST = "arguments after -- go to pytest, for example: -- -k coupling -n 0"


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    `subjects` are the optimizers of the command line. `arguments` go to the harness, or to pytest as options of the suite;
    `for_pytest` are those after `--`.
    """

    command: str
    state: Path
    arguments: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    for_pytest: tuple[str, ...] = ()


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """A help text with room for the longest command, and with the lines of its end as they are written."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)


class _Parser(argparse.ArgumentParser):
    """A parser that raises Mistake where argparse would end the process with exit code 2."""

    def error(self, message: str) -> NoReturn:
        raise Mistake(f"{self.prog}: {message}; {self.prog} --help explains the options")


def parse(arguments: Sequence[str], program: str = "decaygate") -> Request:
    """Return what a command line asks for. Raises Mistake for a wrong one, and SystemExit(0) after --help and --version."""
    own, for_pytest = _split(arguments)
    parser, of_command = _parsers(program)
    given, others = parser.parse_known_args(own)
    command = COMMANDS[given.command]
    if for_pytest and command.starts != SUITE:
        raise Mistake(f"{program} {given.command}: arguments after -- go to pytest, which this command does not start")
    if command.starts == HARNESS:
        return Request(given.command, given.state, tuple(others))
    if others:
        of_command[given.command].error(f"unrecognized arguments: {' '.join(others)}; arguments for pytest stand after --")
    return Request(given.command, given.state, tuple(_options_of_suite(given)), tuple(_subjects(given)), for_pytest)


def _split(arguments: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the arguments before and after the first `--`."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    return words[:end], tuple(words[end + 1 :])


def _parsers(program: str) -> tuple[_Parser, dict[str, _Parser]]:
    """Return the parser of the command line, and that of each command."""
    parser = _Parser(
        prog=program,
        description="Every documented claim about weight decay as an executable test, for any PyTorch optimizer.",
        epilog=f"example: {program} check mypkg.optim:MyAdamW\n\n{END_OF_HELP}",
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"decaygate {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command", parser_class=_Parser)
    of_command = {}
    for name, command in COMMANDS.items():
        one = commands.add_parser(
            name,
            help=command.help,
            description=f"{command.help[0].upper()}{command.help[1:]}.",
            epilog=f"example: {program} {name} {command.example}\n\n{HELP_OF_PYTEST}",
            formatter_class=_Formatter,
            add_help=command.starts == SUITE,  # the harness prints the help of its own commands
            allow_abbrev=False,
        )
        one.add_argument(
            "--state",
            type=Path,
            default=Path(state.DEFAULT),
            metavar="DIR",
            help=f"folder for pytest's cache and trained chunks ({state.DEFAULT})",
        )
        if command.starts == SUITE:
            _add_options_of_suite(one, name)
        of_command[name] = one
    return parser, of_command


def _add_options_of_suite(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options that the suite's pytest plugin has (tests/plugin/options.py)."""
    subject = "[ROLE=]MODULE:ATTRIBUTE"
    if command == "check":
        parser.add_argument("subject", metavar=subject, help="the optimizer: a class or a factory, as in mypkg.optim:MyAdamW")
    else:
        parser.add_argument(
            "--optimizer", action="append", default=[], metavar=subject, help="the optimizer under test; repeatable"
        )
        parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where studies train (auto)")
        parser.add_argument("--long", action="store_true", help="also what is marked long")
        parser.add_argument("-m", metavar="KIND", dest="kind", help="only one kind of claims: probe, study or arithmetic")
    if command == "claims":
        parser.add_argument(
            "--claim", action="append", default=[], metavar="ID", help="only the claim with exactly this id; repeatable"
        )
    parser.add_argument("--contract", metavar="FILE", help="what the optimizer promises; without one, what its role promises")
    parser.add_argument("--expected-failures", metavar="FILE", help="claims that are known to fail, each with its reason")
    parser.add_argument("--write-expected-failures", metavar="FILE", help="write the red tests of this run into this new file")
    parser.add_argument("--golden-dir", metavar="DIR", help="folder of your own goldens")
    parser.add_argument("--report", metavar="DIR", help="write results.json and summary.md into this folder")


def _subjects(given: argparse.Namespace) -> list[str]:
    return [given.subject] if given.command == "check" else list(given.optimizer)


def _options_of_suite(given: argparse.Namespace) -> list[str]:
    """Return the options for pytest. Each is one word: pytest takes a separate value for the path of a test."""
    options = [f"--optimizer={subject}" for subject in _subjects(given)]
    options += [f"--claim={claim}" for claim in getattr(given, "claim", [])]
    for name in ("device", "contract", "expected_failures", "write_expected_failures", "golden_dir", "report"):
        value = getattr(given, name, None)
        options += [] if value is None else [f"--{name.replace('_', '-')}={value}"]
    options += ["--long"] if getattr(given, "long", False) else []
    kind = getattr(given, "kind", None)
    return [*options, "-m", kind] if kind else options
